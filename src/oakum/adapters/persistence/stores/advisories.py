"""What vendors and public lists say."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, delete, insert, select

from oakum.adapters.persistence.documents import from_document, to_document
from oakum.adapters.persistence.tables import feeds, signals, statements
from oakum.core.advisories.authority import TRACKER
from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.signals import CveSignals
from oakum.core.advisories.statement import (
    NoDsaReason,
    Urgency,
    VendorStatement,
    VendorStatus,
)
from oakum.core.ids import CveId

Row = TypeVar("Row")
BATCH = 500
ROWS = 5000


class SqlAdvisoryStore:
    """Keeps feeds, each replaced as a whole."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def replace_statements(self, state: FeedState, found: Iterable[VendorStatement]) -> None:
        """Replace everything that this feed says."""
        self._connection.execute(delete(statements).where(statements.c.feed == state.feed.value))
        rows = (_statement_row(state.feed, statement) for statement in found)
        for part in _in_parts(rows):
            self._connection.execute(insert(statements), part)
        self._write(state)

    def replace_signals(self, state: FeedState, found: Iterable[CveSignals]) -> None:
        """Replace what this feed contributes; other feeds' contributions stay."""
        self._connection.execute(delete(signals).where(signals.c.feed == state.feed.value))
        rows = (
            {"feed": state.feed.value, "cve": signal.cve, "document": to_document(signal)}
            for signal in found
        )
        for part in _in_parts(rows):
            self._connection.execute(insert(signals), part)
        self._write(state)

    def statements(self, release: str, sources: Iterable[str]) -> tuple[VendorStatement, ...]:
        """Return what vendors say of these sources in a release."""
        wanted, found = sorted(set(sources)), list[VendorStatement]()
        for start in range(0, len(wanted), BATCH):
            query = (
                select(statements)
                .where(
                    statements.c.release == release,
                    statements.c.source_name.in_(wanted[start : start + BATCH]),
                )
                .order_by(statements.c.source_name, statements.c.cve, statements.c.feed)
            )
            found.extend(
                VendorStatement(
                    release=row.release,
                    source_name=row.source_name,
                    cve=CveId(row.cve),
                    status=VendorStatus(row.status),
                    fixed_version=row.fixed_version,
                    urgency=Urgency(row.urgency),
                    no_dsa=NoDsaReason(row.no_dsa),
                    source=row.feed,
                    advisory=row.advisory,
                    issued_on=row.issued_on,
                )
                for row in self._connection.execute(query)
            )
        return tuple(found)

    def covered(self) -> Mapping[str, frozenset[str]]:
        """Return the sources that the tracker names in each release."""
        columns = (statements.c.release, statements.c.source_name)
        query = select(*columns).where(statements.c.feed == TRACKER).distinct()
        found: dict[str, set[str]] = {}
        for row in self._connection.execute(query):
            found.setdefault(row.release, set()).add(row.source_name)
        return {release: frozenset(sources) for release, sources in found.items()}

    def signals(self, cves: Iterable[CveId]) -> Mapping[CveId, CveSignals]:
        """Return all that feeds contribute to these CVEs, laid together."""
        wanted, found = sorted(set(cves)), dict[CveId, CveSignals]()
        for start in range(0, len(wanted), BATCH):
            query = select(signals.c.document).where(
                signals.c.cve.in_(wanted[start : start + BATCH])
            )
            for (document,) in self._connection.execute(query):
                signal = from_document(document, CveSignals, "a signal")
                known = found.get(signal.cve)
                found[signal.cve] = signal if known is None else known.laid_over(signal)
        return found

    def feeds(self) -> Mapping[FeedName, FeedState]:
        """Return the state of every feed that was ever loaded."""
        rows = self._connection.execute(select(feeds.c.document))
        states = [from_document(document, FeedState, "the state of a feed") for (document,) in rows]
        return {state.feed: state for state in states}

    def record_failure(self, feed: FeedName, error: str) -> None:
        """Keep why the last try to renew a feed failed; its data stays."""
        known = self.feeds().get(feed)
        if known is not None:
            self._write(replace(known, error=error))

    def _write(self, state: FeedState) -> None:
        self._connection.execute(delete(feeds).where(feeds.c.feed == state.feed.value))
        self._connection.execute(
            insert(feeds).values(feed=state.feed.value, document=to_document(state))
        )


def _statement_row(feed: FeedName, statement: VendorStatement) -> dict[str, object]:
    return {
        "feed": feed.value,
        "release": statement.release,
        "source_name": statement.source_name,
        "cve": statement.cve,
        "status": statement.status.value,
        "fixed_version": statement.fixed_version,
        "urgency": statement.urgency.value,
        "no_dsa": statement.no_dsa.value,
        "advisory": statement.advisory,
        "issued_on": statement.issued_on,
    }


def _in_parts(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while part := list(islice(rows, ROWS)):
        yield part
