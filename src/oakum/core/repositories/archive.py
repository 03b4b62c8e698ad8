"""What an upstream archive offers, once its signature was checked."""

from dataclasses import dataclass

from oakum.core.ids import Digest
from oakum.core.repositories.snapshot import UpstreamRelease

SYSTEM_KEYRINGS = "/usr/share/keyrings"


@dataclass(frozen=True, slots=True)
class ArchiveSource:
    """One suite of an archive, and the keys that may sign it."""

    uri: str
    """Where `dists` and `pool` are, without a slash at the end."""
    suite: str
    components: tuple[str, ...]
    keyring: str
    """File name of the keyring that signatures are checked with."""
    fingerprints: tuple[str, ...] = ()
    """If given, only these keys of it count."""

    @property
    def keyring_path(self) -> str:
        """Return where the keyring is: a name alone is one that the system ships."""
        return self.keyring if "/" in self.keyring else f"{SYSTEM_KEYRINGS}/{self.keyring}"


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
    phased_percentage: int | None = None
    """How many hosts in a hundred the archive lets have it so far; None where it is for all."""


@dataclass(frozen=True, slots=True)
class ArchiveIndex:
    """A verified index of one suite."""

    source: ArchiveSource
    release: UpstreamRelease
    packages: tuple[ArchivePackage, ...]
