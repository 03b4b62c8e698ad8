"""A bundle: feeds as files with a manifest, for places without a network, and for a first look."""

import lzma
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import msgspec

from oakum.adapters.feeds.parsing import decode
from oakum.adapters.feeds.reading import Provenance, read_feed
from oakum.core.advisories.feed import FeedName
from oakum.core.canonical import digest_of_bytes
from oakum.core.errors import InputError, NotFoundError, SourceError, TrustError
from oakum.core.text import one_line
from oakum.ports.advisory_feed import FeedContent

MANIFEST = "manifest.json"
MAX_BYTES = 512 * 1024 * 1024
"""Of all files of a tar: they are held in memory."""
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class BundleFile(msgspec.Struct, frozen=True):
    """One feed of a bundle."""

    feed: str
    file: str
    sha256: str
    data_as_of: Moment
    records: int
    origin: str
    licence: str


class Manifest(msgspec.Struct, frozen=True):
    """What a bundle holds."""

    format: int
    name: str
    made_at: Moment
    files: tuple[BundleFile, ...]


class Bundle:
    """Feeds from a directory, a tar, or the one that ships with Oakum."""

    def __init__(self, contents: dict[str, bytes] | Traversable, name: str) -> None:
        self._contents = contents
        self._name = name
        manifest = decode(self._read(MANIFEST), Manifest, f"{name}/{MANIFEST}")
        if manifest.format != 1:
            raise InputError(
                f"{name} is a bundle of format {manifest.format}; this Oakum reads format 1"
            )
        self.manifest = manifest

    def feeds(self) -> Iterable[FeedName]:
        """Return the feeds of the bundle that this Oakum knows."""
        known = {feed.value for feed in FeedName}
        return [FeedName(entry.feed) for entry in self.manifest.files if entry.feed in known]

    def load(self, feed: FeedName) -> FeedContent:
        """Return a feed, checked against the manifest."""
        entry = next((e for e in self.manifest.files if e.feed == feed.value), None)
        if entry is None:
            raise NotFoundError(f"the bundle {self._name} has no feed {feed.value}")
        content = self._read(entry.file)
        if digest_of_bytes(content) != entry.sha256:
            raise TrustError(
                f"{entry.file} of the bundle {self._name} is not what its manifest says",
                hint="it was damaged or changed on its way; copy the bundle again",
            )
        origin = f"bundle {self.manifest.name}: {entry.origin}"
        provenance = Provenance(origin, self.manifest.made_at, entry.data_as_of)
        return read_feed(feed, content, provenance)

    def _read(self, name: str) -> bytes:
        if isinstance(self._contents, dict):
            if name in self._contents:
                return self._contents[name]
            raise InputError(f"the bundle {self._name} has no file {name!r}")
        if "/" in name or name.startswith("."):
            raise InputError(f"the bundle {self._name} names a file {name!r} outside itself")
        try:
            return (self._contents / name).read_bytes()
        except OSError as error:
            raise SourceError(
                f"{name} of the bundle {self._name} cannot be read: {error.strerror}",
                hint="a bundle is a directory or a tar with a manifest.json in it",
            ) from error


def shipped_bundle() -> Bundle:
    """Return the bundle that ships with Oakum."""
    return Bundle(files("oakum") / "data" / "bundle", "shipped with Oakum")


def open_bundle(path: Path) -> Bundle:
    """Return a bundle from a directory or a tar."""
    try:
        if path.is_dir():
            return Bundle(path, str(path))
        with tarfile.open(path) as tar:
            contents = dict(_contents(tar, path))
    except (OSError, tarfile.TarError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
        raise InputError(
            f"{one_line(str(path))} is no bundle: {one_line(str(error))}",
            hint="a bundle is a directory or a tar with a manifest.json in it",
        ) from error
    return Bundle(contents, str(path))


def _contents(tar: tarfile.TarFile, path: Path) -> Iterator[tuple[str, bytes]]:
    total = 0
    for member in tar:
        total += member.size
        if total > MAX_BYTES:
            raise InputError(f"{path} unpacks to more than {MAX_BYTES >> 20} MiB")
        file = tar.extractfile(member) if member.isreg() else None
        if file is not None:
            yield Path(member.name).name, file.read()
