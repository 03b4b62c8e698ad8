import pytest

from oakum.core.ids import Digest
from oakum.core.planning.change import ChangeKind, PackageChange, RollbackClass
from oakum.core.planning.plan import RollbackVerdict
from oakum.core.repositories.snapshot import Role, SnapshotManifest, SnapshotPackage
from oakum.core.rollback.classes import class_of, verdict


def held(change: PackageChange) -> SnapshotManifest:
    package = SnapshotPackage(
        name=change.name,
        version=change.old_version,
        architecture=change.architecture,
        source_name=change.source_name,
        source_version=change.old_version,
        sha256=Digest("0" * 64),
        size_bytes=1,
        installed_size_kib=1,
        roles=(Role.INSTALLED,),
        origin="Debian bookworm",
    )
    return SnapshotManifest("bookworm", "amd64", (package,), ())


def upgrade(source: str, old: str, new: str, name: str = "") -> PackageChange:
    return PackageChange(
        kind=ChangeKind.UPGRADE if old else ChangeKind.INSTALL,
        name=name or source,
        architecture="amd64",
        old_version=old,
        new_version=new,
        sha256=Digest("1" * 64),
        size_bytes=1,
        source_name=source,
        rollback_class=class_of(source, name),
    )


@pytest.mark.parametrize(
    ("source", "name", "expected"),
    [
        ("openssl", "libssl3", RollbackClass.LIBRARY),
        ("nginx", "nginx-common", RollbackClass.SERVICE),
        ("openssh", "openssh-server", RollbackClass.SERVICE),
        ("postgresql-15", "postgresql-15", RollbackClass.STATEFUL),
        ("postgresql-common", "postgresql-common", RollbackClass.LIBRARY),
        ("glibc", "libc6", RollbackClass.CORE),
        ("systemd", "libsystemd0", RollbackClass.CORE),
        ("linux-signed-amd64", "linux-image-6.1.0-50-amd64", RollbackClass.KERNEL),
        ("linux", "linux-libc-dev", RollbackClass.LIBRARY),
        ("shim-signed", "shim-signed", RollbackClass.ONE_WAY),
        ("intel-microcode", "intel-microcode", RollbackClass.ONE_WAY),
        ("ca-certificates", "ca-certificates", RollbackClass.ONE_WAY),
    ],
)
def test_classes_of_well_known_packages(source: str, name: str, expected: RollbackClass) -> None:
    """The table gives what docs/concepts/rollback.md says."""
    assert class_of(source, name) is expected


def test_a_package_that_no_rule_names_is_as_a_library() -> None:
    """Services and libraries go back in the same way."""
    assert class_of("acme") is RollbackClass.LIBRARY


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (upgrade("openssl", "3.0.17-1~deb12u2", "3.0.18-1~deb12u1"), RollbackVerdict.FULL),
        (upgrade("postgresql-15", "15.18-0+deb12u1", "15.20-0+deb12u1"), RollbackVerdict.FULL),
        (upgrade("mariadb", "1:10.11.6-0+deb12u1", "1:10.11.14-0+deb12u2"), RollbackVerdict.FULL),
        (upgrade("mariadb", "1:10.6.1-1", "1:10.11.6-1"), RollbackVerdict.NEEDS_APPROVAL),
        (upgrade("glibc", "2.36-9+deb12u10", "2.36-9+deb12u13"), RollbackVerdict.FULL),
        (upgrade("glibc", "2.36-9", "2.37-1"), RollbackVerdict.NEEDS_APPROVAL),
        (upgrade("systemd", "252.36-1~deb12u1", "252.39-1~deb12u2"), RollbackVerdict.FULL),
        (upgrade("systemd", "252.36-1", "254.1-1"), RollbackVerdict.NEEDS_APPROVAL),
        (
            upgrade("linux-signed-amd64", "", "6.1.192-2", "linux-image-6.1.0-50-amd64"),
            RollbackVerdict.NEEDS_APPROVAL,
        ),
        (upgrade("shim-signed", "1.44", "1.45"), RollbackVerdict.NEEDS_APPROVAL),
    ],
)
def test_verdict_follows_class_and_series(change: PackageChange, expected: RollbackVerdict) -> None:
    """A stable branch can be gone back in; a new data format or a one-way package cannot."""
    found, reasons = verdict((change,), held(change))
    assert found is expected
    assert bool(reasons) == (expected is not RollbackVerdict.FULL)


def test_missing_bytes_make_it_impossible() -> None:
    """Whatever the class: without the old bytes there is no way back."""
    change = upgrade("openssl", "3.0.17-1", "3.0.18-1")
    found, reasons = verdict((change,), SnapshotManifest("bookworm", "amd64", (), ()))
    assert found is RollbackVerdict.IMPOSSIBLE
    assert reasons == ("openssl:amd64 3.0.17-1 is installed and in no archive, cache or snapshot",)
