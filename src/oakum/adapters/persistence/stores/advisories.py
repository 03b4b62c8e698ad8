"""What vendors and public lists say."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update

from oakum.adapters.persistence.documents import from_document, to_document
from oakum.adapters.persistence.parts import WRITTEN, in_parts
from oakum.adapters.persistence.tables import feeds, rulings, signals, statements, support
from oakum.core.advisories.authority import COVERING, decide
from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.signals import CveSignals
from oakum.core.advisories.statement import (
    NoDsaReason,
    Subject,
    Urgency,
    VendorStatement,
    VendorStatus,
    stated,
)
from oakum.core.ids import CveId
from oakum.core.inventory.support import ReleaseSupport, Supported
from oakum.core.matching.component import Topic

READ = 1_000
"""Rows that are fetched at a time."""
FEW = 10_000
"""Up to so many packages are asked for by name; of more, all of a release are read."""


class SqlAdvisoryStore:
    """Keeps feeds, each replaced as a whole."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def replace_statements(
        self, state: FeedState, found: Iterable[VendorStatement], at: datetime
    ) -> int:
        """Make this all that a feed says from now on; return how many statements changed.

        What it said before is kept with the time until which it did.
        """
        of_feed, is_present = statements.c.feed == state.feed.value, statements.c.known_to.is_(None)
        query = select(statements).where(of_feed, is_present)
        known = {_key(row): row for row in self._connection.execute(query)}
        releases = {row.release for row in known.values()}
        said_now, since = list(found), dict[Subject, date]()
        new, kept = list[tuple[VendorStatement, datetime]](), set[int]()
        for said in said_now:
            key = said.subject
            old = known.get(key)
            if old is not None and _is_same(old, said):
                kept.add(old.id)
                since[key] = old.fix_known_from.date()
                continue
            is_same_fix = old is not None and old.fixed_version == said.fixed_version != ""
            fix_known_from = old.fix_known_from if old is not None and is_same_fix else at
            since[key] = fix_known_from.date()
            new.append((said, fix_known_from))
        gone = [row.id for row in known.values() if row.id not in kept]
        for part in in_parts(gone):
            ended = update(statements).where(statements.c.id.in_(part))
            self._connection.execute(ended.values(known_to=at))
        # Made while they are written: the rows of a large feed take more room than the feed.
        rows = (
            _statement_row(state.feed, said) | {"known_from": at, "fix_known_from": fix_known_from}
            for said, fix_known_from in new
        )
        for part in in_parts(rows, WRITTEN):
            self._connection.execute(insert(statements), part)
        self._write(state)
        self._rule(state.feed, said_now, since, releases)
        return max(len(new), len(gone))

    def rulings(self, topics: Collection[Topic]) -> Mapping[Topic, tuple[VendorStatement, ...]]:
        """Return what counts now about these packages."""
        wanted = set(topics)
        releases = sorted({release for release, _ in wanted})
        of_releases = select(rulings).where(rulings.c.release.in_(releases))
        queries = [of_releases]
        if len(wanted) <= FEW:
            names = sorted({name for _, name in wanted})
            queries = [of_releases.where(rulings.c.name.in_(part)) for part in in_parts(names)]
        return {
            (release, name): from_document(document, tuple[VendorStatement, ...], "a ruling")
            for query in queries
            for rows in self._connection.execute(query).partitions(READ)
            for release, name, document in rows
            if (release, name) in wanted
        }

    def _rule(
        self,
        feed: FeedName,
        said_now: Iterable[VendorStatement],
        since: Mapping[Subject, date],
        spoken_of_before: set[str],
    ) -> None:
        """Decide anew about every release that a feed speaks of, or spoke of until now."""
        made_on = {known.value: state.data_as_of.date() for known, state in self.feeds().items()}
        by_release = defaultdict[str, list[VendorStatement]](list)
        for said in said_now:
            by_release[said.release].append(said)
        for release in sorted(spoken_of_before | by_release.keys()):
            others = select(statements).where(
                statements.c.release == release,
                statements.c.feed != feed.value,
                statements.c.known_to.is_(None),
            )
            found = [_statement(row) for row in self._connection.execute(others)]
            by_name = defaultdict[str, list[dict[str, object]]](list)
            for said in decide(chain(by_release[release], found), made_on):
                document = stated(said)
                if said.source == feed.value:
                    document["known_since"] = since[said.subject]
                by_name[said.source_name].append(document)
            self._connection.execute(delete(rulings).where(rulings.c.release == release))
            rows = (
                {"release": release, "name": name, "document": to_document(said)}
                for name, said in sorted(by_name.items())
            )
            for part in in_parts(rows, WRITTEN):
                self._connection.execute(insert(rulings), part)

    def replace_signals(self, state: FeedState, found: Iterable[CveSignals]) -> None:
        """Replace what this feed contributes; other feeds' contributions stay."""
        self._connection.execute(delete(signals).where(signals.c.feed == state.feed.value))
        rows = (
            {"feed": state.feed.value, "cve": signal.cve, "document": to_document(signal)}
            for signal in found
        )
        for part in in_parts(rows, WRITTEN):
            self._connection.execute(insert(signals), part)
        self._write(state)

    def replace_support(self, state: FeedState, found: Iterable[ReleaseSupport]) -> None:
        """Make this all that is known of how long releases get fixes."""
        self._connection.execute(delete(support))
        by_release = {known.release: to_document(known) for known in found}
        rows = [{"release": name, "document": known} for name, known in by_release.items()]
        for part in in_parts(rows, WRITTEN):
            self._connection.execute(insert(support), part)
        self._write(state)

    def support(self) -> Supported:
        """Return until when releases get fixes, as a feed tells; empty where none was read."""
        rows = self._connection.execute(select(support.c.document))
        known = (from_document(row[0], ReleaseSupport, "a release's support") for row in rows)
        return {release.release: release for release in known}

    def statements(
        self, topics: Iterable[Topic], as_of: datetime | None = None, cve: CveId | None = None
    ) -> tuple[VendorStatement, ...]:
        """Return what is said of these packages, now or at a moment; of all CVEs or of one."""
        holds: ColumnElement[bool] = statements.c.known_to.is_(None)
        if as_of is not None:
            ended_later = holds | (statements.c.known_to > as_of)
            holds = (statements.c.known_from <= as_of) & ended_later
        if cve is not None:
            holds &= statements.c.cve == cve
        by_release, found = defaultdict[str, set[str]](set), list[VendorStatement]()
        for release, name in topics:
            by_release[release].add(name)
        for release, names in sorted(by_release.items()):
            for part in in_parts(sorted(names)):
                query = select(statements).where(
                    holds, statements.c.release == release, statements.c.source_name.in_(part)
                )
                found.extend(_statement(row) for row in self._connection.execute(query))
        return tuple(sorted(found, key=lambda s: (s.release, s.source_name, s.cve, s.source)))

    def changes(self, cve: CveId) -> tuple[datetime, ...]:
        """Return the moments from which something else was said of a CVE, in order."""
        columns = select(statements.c.known_from, statements.c.known_to)
        rows = self._connection.execute(columns.where(statements.c.cve == cve))
        return tuple(sorted({moment for row in rows for moment in row if moment is not None}))

    def covered(self) -> Mapping[str, frozenset[str]]:
        """Return the packages that feeds name which speak for a whole release, by release."""
        columns = (statements.c.release, statements.c.source_name)
        query = select(*columns).where(
            statements.c.feed.in_(sorted(COVERING)), statements.c.known_to.is_(None)
        )
        found: dict[str, set[str]] = {}
        for row in self._connection.execute(query.distinct()):
            found.setdefault(row.release, set()).add(row.source_name)
        return {release: frozenset(names) for release, names in found.items()}

    def signals(self, cves: Iterable[CveId]) -> Mapping[CveId, CveSignals]:
        """Return all that feeds contribute to these CVEs, laid together."""
        found = dict[CveId, CveSignals]()
        for part in in_parts(sorted(set(cves))):
            query = select(signals.c.document).where(signals.c.cve.in_(part))
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


def _is_same(row: Row[*tuple[Any, ...]], said: VendorStatement) -> bool:
    """Tell whether a row says the same of its subject."""
    stored = (row.status, row.fixed_version, row.urgency, row.no_dsa, row.advisory, row.issued_on)
    return stored == (
        said.status.value,
        said.fixed_version,
        said.urgency.value,
        said.no_dsa.value,
        said.advisory,
        said.issued_on,
    )


def _key(row: Row[*tuple[Any, ...]]) -> Subject:
    return (row.release, row.source_name, row.cve, row.channel, row.module)


def _statement(row: Row[*tuple[Any, ...]]) -> VendorStatement:
    return VendorStatement(
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
        channel=row.channel,
        module=row.module,
        known_since=row.fix_known_from.date(),
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
        "channel": statement.channel,
        "module": statement.module,
    }
