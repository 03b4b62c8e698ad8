"""What changed from one snapshot to another."""

from dataclasses import dataclass

from oakum.core.repositories.snapshot import Role, SnapshotManifest, SnapshotPackage


@dataclass(frozen=True, slots=True)
class SnapshotDiff:
    """Changes of what a snapshot offers; what it keeps for going back is not compared."""

    added: tuple[SnapshotPackage, ...]
    removed: tuple[SnapshotPackage, ...]
    changed: tuple[tuple[SnapshotPackage, SnapshotPackage], ...]


def diff(old: SnapshotManifest, new: SnapshotManifest) -> SnapshotDiff:
    """Compare the candidates of two snapshots."""
    before, after = _candidates(old), _candidates(new)
    return SnapshotDiff(
        added=tuple(after[key] for key in sorted(after.keys() - before.keys())),
        removed=tuple(before[key] for key in sorted(before.keys() - after.keys())),
        changed=tuple(
            (before[key], after[key])
            for key in sorted(before.keys() & after.keys())
            if before[key].sha256 != after[key].sha256
        ),
    )


def _candidates(manifest: SnapshotManifest) -> dict[tuple[str, str], SnapshotPackage]:
    return {(p.name, p.architecture): p for p in manifest.packages if Role.CANDIDATE in p.roles}
