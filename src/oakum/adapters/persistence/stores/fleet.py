"""Which hosts have which component: bitmaps, kept up to date from what scans brought since."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import chain

from pyroaring import BitMap
from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, tuple_, update

from oakum.adapters.persistence.documents import from_bitmap
from oakum.adapters.persistence.parts import in_parts
from oakum.adapters.persistence.stores.components import component_of
from oakum.adapters.persistence.stores.hosts import last_number
from oakum.adapters.persistence.tables import (
    component_hosts,
    components,
    fleet_marks,
    hosts,
    removed_hosts,
)
from oakum.adapters.persistence.tables import facts as facts_table
from oakum.core.advisories.statement import OF_SOURCE
from oakum.core.ids import HostId
from oakum.core.matching.component import Component, Topic
from oakum.core.matching.fleet import Holding

FOLDED = "folded"
FIRST_DAY = date(1970, 1, 1)

Place = tuple[int, int, bool]
"""(component, day, is it a successor): a row of component_hosts."""
HOSTS = "a set of hosts"
READ = 1_000
"""Rows that are fetched at a time: one by one takes longer than what is done with them."""


@dataclass
class _Move:
    """What a host's new scans change."""

    gained: dict[int, tuple[int, bool]] = field(default_factory=dict)
    """By component, since which day, and whether another version was there before."""
    lost: set[int] = field(default_factory=set)
    """Of those that it had before its new scans."""

    def follow(
        self, old: BitMap | None, now: BitMap, day: int, topics: Mapping[int, Topic]
    ) -> None:
        """Take up one more scan."""
        if old is None:
            self.gained = dict.fromkeys(now, (day, False))
            return
        gone = old - now
        replaced = {topics[component] for component in gone}
        for component in gone:
            if self.gained.pop(component, None) is None:
                self.lost.add(component)
        for component in now - old:
            self.gained[component] = (day, topics[component] in replaced)


