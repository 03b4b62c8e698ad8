"""Findings: what follows from what hosts reported and what vendors said, now or at a moment.

Nothing of it is stored. Both inputs are kept with the time from which they held, so that what was
known at any moment can be computed again.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby

from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.errors import RefusedError
from oakum.core.ids import CveId, HostId
from oakum.core.matching.component import Topic, parts_of, stale_by_source
from oakum.core.matching.finding import Finding
from oakum.core.matching.fleet import Fleet
from oakum.core.matching.matcher import AdvisoryIndex, match_parts
from oakum.ports.stores import Scan, UnitOfWork

Identity = tuple[str, str, str]
"""(host, source package, CVE)."""


def require_advisories(work: UnitOfWork) -> Mapping[FeedName, FeedState]:
    """Return the feeds. Raises RefusedError while there are none that speak of packages."""
    feeds = work.advisories.feeds()
    if not feeds:
        raise RefusedError(
            "there are no advisories yet: nothing can be said about vulnerabilities",
            hint="run `oakum advisories update`, or with `--offline shipped`",
        )
    return feeds


def index_for(
    work: UnitOfWork, topics: Collection[Topic], as_of: datetime | None = None
) -> AdvisoryIndex:
    """Return what counts about these packages, or counted. Raises RefusedError without feeds."""
    feeds = require_advisories(work)
    if as_of is None:
        return AdvisoryIndex.of_rulings(feeds, work.advisories.rulings(topics))
    return AdvisoryIndex.of(feeds, work.advisories.statements(topics, as_of))


def findings_of(
    work: UnitOfWork, hosts: Iterable[HostId], as_of: datetime | None = None
) -> tuple[Finding, ...]:
    """Return what is true of these hosts, by host; or what was known to be true at a moment."""
    scans = work.facts.scans(hosts, as_of)
    if not scans or not work.advisories.feeds():
        return ()
    index = index_for(work, topics_of_scans(scans), as_of)
    return tuple(finding for scan in scans for finding in _match(scan, index))


def first_seen(work: UnitOfWork, findings: Iterable[Finding]) -> Mapping[Identity, date]:
    """Return since when each of these present findings has the state that it has.

    That is since the host has been so without a break, and not before its fix was known here.
    """
    wanted: dict[HostId, list[Finding]] = defaultdict(list)
    for finding in findings:
        wanted[finding.host].append(finding)
    if not wanted:
        return {}
    by_host = groupby(work.facts.timeline(wanted), key=lambda scan: scan.host)
    timelines = {host: list(scans) for host, scans in by_host}
    past = [scan for scans in timelines.values() for scan in scans[:-1]]
    index = index_for(work, topics_of_scans(past))
    found: dict[Identity, date] = {}
    for host, scans in timelines.items():
        found |= _began(scans, wanted[host], index)
    return found


def _began(
    scans: Sequence[Scan], findings: Sequence[Finding], index: AdvisoryIndex
) -> dict[Identity, date]:
    """Return when each finding of a host began; `scans` are all of the host's, oldest first."""
    began = {finding.key: scans[-1].since.date() for finding in findings}
    going = {finding.key: finding.state for finding in findings}
    for scan in reversed(scans[:-1]):
        before = {finding.key: finding.state for finding in _match(scan, index)}
        going = {key: state for key, state in going.items() if before.get(key) is state}
        if not going:
            break
        began |= dict.fromkeys(going, scan.since.date())
    known = {finding.key: finding.known_since or date.min for finding in findings}
    return {key: max(since, known[key]) for key, since in began.items()}


def history(work: UnitOfWork, host: HostId, cve: CveId) -> tuple[tuple[datetime, Finding], ...]:
    """Return what was ever true of a CVE on a host, each from when on, oldest first."""
    scans = work.facts.timeline([host])
    if not scans:
        return ()
    moments = {scan.since for scan in scans}
    moments |= {moment for moment in work.advisories.changes(cve) if moment > scans[0].since}
    feeds, topics = work.advisories.feeds(), topics_of_scans(scans)
    found: list[tuple[datetime, Finding]] = []
    last: dict[str, Finding] = {}
    for moment in sorted(moments):
        scan = [scan for scan in scans if scan.since <= moment][-1]
        index = AdvisoryIndex.of(feeds, work.advisories.statements(topics, moment, cve))
        for finding in _match(scan, index):
            if last.get(finding.source_name) != finding:
                last[finding.source_name] = finding
                found.append((moment, finding))
    return tuple(found)


def fleet_of(
    work: UnitOfWork, hosts: Iterable[HostId] | None = None
) -> tuple[Fleet, AdvisoryIndex]:
    """Return the fleet, or a part of it, by what it has; and what counts about that.

    Raises RefusedError without advisories.
    """
    holdings = work.fleet.holdings()
    topics = {topic for component in holdings for topic in component.topics}
    return Fleet(holdings, work.fleet.members(hosts)), index_for(work, topics)


def _match(scan: Scan, index: AdvisoryIndex) -> tuple[Finding, ...]:
    processes = stale_by_source(scan.facts) if scan.facts is not None else {}
    return match_parts(scan.host, parts_of(scan.components, scan.packages, processes), index)


def topics_of_scans(scans: Iterable[Scan]) -> frozenset[Topic]:
    """Return what statements are needed about to judge these."""
    return frozenset(t for scan in scans for c in scan.components for t in c.topics)
