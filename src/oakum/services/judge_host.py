"""Judge one machine without a fleet, a database or a configuration."""

from dataclasses import dataclass
from datetime import date

from oakum.core.advisories.feed import FeedState
from oakum.core.advisories.signals import CveSignals
from oakum.core.ids import HostId
from oakum.core.inventory.facts import Facts
from oakum.core.inventory.host import Host
from oakum.core.matching.component import components_of
from oakum.core.matching.coverage import Coverage, coverage, outline_of
from oakum.core.matching.finding import Finding
from oakum.core.matching.fleet import Fleet, Holding, HostSet
from oakum.core.matching.matcher import AdvisoryIndex, match, topics_of
from oakum.core.risk.assessment import Assessor
from oakum.core.risk.queue import FleetView, Population, QueueItem, build_queue
from oakum.ports.advisory_feed import Advisories

ONLY = 0
"""The number of the one host."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """All that can be said of the machine."""

    facts: Facts
    findings: tuple[Finding, ...]
    queue: tuple[QueueItem, ...]
    coverage: Coverage
    feeds: tuple[FeedState, ...]


def judge_host(
    host: Host, facts: Facts, source: Advisories, assessor: Assessor, today: date
) -> Judgement:
    """Match a machine with advisories and order what it needs. Raises StorageError."""
    feeds = source.all_feeds()
    index = AdvisoryIndex.of_rulings(feeds, source.rulings(topics_of(facts)))
    findings = match(HostId(host.id), facts, index)
    holding = Holding(today, is_successor=False, hosts=HostSet([ONLY]))
    fleet = Fleet(dict.fromkeys(components_of(facts), (holding,)), HostSet([ONLY]))
    exposed = list(fleet.exposed(index))
    wanted = {fix.statement.cve for found in exposed for fix in found.fixes}
    signals = {cve: CveSignals(cve) for cve in wanted} | dict(source.signals(wanted))
    view = FleetView(Population({ONLY: host}, signals), assessor, lambda *_: today)
    known = coverage(outline_of(facts), index.covered)
    return Judgement(facts, findings, build_queue(exposed, view), known, tuple(feeds.values()))
