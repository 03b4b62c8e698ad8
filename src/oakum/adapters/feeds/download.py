"""Feeds from the network: whole or not at all, and the last good copy stays when one fails."""

import io
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from oakum.adapters.feeds.fetching import FeedFetcher
from oakum.adapters.feeds.kept import KeptFeeds, KeptFile, Note
from oakum.adapters.feeds.nvd.pages import PAUSE_SECONDS, first_page, pages_after
from oakum.adapters.feeds.parsing import aware
from oakum.adapters.feeds.reading import OF_MANY_FILES, Provenance, read_feed
from oakum.adapters.feeds.unpacking import unpacked
from oakum.core.advisories.feed import FeedName
from oakum.core.errors import InputError, OakumError, SourceError
from oakum.core.text import one_line
from oakum.ports.advisory_feed import FeedContent
from oakum.ports.clock import Clock
from oakum.ports.progress import Progress

MAX_DOWNLOAD_BYTES = 512 * 1024 * 1024
FRESH = timedelta(hours=2)
"""A page that is no older is not asked for again: a long download that broke off goes on."""

Urls = Mapping[FeedName, Sequence[str]]


class DownloadedFeeds:
    """Fetches feeds and keeps them: one file, or many that are kept as one."""

    def __init__(
        self,
        urls: Urls,
        kept: KeptFeeds,
        clock: Clock,
        *,
        pause: Callable[[float], None],
        progress: Progress,
        max_bytes: int = MAX_DOWNLOAD_BYTES,
    ) -> None:
        self._urls = urls
        self._kept = kept
        self._clock = clock
        self._pause = pause
        self._progress = progress
        self._fetcher = FeedFetcher(clock, max_bytes, pause)

    def feeds(self) -> Iterable[FeedName]:
        """Return every feed that has a URL."""
        return tuple(self._urls)

    def load(self, feed: FeedName) -> FeedContent:
        """Fetch a feed if it changed, and return it."""
        kept = self._kept.of(feed)
        try:
            kept.path.parent.mkdir(parents=True, exist_ok=True)
            if feed is FeedName.NVD or len(self._urls[feed]) > 1:
                return self._load_many(feed, kept)
            return self._load_one(feed, self._urls[feed][0], kept)
        except OSError as error:
            raise SourceError(
                f"{kept.path} cannot be written or read: {error.strerror}",
                hint="is the disk full?",
            ) from error

    def _load_one(self, feed: FeedName, url: str, kept: KeptFile) -> FeedContent:
        fetched = self._fetch(url, kept)
        if fetched is None:
            note = kept.note()
            return read_feed(feed, kept.path.read_bytes(), _provenance(url, [note]))
        draft, note = fetched
        content = self._accepted(feed, draft, _provenance(url, [note]))
        kept.replace(draft, note)
        KeptFile(draft).forget()
        return content

    def _load_many(self, feed: FeedName, kept: KeptFile) -> FeedContent:
        parts = self._kept.parts(feed)
        parts.mkdir(exist_ok=True)
        files = list(self._renewed(feed, parts))
        _remove_others(parts, files)
        suffix, _ = OF_MANY_FILES[feed]
        draft = kept.path.with_suffix(".new")
        _pack(files, suffix, draft)
        notes = [file.note() for file in files]
        provenance = _provenance(self._urls[feed][0], notes)
        try:
            content = self._accepted(feed, draft, provenance)
        except OakumError:
            _remove_others(parts, [])  # one of them is no good: all are asked for anew
            raise
        kept.replace(draft, Note(fetched_at=provenance.fetched_at))
        return content

    def _renewed(self, feed: FeedName, parts: Path) -> Iterator[KeptFile]:
        """Fetch each file of a feed that is many, and give it."""
        urls, number = list(self._addresses(feed)), 0
        while number < len(urls):
            self._progress(f"fetching {feed.value}", number, len(urls))
            file = KeptFile(parts / f"{number:05d}.data")
            is_page = feed is FeedName.NVD
            if not (is_page and self._is_fresh(file, urls[number])):
                self._renew(urls[number], file)
                if is_page and number + 1 < len(urls):
                    self._pause(PAUSE_SECONDS)
            if is_page and number == 0:
                urls += _pages_after(self._urls[feed][0], file.path)
            yield file
            number += 1

    def _addresses(self, feed: FeedName) -> Sequence[str]:
        urls = self._urls[feed]
        return [first_page(urls[0])] if feed is FeedName.NVD else urls

    def _is_fresh(self, file: KeptFile, url: str) -> bool:
        note = file.note()
        return note.url == url and self._clock.now() - note.fetched_at < FRESH

    def _renew(self, url: str, file: KeptFile) -> None:
        fetched = self._fetch(url, file)
        if fetched is not None:
            draft, note = fetched
            file.replace(draft, note)
            KeptFile(draft).forget()

    def _fetch(self, url: str, kept: KeptFile) -> tuple[Path, Note] | None:
        try:
            return self._fetcher.fetch(url, kept)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceError(
                f"{url} cannot be fetched: {one_line(str(error)) or type(error).__name__}",
                hint="the last good copy stays in use; `--offline BUNDLE` loads a bundle instead",
            ) from error

    def _accepted(self, feed: FeedName, draft: Path, provenance: Provenance) -> FeedContent:
        """Return what a draft says: only what can be understood replaces."""
        try:
            return read_feed(feed, draft.read_bytes(), provenance)
        except OakumError:
            KeptFile(draft).forget()
            raise


def _provenance(url: str, notes: Sequence[Note]) -> Provenance:
    """Return where the newest of these files came from, and of when it is."""
    fetched_at = max(note.fetched_at for note in notes)
    dates = [date for note in notes if (date := _http_date(note.last_modified)) is not None]
    return Provenance(url, fetched_at, max(dates, default=fetched_at))


def _pages_after(url: str, first: Path) -> list[str]:
    try:
        return pages_after(url, unpacked(first.read_bytes(), url))
    except InputError:
        KeptFile(first).forget()
        raise


def _pack(files: Sequence[KeptFile], suffix: str, target: Path) -> None:
    """Lay files into one tar, in their order."""
    with tarfile.open(target, "w") as tar:
        for number, file in enumerate(files):
            content = file.path.read_bytes()
            entry = tarfile.TarInfo(f"{number:05d}{suffix}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def _remove_others(directory: Path, files: Sequence[KeptFile]) -> None:
    """Remove what is left of an earlier time: another number of pages, other addresses."""
    names = {file.path.stem for file in files}
    for path in directory.iterdir():
        if path.name.partition(".")[0] not in names:
            path.unlink()


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text) if text else None
        return moment and aware(moment, "Last-Modified").astimezone(UTC)
    except (ValueError, OverflowError, InputError):
        return None
