"""What counts of the shipped bundle, by package and by CVE: read once, then found at once.

Reading the bundle takes seconds; judging a host takes hundredths of one. So what was read is kept
as an SQLite file in the cache. It is made anew when the bundle is another, or the code that reads.
"""

import json
import os
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

import oakum
from oakum.core.advisories.authority import decide
from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.signals import CveSignals
from oakum.core.advisories.statement import VendorStatement, stated
from oakum.core.errors import StorageError
from oakum.core.ids import CveId, Digest
from oakum.core.matching.component import Topic

if TYPE_CHECKING:
    from oakum.ports.advisory_feed import AdvisorySource, FeedContent

NAME = "shipped-advisories.sqlite"
READS = ("adapters/feeds", "core/advisories", "core/versions", "core/inventory")
"""Where the code is on which the content depends, from the package's folder on."""
TABLES = """
CREATE TABLE made_of (what TEXT NOT NULL);
CREATE TABLE feed (state TEXT NOT NULL, has_statements INTEGER NOT NULL);
CREATE TABLE signals (cve TEXT PRIMARY KEY, document BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE said (release TEXT, name TEXT, document BLOB NOT NULL, PRIMARY KEY (release, name))
  WITHOUT ROWID;
"""

ASKED = 500
"""How many packages one query names."""
_statements = msgspec.json.Decoder(list[VendorStatement]).decode
_signals = msgspec.json.Decoder(CveSignals).decode


class CompactAdvisories:
    """What counts of a bundle, from the cache."""

    def __init__(self, cache: Path, source: Callable[[], "AdvisorySource"]) -> None:
        self._path = cache / NAME
        self._source = source

    def feeds(self) -> Mapping[FeedName, FeedState]:
        """Return the feeds that speak of packages. Raises StorageError."""
        return self._feeds("WHERE has_statements")

    def all_feeds(self) -> Mapping[FeedName, FeedState]:
        """Return every feed, those of signals too. Raises StorageError."""
        return self._feeds("")

    def _feeds(self, where: str) -> Mapping[FeedName, FeedState]:
        rows = self._database.execute(f"SELECT state FROM feed {where}").fetchall()  # noqa: S608 (ours)
        return {state.feed: state for (row,) in rows for state in [_state(json.loads(row))]}

    def signals(self, cves: Collection[CveId]) -> Mapping[CveId, CveSignals]:
        """Return what is known of these CVEs. Raises StorageError."""
        ask = "SELECT document FROM signals WHERE cve IN ({})"
        found = (_signals(document) for (document,) in self._asked(ask, [], list(cves)))
        return {known.cve: known for known in found}

    def _asked(
        self, ask: str, first: Sequence[str], names: Sequence[str]
    ) -> Iterator[tuple[Any, ...]]:
        """Give the rows of a query that names so many at a time."""
        for begin in range(0, len(names), ASKED):
            part = names[begin : begin + ASKED]
            yield from self._database.execute(
                ask.format(",".join("?" * len(part))), [*first, *part]
            )

    def rulings(self, topics: Collection[Topic]) -> Mapping[Topic, Sequence[VendorStatement]]:
        """Return the statements that count about these packages. Raises StorageError."""
        by_release: dict[str, list[str]] = defaultdict(list)
        for release, name in topics:
            by_release[release].append(name)
        found: dict[Topic, Sequence[VendorStatement]] = {}
        for release, names in by_release.items():
            ask = "SELECT name, document FROM said WHERE release = ? AND name IN ({})"
            for name, document in self._asked(ask, [release], names):
                found[release, name] = _statements(document)
        return found

    @cached_property
    def _database(self) -> sqlite3.Connection:
        made_of = _made_of()
        try:
            if not _is_of(self._path, made_of):
                self._make(made_of)
            return sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)
        except (OSError, sqlite3.Error) as error:
            raise StorageError(
                f"advisories cannot be kept in {self._path.parent}: {error}",
                hint="set XDG_CACHE_HOME to a directory that you may write in",
            ) from error

    def _make(self, made_of: str) -> None:
        """Write it beside, whole, and put it in its place: another command may be reading."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f"{NAME}.{os.getpid()}")
        try:
            with closing(sqlite3.connect(draft)) as database:
                database.executescript(TABLES)
                database.execute("INSERT INTO made_of VALUES (?)", [made_of])
                self._fill(database)
                database.commit()
            draft.replace(self._path)
        finally:
            draft.unlink(missing_ok=True)

    def _fill(self, database: sqlite3.Connection) -> None:
        source = self._source()
        contents = [source.load(feed) for feed in source.feeds()]
        made_on = {c.state.feed.value: c.state.data_as_of.date() for c in contents if c.statements}
        by_topic: dict[Topic, list[VendorStatement]] = defaultdict(list)
        for said in decide((s for content in contents for s in content.statements), made_on):
            by_topic[said.release, said.source_name].append(said)
        database.executemany(
            "INSERT INTO feed VALUES (?, ?)",
            ([json.dumps(_row_of_feed(c.state)), bool(c.statements)] for c in contents),
        )
        named = {statement.cve for said in by_topic.values() for statement in said}
        database.executemany(
            "INSERT INTO signals VALUES (?, ?)",
            ((s.cve, msgspec.json.encode(s)) for s in _laid_together(contents, named)),
        )
        database.executemany(
            "INSERT INTO said VALUES (?, ?, ?)",
            (
                (*topic, msgspec.json.encode([stated(statement) for statement in said]))
                for topic, said in by_topic.items()
            ),
        )


def _laid_together(
    contents: Iterable["FeedContent"], named: Collection[CveId]
) -> Iterable[CveSignals]:
    """Return for each of these CVEs what any feed knows of it, the first that knows it."""
    found: dict[CveId, CveSignals] = {}
    for content in contents:
        for signals in content.signals:
            if signals.cve in named:
                before = found.get(signals.cve)
                found[signals.cve] = signals if before is None else before.laid_over(signals)
    return found.values()


def _is_of(path: Path, made_of: str) -> bool:
    """Tell whether the file holds what this bundle says, as this code reads it."""
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return database.execute("SELECT what FROM made_of").fetchall() == [(made_of,)]
    except sqlite3.Error:
        return False


def _made_of() -> str:
    """Return size and time of every file on which the content depends."""
    package = Path(oakum.__file__).parent
    places = [package / "data" / "bundle", *(package / place for place in READS)]
    return "\n".join(line for place in places for line in _files(str(place)))


def _files(place: str) -> Iterator[str]:
    for entry in sorted(os.scandir(place), key=lambda entry: entry.name):
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _files(entry.path)
        else:
            known = entry.stat()
            yield f"{entry.path} {known.st_size} {known.st_mtime_ns}"


def _row_of_feed(state: FeedState) -> list[str | int]:
    return [state.feed.value, state.data_as_of.isoformat(), state.fetched_at.isoformat(),
            state.sha256, state.records, state.origin]  # fmt: skip


def _state(row: list[str]) -> FeedState:
    feed, as_of, fetched, sha256, records, origin = row
    return FeedState(
        FeedName(feed), datetime.fromisoformat(as_of), datetime.fromisoformat(fetched),
        Digest(sha256), int(records), origin,
    )  # fmt: skip
