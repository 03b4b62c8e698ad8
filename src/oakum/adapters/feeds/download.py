"""Feeds from the network: asked for conditionally, size-capped, atomic, the last good copy kept."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import msgspec

from oakum.adapters.feeds.parsing import aware
from oakum.adapters.feeds.reading import Provenance, read_feed
from oakum.core.advisories.feed import FeedName
from oakum.core.errors import InputError, SourceError
from oakum.core.text import one_line
from oakum.ports.advisory_feed import FeedContent
from oakum.ports.clock import Clock

MAX_DOWNLOAD_BYTES = 512 * 1024 * 1024
TIMEOUT_SECONDS = 60


class _Kept(msgspec.Struct):
    """What is known of the last good copy."""

    etag: str = ""
    last_modified: str = ""
    fetched_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)


class DownloadedFeeds:
    """Fetches feeds into a directory, one file each."""

    def __init__(
        self,
        urls: Mapping[FeedName, str],
        directory: Path,
        clock: Clock,
        *,
        max_bytes: int = MAX_DOWNLOAD_BYTES,
    ) -> None:
        self._urls = urls
        self._max_bytes = max_bytes
        self._directory = directory
        self._clock = clock

    def feeds(self) -> Iterable[FeedName]:
        """Return every feed that has a URL."""
        return tuple(self._urls)

    def load(self, feed: FeedName) -> FeedContent:
        """Fetch a feed if it changed, and return it."""
        url, file = self._urls[feed], self._directory / f"{feed.value}.data"
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            return self._load(feed, url, file)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceError(
                f"{url} cannot be fetched: {one_line(str(error)) or type(error).__name__}",
                hint="the last good copy stays in use; `--offline BUNDLE` loads a bundle instead",
            ) from error
        except OSError as error:
            raise SourceError(
                f"{file} cannot be written or read: {error.strerror}", hint="is the disk full?"
            ) from error
        finally:
            with suppress(OSError):
                file.with_suffix(".part").unlink()

    def _load(self, feed: FeedName, url: str, file: Path) -> FeedContent:
        kept, draft = self._kept(file), file.with_suffix(".part")
        fresh = self._fetch(url, draft, kept)
        if fresh is None:
            return self._read(feed, file, url, kept)
        content = self._read(feed, draft, url, fresh)  # only what can be understood replaces
        draft.replace(file)
        file.with_suffix(".json").write_bytes(msgspec.json.encode(fresh))
        return content

    def _kept(self, file: Path) -> _Kept:
        try:
            if not file.exists():
                return _Kept()
            return msgspec.json.decode(file.with_suffix(".json").read_bytes(), type=_Kept)
        except (OSError, msgspec.DecodeError):
            return _Kept()

    def _fetch(self, url: str, draft: Path, kept: _Kept) -> _Kept | None:
        headers = {"If-None-Match": kept.etag, "If-Modified-Since": kept.last_modified}
        asked = {name: value for name, value in headers.items() if value}
        with (
            httpx.Client(follow_redirects=True, timeout=TIMEOUT_SECONDS) as client,
            client.stream("GET", url, headers=asked) as response,
        ):
            if response.status_code == httpx.codes.NOT_MODIFIED:
                return None
            response.raise_for_status()
            size = 0
            with draft.open("wb") as file:
                for part in response.iter_bytes():
                    size += len(part)
                    if size > self._max_bytes:
                        raise SourceError(
                            f"{url} is larger than {self._max_bytes:,} bytes",
                            hint="is it the right address? The last good copy stays in use",
                        )
                    file.write(part)
            return _Kept(
                response.headers.get("etag", ""),
                response.headers.get("last-modified", ""),
                self._clock.now(),
            )

    def _read(self, feed: FeedName, file: Path, url: str, kept: _Kept) -> FeedContent:
        dated = _http_date(kept.last_modified) or kept.fetched_at
        return read_feed(feed, file.read_bytes(), Provenance(url, kept.fetched_at, dated))


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text) if text else None
        return moment and aware(moment, "Last-Modified")
    except (ValueError, OverflowError, InputError):
        return None
