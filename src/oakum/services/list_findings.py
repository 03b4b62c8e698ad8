"""List the findings of a fleet of any size, part by part: nothing of an earlier part is kept.

Each part is read in a unit of work of its own, so that others may write while a person reads.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from oakum.core.advisories.feed import FeedName
from oakum.core.errors import RefusedError
from oakum.core.ids import CveId, Digest, HostId
from oakum.core.matching.component import Topic, parts_of, stale_by_source
from oakum.core.matching.finding import Finding
from oakum.core.matching.fleet import HostSet
from oakum.core.matching.matcher import AdvisoryIndex, match_open, match_parts
from oakum.ports.stores import Scan, UnitOfWork, UnitOfWorkFactory
from oakum.services.find_exposure import fleet_of, topics_of_scans

FIRST_PART, PART = 5, 20
"""Hosts that are read at a time: few at first, so that the first lines are there at once."""


@dataclass(frozen=True, slots=True)
class About:
    """What findings are listed about; everything, if nothing is named."""

    cve: CveId | None = None
    source: str = ""
    as_of: datetime | None = None
    """What was known at that moment; None for now."""
    only_open: bool = False
    """Leave out what nothing is to be done about: most of what is said of a host."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A host with its findings, by source and CVE."""

    scan: Scan
    findings: tuple[Finding, ...]


@dataclass
class FindingsReader:
    """Reads findings of hosts, in the order in which the hosts are given."""

    hosts: Sequence[HostId]
    """Those that are to be read: hosts that nothing of it concerns are left out."""
    _about: About
    _sources: Mapping[HostId, Collection[str]] | None
    """The sources that concern each host; None for all of them."""
    _made_from: Mapping[FeedName, Digest]
    _index: AdvisoryIndex
    _asked: set[Topic] = field(default_factory=set)

    @classmethod
    def of(cls, work: UnitOfWork, hosts: Sequence[HostId], about: About) -> "FindingsReader":
        """Return a reader. Of now, the bitmaps tell which hosts a CVE or a package concerns."""
        feeds = work.advisories.feeds()
        made_from = {feed: state.sha256 for feed, state in feeds.items()}
        index = AdvisoryIndex(feeds, {})
        if not feeds or about.as_of is not None or not (about.cve or about.source):
            return cls(hosts, about, None, made_from, index)
        fleet, index = fleet_of(work, hosts)
        numbers = work.fleet.numbers(hosts)
        concerned: dict[HostId, set[str]] = defaultdict(set)
        for standing in fleet.standings(index, frozenset([about.cve] if about.cve else []),
                                        about.source):  # fmt: skip
            for number in HostSet.union(HostSet(), *standing.hosts.values()):
                concerned[numbers[number]].add(standing.source)
        asked = set(index.by_topic)
        return cls([h for h in hosts if h in concerned], about, concerned, made_from, index, asked)

    @property
    def is_about_some(self) -> bool:
        """Tell whether there are hosts, and it is known of each that what was named concerns it."""
        return bool(self.hosts) and self._sources is not None

    def parts(self) -> Iterator[Sequence[HostId]]:
        """Give the hosts, so many at a time."""
        first, size = 0, FIRST_PART
        while first < len(self.hosts):
            yield self.hosts[first : first + size]
            first, size = first + size, PART

    def read(self, work: UnitOfWork, part: Sequence[HostId]) -> list[Judged]:
        """Return what is true of a part of the hosts, or was.

        Raises RefusedError when the advisories are not those that the first part was judged by.
        """
        feeds = work.advisories.feeds()
        if {feed: state.sha256 for feed, state in feeds.items()} != self._made_from:
            raise RefusedError(
                "the advisories were renewed while findings were listed: what was written so far "
                "is of the earlier ones",
                hint="run the command again",
            )
        about = self._about
        scans = {scan.host: scan for scan in work.facts.scans(part, about.as_of)}
        topics = topics_of_scans(scans.values())
        if about.as_of is not None:
            self._index = AdvisoryIndex.of(feeds, work.advisories.statements(topics, about.as_of))
        elif new := topics - self._asked:
            self._asked |= new
            self._index.learn(work.advisories.rulings(new))
        return [self._judged(scans[host]) for host in part if host in scans]

    def _judged(self, scan: Scan) -> Judged:
        components, about = scan.components, self._about
        if self._sources is not None:
            components = tuple(c for c in components if c.source in self._sources[scan.host])
        processes = stale_by_source(scan.facts) if scan.facts is not None else {}
        parts = parts_of(components, scan.packages, processes)
        matched = match_open if about.only_open else match_parts
        found = matched(scan.host, parts, self._index)
        if about.cve or about.source:
            found = tuple(
                f for f in found
                if about.cve in {None, f.cve} and about.source in {"", f.source_name}
            )  # fmt: skip
        return Judged(scan, found)


def listed(
    begin: UnitOfWorkFactory, reader: FindingsReader, report: Callable[[int, int], None]
) -> Iterator[list[Judged]]:
    """Give what a reader reads, part by part; tell how many of how many hosts are done."""
    done, total = 0, len(reader.hosts)
    for part in reader.parts():
        with begin() as work:
            judged = reader.read(work, part)
        yield judged
        done += len(part)
        report(done, total)
