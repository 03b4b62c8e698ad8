"""Rollback classes per source package, from a table, and what a whole plan's way back is worth.

The table and its reasons are explained in docs/concepts/rollback.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from oakum.core.planning.change import ChangeKind, PackageChange, RollbackClass
from oakum.core.planning.plan import RollbackVerdict
from oakum.core.repositories.snapshot import SnapshotManifest
from oakum.core.rollback.inverse import without_way_back


@dataclass(frozen=True, slots=True)
class ClassRule:
    """Source packages that are undone alike. The first rule that matches decides."""

    rollback_class: RollbackClass
    patterns: tuple[str, ...]
    series_parts: int | None = None
    """How many leading parts of the upstream version name one data format or stable branch,
    inside which a package can go back. None: the upstream version must not change at all."""


RULES: tuple[ClassRule, ...] = (
    ClassRule(
        RollbackClass.ONE_WAY,
        (
            *("shim*", "fwupd*", "firmware-*", "linux-firmware", "*-microcode", "secureboot-db"),
            *("ca-certificates", "cryptsetup", "tpm2-*", "efitools"),
        ),
    ),
    ClassRule(RollbackClass.KERNEL, ("linux", "linux-signed*", "linux-[0-9]*", "linux-meta*")),
    ClassRule(RollbackClass.CORE, ("systemd",), series_parts=1),
    ClassRule(RollbackClass.CORE, ("dbus", "dbus-broker", "dpkg", "apt", "pam"), series_parts=2),
    ClassRule(
        RollbackClass.CORE,
        (
            *("glibc", "icu", "initramfs-tools", "dracut*", "grub2", "grub-efi-*-signed"),
            *("base-files", "base-passwd", "libselinux", "refpolicy", "util-linux", "lvm2"),
        ),
    ),
    ClassRule(RollbackClass.STATEFUL, ("postgresql-[0-9]*",), series_parts=1),
    ClassRule(
        RollbackClass.STATEFUL,
        (
            *("mariadb*", "mysql*", "percona*", "mongodb*", "redis", "valkey", "rabbitmq-server"),
            *("elasticsearch*", "opensearch*", "openldap", "samba", "influxdb*", "cassandra"),
            *("etcd", "couchdb", "slurm-wlm", "cyrus-imapd", "dovecot", "gitlab*", "nextcloud*"),
        ),
        series_parts=2,
    ),
    ClassRule(
        RollbackClass.SERVICE,
        (
            *("nginx", "apache2", "openssh", "haproxy", "squid", "varnish", "lighttpd", "caddy"),
            *("postfix", "exim4", "bind9", "unbound", "dnsmasq", "chrony", "ntpsec", "cron"),
            *("rsyslog", "cups", "vsftpd", "proftpd*", "nfs-utils", "openvpn", "strongswan"),
            *("isc-dhcp", "kea", "php[0-9]*", "tomcat*", "docker.io", "containerd", "libvirt"),
            *("snapd", "network-manager", "memcached", "sudo", "polkit", "policykit-1"),
        ),
    ),
)

KERNEL_BINARIES = ("linux-image-*", "linux-modules-*")
"""Of a kernel's source package only these are booted; its headers and tools are mere files."""


def class_of(source_name: str, package_name: str = "") -> RollbackClass:
    """Return how packages of this source are undone; one that no rule names is as a library is."""
    rule = _rule_for(source_name)
    if rule is None:
        return RollbackClass.LIBRARY
    if (
        rule.rollback_class is RollbackClass.KERNEL
        and package_name
        and not _is_booted(package_name)
    ):
        return RollbackClass.LIBRARY
    return rule.rollback_class


def verdict(
    changes: tuple[PackageChange, ...], manifest: SnapshotManifest
) -> tuple[RollbackVerdict, tuple[str, ...]]:
    """Judge the way back of all changes together, with a reason for whatever is not FULL."""
    missing = without_way_back(changes, manifest)
    if missing:
        return RollbackVerdict.IMPOSSIBLE, tuple(
            f"{change.key} {change.old_version} is installed and in no archive, cache or snapshot"
            for change in missing
        )
    reasons = tuple(reason for change in changes if (reason := _doubt_about(change)))
    if reasons:
        return RollbackVerdict.NEEDS_APPROVAL, reasons
    return RollbackVerdict.FULL, ()


def goes_back_alone(changes: Iterable[PackageChange]) -> bool:
    """Tell whether a host may go back by itself: nobody is asked then about what has no safe way.

    A database that would meet data of a newer version, a kernel, firmware: for these a person
    approved that there is no way back, and no timer may know better.
    """
    return not any(_doubt_about(change) for change in changes)


def _doubt_about(change: PackageChange) -> str:
    named = f"{change.key} {change.old_version or 'new'} → {change.new_version or 'removed'}"
    match change.rollback_class:
        case RollbackClass.LIBRARY | RollbackClass.SERVICE:
            return ""
        case RollbackClass.STATEFUL if not _leaves_its_series(change):
            return ""
        case RollbackClass.STATEFUL:
            return f"{named}: the new version may convert its data; the way back is a backup"
        case RollbackClass.CORE if not _leaves_its_series(change):
            return ""
        case RollbackClass.CORE:
            return f"{named}: part of the system's core leaves its stable branch"
        case RollbackClass.KERNEL:
            return f"{named}: a running kernel is left only by booting the old one"
        case RollbackClass.ONE_WAY:
            return f"{named}: revocations, firmware and trust go forward only"


def _leaves_its_series(change: PackageChange) -> bool:
    if change.kind is ChangeKind.INSTALL:
        return False
    if change.kind is ChangeKind.REMOVE:
        return True
    rule = _rule_for(change.source_name)
    parts = None if rule is None else rule.series_parts
    return _series(change.old_version, parts) != _series(change.new_version, parts)


def _series(version: str, parts: int | None) -> tuple[str, ...]:
    """Return the epoch and the leading parts of the upstream version."""
    epoch, _, rest = version.rpartition(":")
    upstream = rest.rsplit("-", 1)[0] if "-" in rest else rest
    pieces = tuple(upstream.partition("+")[0].split("."))
    return (epoch, *(pieces if parts is None else pieces[:parts]))


def _rule_for(source_name: str) -> ClassRule | None:
    return next(
        (rule for rule in RULES if any(fnmatchcase(source_name, p) for p in rule.patterns)), None
    )


def _is_booted(package_name: str) -> bool:
    return any(fnmatchcase(package_name, pattern) for pattern in KERNEL_BINARIES)
