"""Small packages: what a prepared host has installed, and what a snapshot offers it."""

from tests.integration.verifier.machine import Machine
from tests.lab.transactions.packages import (
    automatic,
    automatic_new,
    config,
    config_new,
    library,
    library_new,
)
from tests.lab.transactions.small_archive import SmallArchive, SmallPackage

from oakum.core.planning.change import PackageChange
from oakum.core.repositories.snapshot import Role, SnapshotManifest, SnapshotPackage

INSTALLED, OFFERED = (library, automatic, config), (library_new, automatic_new, config_new)
PAIRS = tuple(zip(INSTALLED, OFFERED, strict=True))
Pairs = tuple[tuple[SmallPackage, SmallPackage], ...]
VERSIONS = "dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\\n' 'oak-*' | grep -v '^$'"
OLD = "oak-auto 1:1.0 ii \noak-config 1.0 ii \noak-library 1.0 ii \n"
NEW = "oak-auto 1:1.1 ii \noak-config 1.1 ii \noak-library 1.1 ii \n"


def install_old(
    machine: Machine, archive: SmallArchive, packages: tuple[SmallPackage, ...] = INSTALLED
) -> None:
    for package in packages:
        deb = archive.path_of(package)
        (machine.root / "tmp" / deb.name).write_bytes(deb.read_bytes())
    machine.as_root("dpkg -i /tmp/*.deb && rm /tmp/*.deb && apt-mark auto oak-auto")


def manifest_of(archive: SmallArchive, pairs: Pairs = PAIRS) -> SnapshotManifest:
    """Return a manifest of what there is to go back to."""
    packages = tuple(_snapshot_package(archive, old) for old, _ in pairs)
    return SnapshotManifest("bookworm", "amd64", packages, ())


def changes_of(archive: SmallArchive, pairs: Pairs = PAIRS) -> tuple[PackageChange, ...]:
    return tuple(sorted((archive.change(*pair) for pair in pairs), key=lambda c: c.key))


def _snapshot_package(archive: SmallArchive, package: SmallPackage) -> SnapshotPackage:
    there = archive.change(None, package)
    return SnapshotPackage(
        package.name,
        package.version,
        package.architecture,
        package.name,
        package.version,
        there.sha256,
        there.size_bytes,
        10,
        (Role.INSTALLED,),
        "test",
    )
