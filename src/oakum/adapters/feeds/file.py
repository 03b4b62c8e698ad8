"""One feed from a file of its own: an internal mirror's updateinfo.xml, a vendor's VEX document."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from oakum.adapters.feeds.kept import KeptFeeds
from oakum.adapters.feeds.reading import Provenance, read_feed
from oakum.core.advisories.feed import FeedName
from oakum.core.errors import InputError, SourceError
from oakum.core.text import one_line
from oakum.ports.advisory_feed import FeedContent
from oakum.ports.clock import Clock

MAX_BYTES = 512 * 1024 * 1024


class FeedFile:
    """A file that holds a feed as its source publishes it."""

    def __init__(self, path: Path, feed: FeedName, clock: Clock, kept: KeptFeeds) -> None:
        self._path = path
        self._feed = feed
        self._clock = clock
        self._kept = kept

    def feeds(self) -> Iterable[FeedName]:
        """Return the one feed."""
        return (self._feed,)

    def load(self, feed: FeedName) -> FeedContent:
        """Return the feed; where the format holds no date, the file's is taken."""
        place = one_line(str(self._path))
        try:
            status = self._path.stat()
            if status.st_size > MAX_BYTES:
                raise InputError(f"{place} is larger than {MAX_BYTES >> 20} MiB")
            content = self._path.read_bytes()
        except OSError as error:
            raise SourceError(f"{place} cannot be read: {error.strerror}") from error
        dated = datetime.fromtimestamp(int(status.st_mtime), UTC)
        origin = f"file {one_line(self._path.name)}"
        now = self._clock.now()
        found = read_feed(feed, content, Provenance(origin, now, dated))
        self._kept.keep(feed, content, now)
        return found
