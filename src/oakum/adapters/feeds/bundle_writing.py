"""Writing a bundle: what was loaded here, as it came, with a signed manifest."""

import hashlib
import io
import tarfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import msgspec

from oakum.adapters.feeds.bundle import FORMAT, SIGNED_MANIFEST, BundleFile, Manifest
from oakum.adapters.feeds.kept import KeptFeeds
from oakum.core.advisories.feed import FeedState
from oakum.core.errors import StorageError
from oakum.core.text import one_line
from oakum.ports.signing import Signer

CHUNK = 1 << 20


class SignedBundle:
    """Writes the feeds that are kept into one file."""

    def __init__(self, path: Path, kept: KeptFeeds, signer: Signer) -> None:
        self._path = path
        self._kept = kept
        self._signer = signer

    def write(self, states: Iterable[FeedState], made_at: datetime) -> list[FeedState]:
        """Write a tar; return the feeds that are not in it, as their bytes are not kept here.

        The file appears whole or not at all.
        """
        entries, missing = list[tuple[BundleFile, Path]](), list[FeedState]()
        for state in states:
            file = self._kept.of(state.feed).path
            if _digest(file) == state.sha256:
                entries.append((_entry(state), file))
            else:
                missing.append(state)
        path = self._path
        draft = path.with_name(f"{path.name}.new")
        try:
            self._write(draft, path.name, entries, made_at)
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise StorageError(
                f"{one_line(str(path))} cannot be written: {error.strerror}",
                hint="is the directory there, and room on the disk?",
            ) from error
        return missing

    def _write(
        self, draft: Path, name: str, entries: list[tuple[BundleFile, Path]], made_at: datetime
    ) -> None:
        manifest = Manifest(FORMAT, name, made_at, tuple(entry for entry, _ in entries))
        text = msgspec.json.format(msgspec.json.encode(manifest), indent=1).decode() + "\n"
        stamp = made_at.timestamp()
        with tarfile.open(draft, "w") as tar:
            signed = self._signer.sign(text)
            tar.addfile(_member(SIGNED_MANIFEST, len(signed), stamp), io.BytesIO(signed))
            for entry, file in entries:
                with file.open("rb") as content:
                    tar.addfile(_member(entry.file, file.stat().st_size, stamp), content)


def _entry(state: FeedState) -> BundleFile:
    return BundleFile(
        feed=state.feed.value,
        file=f"{state.feed.value}.data",
        sha256=state.sha256,
        data_as_of=state.data_as_of,
        records=state.records,
        origin=state.origin,
    )


def _member(name: str, size: int, stamp: float) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime = size, int(stamp)
    return member


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError:
        return ""
