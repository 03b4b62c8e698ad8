"""Upstream package archives, and the store of frozen snapshots."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from oakum.core.ids import Digest, SnapshotId
from oakum.core.repositories.snapshot import Snapshot, SnapshotManifest, UpstreamRelease

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done and how much there is (bytes or items)."""


@dataclass(frozen=True, slots=True)
class ArchiveSource:
    """One suite of an archive, and the keys that may sign it."""

    uri: str
    """`http://deb.debian.org/debian`."""
    suite: str
    components: tuple[str, ...]
    keyring: str
    """File name of the keyring that signatures are checked with."""
    fingerprints: tuple[str, ...] = ()
    """If given, only these keys of it count."""


@dataclass(frozen=True, slots=True)
class ArchivePackage:
    """One stanza of a Packages index."""

    name: str
    version: str
    architecture: str
    source_name: str
    source_version: str
    filename: str
    size_bytes: int
    sha256: Digest
    installed_size_kib: int
    depends: str
    """Pre-Depends and Depends, as they stand, joined by a comma."""
    provides: str
    fields: str
    """The whole stanza: it goes into the snapshot's own index unchanged, but for Filename."""
    source: ArchiveSource


@dataclass(frozen=True, slots=True)
class ArchiveIndex:
    """A verified index of one suite."""

    source: ArchiveSource
    release: UpstreamRelease
    packages: tuple[ArchivePackage, ...]


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

    def publish(self, manifest: SnapshotManifest, stanzas: dict[Digest, str]) -> int:
        """Write, sign and show the snapshot in one atomic step; return its bytes."""
        ...

    def verify(self, snapshot: Snapshot, progress: Progress) -> tuple[str, ...]:
        """Return what is wrong with it: signature, indices, every package. Empty is good."""
        ...

    def public_key(self) -> str:
        """Return Oakum's own public key, ASCII-armoured."""
        ...

    def remove(self, snapshot: SnapshotId) -> None:
        """Withdraw a snapshot, and the packages that no other one holds."""
        ...
