"""The way back: each change turned round, with the exact bytes that it leads to."""

from dataclasses import replace

from oakum.core.errors import RefusedError
from oakum.core.ids import Digest
from oakum.core.planning.change import ChangeKind, PackageChange
from oakum.core.repositories.snapshot import SnapshotManifest


def invert(
    changes: tuple[PackageChange, ...], manifest: SnapshotManifest
) -> tuple[PackageChange, ...]:
    """Return the changes that undo these, sorted by key.

    Raises RefusedError naming every package whose old version the snapshot does not hold.
    """
    missing = without_way_back(changes, manifest)
    if missing:
        named = ", ".join(f"{change.key} {change.old_version}" for change in missing)
        raise RefusedError(
            f"snapshot {manifest.id[:12]} does not hold the versions to go back to: {named}",
            hint="freeze a snapshot that holds every installed version, and plan with it",
        )
    return tuple(sorted((_inverse(c, manifest) for c in changes), key=lambda c: c.key))


def without_way_back(
    changes: tuple[PackageChange, ...], manifest: SnapshotManifest
) -> tuple[PackageChange, ...]:
    """Return the changes whose old version is not in the snapshot."""
    return tuple(
        change
        for change in changes
        if change.old_version
        and manifest.find(change.name, change.old_version, change.architecture) is None
    )


def _inverse(change: PackageChange, manifest: SnapshotManifest) -> PackageChange:
    old = manifest.find(change.name, change.old_version, change.architecture)
    return replace(
        change,
        kind=_opposite(change.kind),
        old_version=change.new_version,
        new_version=change.old_version,
        sha256=Digest("") if old is None else old.sha256,
        size_bytes=0 if old is None else old.size_bytes,
    )


def _opposite(kind: ChangeKind) -> ChangeKind:
    match kind:
        case ChangeKind.UPGRADE:
            return ChangeKind.DOWNGRADE
        case ChangeKind.DOWNGRADE:
            return ChangeKind.UPGRADE
        case ChangeKind.INSTALL:
            return ChangeKind.REMOVE
        case ChangeKind.REMOVE:
            return ChangeKind.INSTALL
