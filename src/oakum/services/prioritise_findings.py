"""Prioritise: from exposed components to a queue of patches."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date
from itertools import groupby

from oakum.core.advisories.statement import VendorStatement
from oakum.core.ids import CveId, HostId
from oakum.core.inventory.selector import parse_selector
from oakum.core.matching.answer import answer
from oakum.core.matching.component import Component
from oakum.core.matching.finding import FindingState
from oakum.core.matching.fleet import Exposed, HostSet
from oakum.core.risk.assessment import Assessor
from oakum.core.risk.exceptions import Excepted, without
from oakum.core.risk.queue import (
    FleetView,
    Population,
    QueueItem,
    build_queue,
    removable_risk,
)
from oakum.core.risk.weakness import WeaknessGroup, by_weakness
from oakum.ports.stores import Scan, UnitOfWork
from oakum.services.find_exposure import fleet_of


def prioritise(
    work: UnitOfWork,
    assessor: Assessor,
    today: date,
    hosts: Collection[HostId] | None = None,
) -> tuple[QueueItem, ...]:
    """Return the queue of these hosts, or of all, without what is excepted today."""
    exposed, population = _to_patch(work, today, hosts)
    return build_queue(exposed, _view(work, assessor, population))


def prioritise_fixes(
    work: UnitOfWork,
    assessor: Assessor,
    today: date,
    hosts: Collection[HostId],
    fixes: Collection[tuple[CveId, str]],
) -> tuple[QueueItem, ...]:
    """Return the queue of only these (CVE, source package) pairs on these hosts."""
    exposed, population = _to_patch(work, today, hosts)
    wanted = set(fixes)
    closed = (
        replace(found, fixes=kept)
        for found in exposed
        if (kept := tuple(f for f in found.fixes if (f.statement.cve, found.source) in wanted))
    )
    return build_queue(closed, _view(work, assessor, population))


def _view(work: UnitOfWork, assessor: Assessor, population: Population) -> FleetView:
    def began(holders: HostSet, component: Component, said: VendorStatement) -> date:
        timeline = work.facts.timeline(population.hosts[number].id for number in holders)
        by_host = groupby(timeline, key=lambda scan: scan.host)
        return min(_lacking_since(list(scans), component, said) for _, scans in by_host)

    return FleetView(population, assessor, began)


def group_by_weakness(
    work: UnitOfWork, today: date, hosts: Collection[HostId] | None = None
) -> tuple[WeaknessGroup, ...]:
    """Return what is to be patched on these hosts, or on all, by its kind of mistake."""
    exposed, population = _to_patch(work, today, hosts)
    return by_weakness(exposed, population.signals)


def removable_risk_of_fleet(work: UnitOfWork) -> int:
    """Return all the risk that patching can remove, in the queue's measure."""
    return removable_risk(*_exposed(work, None))


def _to_patch(
    work: UnitOfWork, today: date, hosts: Collection[HostId] | None
) -> tuple[Iterator[Exposed], Population]:
    """Return what is exposed and not excepted."""
    exposed, population = _exposed(work, hosts)
    return without(exposed, _excepted(work, population, today)), population


def _excepted(work: UnitOfWork, population: Population, today: date) -> list[Excepted]:
    """Return the exceptions that hold, each with the hosts that it is about."""
    found = []
    for exception in work.exceptions.all():
        if exception.holds(today):
            selector = parse_selector(exception.hosts)
            numbers = [n for n, host in population.hosts.items() if selector.matches(host)]
            found.append(Excepted(exception, HostSet(numbers)))
    return found


def _exposed(
    work: UnitOfWork, hosts: Collection[HostId] | None
) -> tuple[list[Exposed], Population]:
    """Return what is exposed: nothing, while there are no advisories."""
    if not work.advisories.feeds():
        return [], Population({}, {})
    numbers, known = work.fleet.numbers(hosts), {host.id: host for host in work.hosts.all()}
    fleet, index = fleet_of(work, hosts)
    exposed = list(fleet.exposed(index))
    cves = {fix.statement.cve for found in exposed for fix in found.fixes}
    by_number = {number: known[host] for number, host in numbers.items()}
    return exposed, Population(by_number, work.advisories.signals(cves))


def _lacking_since(scans: list[Scan], component: Component, said: VendorStatement) -> date:
    """Return since when a host lacks a fix without a break; `scans` are oldest first."""
    since = scans[-1].since
    for scan in reversed(scans):
        answers = [
            answer(other, [said])
            for other in scan.components
            if (other.release, other.name) == (component.release, component.name)
        ]
        lacks = FindingState.AFFECTED_FIX_AVAILABLE
        if not any(found is not None and found.state is lacks for found in answers):
            break
        since = scan.since
    return since.date()
