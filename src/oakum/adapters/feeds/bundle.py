"""A bundle: feeds as files with a manifest, for places without a network, and for a first look.

What comes from elsewhere is signed: `manifest.json.asc` holds the manifest as a cleartext-signed
text, and the manifest holds the digest of every file.
"""

import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Protocol

import msgspec

from oakum.adapters.feeds.kept import KeptFeeds
from oakum.adapters.feeds.parsing import decode
from oakum.adapters.feeds.reading import Provenance, read_feed
from oakum.core import tar
from oakum.core.advisories.feed import FeedName
from oakum.core.canonical import digest_of_bytes
from oakum.core.errors import InputError, NotFoundError, SourceError, TrustError
from oakum.core.text import one_line
from oakum.ports.advisory_feed import FeedContent
from oakum.ports.signing import Verifier

MANIFEST, SIGNED_MANIFEST = "manifest.json", "manifest.json.asc"
FORMAT = 1
MAX_BYTES = 512 * 1024 * 1024
"""Of one file: it is held in memory."""
MAX_TOTAL_BYTES = 4 * MAX_BYTES
MAX_FILES = 1000
HINT = "a bundle is a directory or a tar with a manifest.json in it"
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class BundleFile(msgspec.Struct, frozen=True):
    """One feed of a bundle."""

    feed: str
    file: str
    sha256: str
    data_as_of: Moment
    records: int
    origin: str
    licence: str = ""


class Manifest(msgspec.Struct, frozen=True):
    """What a bundle holds."""

    format: int
    name: str
    made_at: Moment
    files: tuple[BundleFile, ...]


class Files(Protocol):
    """The files of a bundle."""

    def read(self, name: str) -> bytes | None:
        """Return a file; None when it is not there."""
        ...


class Bundle:
    """Feeds from a directory, a tar, or the one that ships with Oakum."""

    def __init__(self, held: Files, name: str, manifest: bytes, *, signer: str = "") -> None:
        self._files = held
        self._name = name
        self._signer = signer
        self._kept: KeptFeeds | None = None
        self.manifest = decode(manifest, Manifest, f"{name}/{MANIFEST}")
        if self.manifest.format != FORMAT:
            raise InputError(
                f"{name} is a bundle of format {self.manifest.format}; "
                f"this Oakum reads format {FORMAT}"
            )

    def keeping(self, kept: KeptFeeds) -> "Bundle":
        """Return the bundle, of which each feed is kept that is loaded."""
        self._kept = kept
        return self

    def feeds(self) -> Iterable[FeedName]:
        """Return the feeds of the bundle that this Oakum knows."""
        known = {feed.value for feed in FeedName}
        return [FeedName(entry.feed) for entry in self.manifest.files if entry.feed in known]

    def load(self, feed: FeedName) -> FeedContent:
        """Return a feed, checked against the manifest."""
        entry = next((e for e in self.manifest.files if e.feed == feed.value), None)
        if entry is None:
            raise NotFoundError(f"the bundle {self._name} has no feed {feed.value}")
        content = _existing(self._files, entry.file, self._name)
        if digest_of_bytes(content) != entry.sha256:
            raise TrustError(
                f"{entry.file} of the bundle {self._name} is not what its manifest says",
                hint="it was damaged or changed on its way; copy the bundle again",
            )
        signed = f", signed by {self._signer}" if self._signer else ""
        origin = f"bundle {one_line(self.manifest.name, 80)}{signed}: {one_line(entry.origin, 200)}"
        provenance = Provenance(origin, self.manifest.made_at, entry.data_as_of)
        found = read_feed(feed, content, provenance)
        if self._kept is not None:
            self._kept.keep(feed, content, self.manifest.made_at)
        return found


def shipped_bundle() -> Bundle:
    """Return the bundle that ships with Oakum: it is as good as the program is."""
    place = files("oakum") / "data" / "bundle"
    return Bundle(
        _Directory(place), "shipped with Oakum", _existing(_Directory(place), MANIFEST, "shipped")
    )


def open_bundle(path: Path, trusted: Verifier, *, may_be_unsigned: bool = False) -> Bundle:
    """Return a bundle from a directory or a tar.

    Raises TrustError unless a key that counts here has signed it; a bundle without any signature
    is taken where `may_be_unsigned`. One whose signature does not hold is never taken.
    """
    name = one_line(str(path))
    held: Files = _Directory(path) if _is_directory(path) else _Tar(path)
    signed = held.read(SIGNED_MANIFEST)
    if signed is not None:
        checked = trusted.verified(signed, f"{name}/{SIGNED_MANIFEST}")
        return Bundle(held, name, checked.text.encode(), signer=checked.signer[:16])
    manifest = _existing(held, MANIFEST, name)
    if not may_be_unsigned:
        raise TrustError(
            f"the bundle {name} is not signed: anybody may have made it",
            hint="make it with `oakum advisories bundle`, or take it all the same with --unsigned",
        )
    return Bundle(held, name, manifest)


class _Directory:
    def __init__(self, place: Traversable) -> None:
        self._place = place

    def read(self, name: str) -> bytes | None:
        if "/" in name or name.startswith("."):
            raise InputError(f"the bundle {self._place} names a file {name!r} outside itself")
        try:
            return (self._place / name).read_bytes()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise SourceError(
                f"{one_line(name)} of the bundle {self._place} cannot be read: {error}", hint=HINT
            ) from error


class _Tar:
    """Read file by file, so that no more than one of them is in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, name: str) -> bytes | None:
        passed = 0
        with self._opened() as archive:
            for number, member in enumerate(tar.members(archive)):
                if number > MAX_FILES:
                    raise InputError(f"{self._path} holds more than {MAX_FILES} files")
                passed += member.size
                if member.size > MAX_BYTES or passed > MAX_TOTAL_BYTES:
                    raise InputError(
                        f"{self._path} unpacks to too much: at most {MAX_BYTES >> 20} MiB a file, "
                        f"and {MAX_TOTAL_BYTES >> 20} MiB together"
                    )
                if member.isreg() and Path(member.name).name == name:
                    file = archive.extractfile(member)
                    return file.read() if file is not None else None
        return None

    @contextmanager
    def _opened(self) -> Iterator[tarfile.TarFile]:
        try:
            with tarfile.open(self._path, tarinfo=tar.Heading) as archive:
                yield archive
        except tar.BROKEN as error:
            raise InputError(
                f"{one_line(str(self._path))} is no bundle: {one_line(str(error))}", hint=HINT
            ) from error


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError as error:
        raise InputError(
            f"{one_line(str(path))} is no bundle: {error.strerror}", hint=HINT
        ) from error


def _existing(held: Files, name: str, bundle: str) -> bytes:
    content = held.read(name)
    if content is None:
        raise InputError(f"the bundle {bundle} has no file {one_line(name)!r}", hint=HINT)
    return content
