"""Upstream package archives, and the store of frozen snapshots."""

from collections.abc import Iterable
from typing import Protocol

from oakum.core.ids import Digest, SnapshotId
from oakum.core.repositories.archive import ArchiveIndex, ArchivePackage, ArchiveSource
from oakum.core.repositories.snapshot import SnapshotManifest
from oakum.ports.progress import Progress


class PackageArchive(Protocol):
    """Reads upstream archives. Signatures are checked before anything else is believed."""

    def read_index(
        self, source: ArchiveSource, architecture: str, progress: Progress
    ) -> ArchiveIndex:
        """Return the verified index.

        Raises TrustError for a bad, missing or unknown signature, a digest that differs, or an
        expired Release; SourceError when the archive cannot be reached.
        """
        ...

    def fetch(self, packages: Iterable[ArchivePackage], progress: Progress) -> None:
        """Bring the packages into the pool, each checked against its digest; resumes."""
        ...


class SnapshotStore(Protocol):
    """Keeps the pool and the published snapshots on disk."""

    def has(self, digest: Digest) -> bool:
        """Tell whether the pool holds these bytes."""
        ...

    def put(self, content: bytes) -> Digest:
        """Add bytes to the pool."""
        ...

    def publish(self, manifest: SnapshotManifest, stanzas: dict[Digest, str]) -> None:
        """Write, sign and show the snapshot in one atomic step."""
        ...

    def verify(self, manifest: SnapshotManifest, progress: Progress) -> tuple[str, ...]:
        """Return what is wrong with it: signature, indices, every package. Empty is good."""
        ...

    def discard(self, manifest: SnapshotManifest) -> None:
        """Withdraw a damaged snapshot, and every pooled file that is not what it is named after.

        What is whole stays: to publish it again, only what was damaged has to be fetched.
        """
        ...

    def public_key(self) -> str:
        """Return Oakum's own public key, ASCII-armoured."""
        ...

    def remove(self, snapshot: SnapshotId) -> None:
        """Withdraw a snapshot, and the packages that no other one holds."""
        ...
