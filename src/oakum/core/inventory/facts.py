"""All that one question to a host brings back."""

from dataclasses import dataclass
from datetime import datetime

from oakum.core.ids import CveId
from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.package import InstalledPackage


@dataclass(frozen=True, slots=True)
class RunningKernel:
    """What is booted, which may differ from what is installed."""

    release: str
    """`uname -r`: `6.1.0-50-amd64`."""
    version: str
    """`uname -v`; Debian's holds the package version: `#1 SMP … Debian 6.1.192-2 (date)`."""


@dataclass(frozen=True, slots=True)
class StaleProcess:
    """A process that still maps a file which was replaced or deleted on disk."""

    pid: int
    command: str
    unit: str
    """The systemd unit or init script that owns it; empty when none does."""
    path: str
    """The old file, without the kernel's ` (deleted)`."""
    package: str = ""
    """The binary package that owns the path, when the host could tell."""


@dataclass(frozen=True, slots=True)
class ModifiedConffile:
    """A configuration file of a package that the administrator changed."""

    path: str
    package: str
    recorded_md5: str
    actual_md5: str
    """Empty when the file is gone."""


@dataclass(frozen=True, slots=True)
class FileSystem:
    """Room on one mount point."""

    mount_point: str
    available_bytes: int
    size_bytes: int
    is_read_only: bool = False


@dataclass(frozen=True, slots=True)
class ListeningSocket:
    """A port that a host answers on."""

    protocol: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class PhasedUpdate:
    """An update of a source package that its archive does not have for all hosts yet."""

    source_name: str
    version: str
    percentage: int


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a host runs, as far as it could tell. Empty and None: not known."""

    machine: str = ""
    """What runs it: `kvm`, `systemd-nspawn`; `none` is bare metal."""
    vendor: str = ""
    """Who made the machine, as its firmware says: a cloud gives its own name."""
    boot_mode: str = ""
    """`UEFI` or `not UEFI`."""
    root_file_system: str = ""
    network_managers: tuple[str, ...] | None = None
    """Sorted: `ifupdown`, `netplan`."""
    network_drivers: tuple[str, ...] | None = None
    """Sorted: `virtio_net`."""
    up_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """A systemd service of a package that begins with the host, or runs."""

    unit: str
    package: str
    is_enabled: bool
    is_running: bool


@dataclass(frozen=True, slots=True)
class UnreadableLine:
    """A line that the host printed and that we could not understand: counted, never dropped."""

    section: str
    line: str


@dataclass(frozen=True, slots=True)
class IndexReading:
    """What a host told of its package indices, which holds while they have the same digest.

    Fields have the names that they have in Facts, and are stored there.
    """

    indices_digest: str = ""
    package_origins: tuple[tuple[str, str], ...] = ()
    unlisted_packages: tuple[str, ...] = ()
    phased: tuple[PhasedUpdate, ...] = ()
    unreadable: tuple[UnreadableLine, ...] = ()


INDICES_UNASKED = IndexReading("none")
"""In the place of an earlier answer, where nobody needs one: around a transaction."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One host at one moment."""

    collected_at: datetime
    hostname: str
    machine_id: str
    boot_id: str
    architecture: str
    distribution: Distribution
    kernel: RunningKernel
    has_systemd: bool
    is_container: bool
    """Its kernel is the machine's: kernel packages on it say nothing about exposure."""
    packages: tuple[InstalledPackage, ...]
    stale_processes: tuple[StaleProcess, ...] = ()
    saw_all_processes: bool = True
    """False without root or without /proc: what processes still run could not be read."""
    unread_processes: tuple[str, ...] = ()
    """`pid command` of those that even root could not read, where others could be."""
    modified_conffiles: tuple[ModifiedConffile, ...] = ()
    file_systems: tuple[FileSystem, ...] = ()
    failed_units: tuple[str, ...] = ()
    sockets: tuple[ListeningSocket, ...] = ()
    package_sources: tuple[str, ...] = ()
    """The host's apt sources, one per line, as evidence: Oakum never installs from them."""
    package_origins: tuple[tuple[str, str], ...] = ()
    """(name:architecture, origin) of packages which come from no Debian archive."""
    unlisted_packages: tuple[str, ...] = ()
    """Names that no index of the host has: put in by hand, or from an archive that is gone."""
    has_package_indices: bool = True
    """False where apt's lists are empty: then `package_origins` says nothing."""
    subscriptions: tuple[str, ...] = ()
    """Paid channels that it gets fixes from, sorted: `esm-apps`, `esm-infra`."""
    livepatched: tuple[CveId, ...] = ()
    """CVEs that a patch mends in the running kernel, as its livepatch client tells; sorted."""
    phased: tuple[PhasedUpdate, ...] = ()
    """Updates of what it has installed, as its own package indices tell."""
    indices_digest: str = ""
    """Of all that its package indices' answer follows from; empty where that may not be kept."""
    reboot_flag: bool | None = None
    """None when nothing on the host would ever set the flag."""
    timezone: str = ""
    """By the name that IANA gives it; empty when the host names none."""
    environment: Environment = Environment()
    services: tuple[Service, ...] | None = None
    """None where they could not be asked for: without systemd, or by an older script."""
    unreadable: tuple[UnreadableLine, ...] = ()

    def package(self, key: str) -> InstalledPackage | None:
        """Return the package of this `name:architecture`."""
        return next((package for package in self.packages if package.key == key), None)
