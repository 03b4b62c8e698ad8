"""The last good copy of each feed, as its source gave it, with what is known of it."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec

from oakum.core.advisories.feed import FeedName

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Note(msgspec.Struct):
    """What is known of a kept file."""

    etag: str = ""
    last_modified: str = ""
    """Both as the server gave them; empty for what came in another way."""
    fetched_at: Moment = datetime(1970, 1, 1, tzinfo=UTC)
    url: str = ""


class KeptFile:
    """A file with its note beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note = path.with_name(f"{path.name}.json")

    def note(self) -> Note:
        """Return what is known of it: nothing, where it or its note is gone or damaged."""
        try:
            if not self.path.exists():
                return Note()
            return msgspec.json.decode(self._note.read_bytes(), type=Note)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Note()

    def replace(self, draft: Path, note: Note) -> None:
        """Put a finished file in its place. A cut between the steps costs only a download."""
        self._note.unlink(missing_ok=True)
        draft.replace(self.path)
        self.write_note(note)

    def write_note(self, note: Note) -> None:
        """Say what is known of it."""
        self._note.write_bytes(msgspec.json.encode(note))

    def forget(self) -> None:
        """Remove it."""
        for path in (self.path, self._note):
            with suppress(OSError):
                path.unlink()


class KeptFeeds:
    """A directory of feeds. What is loaded is kept here, so that it can be given on."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def of(self, feed: FeedName) -> KeptFile:
        """Return where a feed is kept."""
        return KeptFile(self._directory / f"{feed.value}.data")

    def parts(self, feed: FeedName) -> Path:
        """Return where the files of a feed are kept that comes as many."""
        return self._directory / f"{feed.value}.parts"

    def keep(self, feed: FeedName, content: bytes, fetched_at: datetime) -> None:
        """Keep what came in another way than from the feed's own source."""
        self._directory.mkdir(parents=True, exist_ok=True)
        kept = self.of(feed)
        draft = kept.path.with_suffix(".new")
        draft.write_bytes(content)
        kept.replace(draft, Note(fetched_at=fetched_at))