class SqlFleetStore:
    """Keeps the bitmaps."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def numbers(self, chosen: Iterable[HostId] | None = None) -> Mapping[int, HostId]:
        """Return the hosts by the numbers that bitmaps know them by."""
        wanted = None if chosen is None else set(chosen)
        rows = self._connection.execute(select(hosts.c.number, hosts.c.id))
        return {number: HostId(host) for number, host in rows if wanted is None or host in wanted}

    def members(self, chosen: Iterable[HostId] | None = None) -> BitMap:
        """Return these hosts, or all that are there, by their numbers."""
        if chosen is not None:
            return BitMap(self.numbers(chosen))
        highest = last_number(self._connection)
        gone = self._connection.execute(select(removed_hosts.c.number)).scalars()
        return BitMap(range(1, highest + 1)) - BitMap(gone)

    def holdings(
        self, topics: Iterable[Topic] | None = None
    ) -> Mapping[Component, tuple[Holding, ...]]:
        """Return who has which component, of these packages or of all; what is new is folded in.

        Hosts that were removed may still be in the bitmaps: `members` has those that are there.
        """
        self._fold()
        query = select(
            components.c.document,
            component_hosts.c.since,
            component_hosts.c.is_successor,
            component_hosts.c.hosts,
        ).join(components, components.c.id == component_hosts.c.component)
        found: dict[str, dict[tuple[int, bool], Holding]] = defaultdict(dict)
        parts = [query] if topics is None else [query.where(w) for w in _about(set(topics))]
        rows = chain.from_iterable(
            several for part in parts for several in self._connection.execute(part).partitions(READ)
        )
        for document, since, is_successor, content in rows:
            day, holders = (
                FIRST_DAY + timedelta(days=since),
                from_bitmap(content, HOSTS),
            )
            found[document][since, is_successor] = Holding(day, is_successor, holders)
        return {component_of(document): tuple(held.values()) for document, held in found.items()}

    def _fold(self) -> None:
        """Bring the bitmaps up to what the newest scans say."""
        marks = select(fleet_marks.c.value).where(fleet_marks.c.name == FOLDED)
        mark = self._connection.execute(marks).scalar()
        query = (
            select(
                facts_table.c.id, facts_table.c.host, facts_table.c.since, facts_table.c.components
            )
            .where(facts_table.c.id > (mark or 0))
            .order_by(facts_table.c.id)
        )
        rows = self._connection.execute(query).all()
        if not rows:
            return
        self._apply(*self._changes(mark or 0, rows))
        if mark is None:
            self._connection.execute(insert(fleet_marks).values(name=FOLDED, value=rows[-1].id))
        else:
            moved = update(fleet_marks).where(fleet_marks.c.name == FOLDED)
            self._connection.execute(moved.values(value=rows[-1].id))

    def _changes(
        self, mark: int, rows: Sequence[Row[int, str, datetime, bytes]]
    ) -> tuple[dict[Place, list[int]], dict[int, list[int]]]:
        """Return which hosts get which component, and which lose which."""
        numbers = {host: number for number, host in self.numbers().items()}
        before = self._folded(mark, {row.host for row in rows}) if mark else {}
        topics: Mapping[int, Topic] = {}
        moves: dict[str, _Move] = {}
        for row in rows:
            now, old = from_bitmap(row.components, "the components of a host"), before.get(row.host)
            if old is not None and not topics:
                topics = self._topics()
            day = (row.since.date() - FIRST_DAY).days
            moves.setdefault(row.host, _Move()).follow(old, now, day, topics)
            before[row.host] = now
        gained: dict[Place, list[int]] = defaultdict(list)
        lost: dict[int, list[int]] = defaultdict(list)
        for host, move in moves.items():
            for component, (day, is_successor) in move.gained.items():
                gained[component, day, is_successor].append(numbers[HostId(host)])
            for component in move.lost:
                lost[component].append(numbers[HostId(host)])
        return gained, lost

    def _topics(self) -> dict[int, Topic]:
        rows = self._connection.execute(
            select(components.c.id, components.c.release, components.c.name)
        )
        return {number: (release, name) for number, release, name in rows}

    def _folded(self, mark: int, wanted: set[str]) -> dict[str, BitMap]:
        """Return the components with which hosts are in the bitmaps."""
        found: dict[str, BitMap] = {}
        for part in in_parts(sorted(wanted)):
            query = (
                select(facts_table.c.host, facts_table.c.components)
                .where(facts_table.c.host.in_(part), facts_table.c.id <= mark)
                .order_by(facts_table.c.id)
            )
            for host, content in self._connection.execute(query):
                found[host] = from_bitmap(content, HOSTS)
        return found

    def _apply(self, gained: Mapping[Place, list[int]], lost: Mapping[int, list[int]]) -> None:
        touched = {place[0] for place in gained} | lost.keys()
        stored: dict[Place, BitMap] = {}
        for part in in_parts(sorted(touched)):
            query = select(component_hosts).where(component_hosts.c.component.in_(part))
            for component, since, is_successor, content in self._connection.execute(query):
                stored[component, since, is_successor] = from_bitmap(content, HOSTS)
        written: dict[Place, BitMap] = {}
        for place, holders in stored.items():
            if place[0] in lost:
                written[place] = holders - BitMap(lost[place[0]])
        for place, numbers in gained.items():
            if numbers:
                written[place] = written.get(place, stored.get(place, BitMap())) | BitMap(numbers)
        self._write(written, stored.keys())

    def _write(self, written: Mapping[Place, BitMap], stored: Iterable[Place]) -> None:
        known = set(stored)
        for part in in_parts([place for place in written if place in known]):
            columns = (
                component_hosts.c.component,
                component_hosts.c.since,
                component_hosts.c.is_successor,
            )
            self._connection.execute(delete(component_hosts).where(tuple_(*columns).in_(part)))
        rows = [
            {
                "component": component,
                "since": since,
                "is_successor": is_successor,
                "hosts": holders.serialize(),
            }
            for (component, since, is_successor), holders in written.items()
            if holders
        ]
        if rows:
            self._connection.execute(insert(component_hosts), rows)


def _about(topics: Iterable[Topic]) -> Iterator[ColumnElement[bool]]:
    """Give conditions that together choose the components that these topics speak of."""
    names = [topic for topic in topics if not topic[1].startswith(OF_SOURCE)]
    sources = [
        (release, name.removeprefix(OF_SOURCE))
        for release, name in topics
        if name.startswith(OF_SOURCE)
    ]
    for part in in_parts(sorted(names)):
        yield tuple_(components.c.release, components.c.name).in_(part)
    for part in in_parts(sorted(sources)):
        yield tuple_(components.c.release, components.c.source).in_(part)
