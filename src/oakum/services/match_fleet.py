"""Match the fleet: what is known of hosts against what is known of vulnerabilities."""

from collections.abc import Mapping
from dataclasses import dataclass

from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.audit.event import Action
from oakum.core.canonical import Json
from oakum.core.matching.finding import FindingState
from oakum.core.matching.fleet import Tally
from oakum.ports.clock import Clock
from oakum.ports.stores import UnitOfWork, UnitOfWorkFactory
from oakum.services.find_exposure import fleet_of


@dataclass(frozen=True, slots=True)
class MatchResult:
    """What matching found."""

    hosts: int
    tally: Tally
    changed: bool
    """Whether any number is another than when the fleet was last matched."""


def match_fleet(begin: UnitOfWorkFactory, clock: Clock, actor: str) -> MatchResult:
    """Count the findings of the fleet, and note the numbers if they changed.

    Findings themselves are not stored: they follow from what is. Raises RefusedError without
    advisories.
    """
    with begin() as work:
        fleet, index = fleet_of(work)
        tally, hosts = fleet.tally(index), len(work.facts.scanned())
        details = _details(hosts, tally, index.feeds)
        changed = details != _last(work)
        if changed:
            work.audit.append(
                at=clock.now(),
                actor=actor,
                action=Action.FINDINGS_MATCHED,
                subject="fleet",
                details=details,
            )
        work.commit()
    return MatchResult(hosts, tally, changed)


def _details(hosts: int, tally: Tally, feeds: Mapping[FeedName, FeedState]) -> Json:
    return {
        "hosts": hosts,
        "findings": {state.value: tally.by_state[state] for state in FindingState},
        "advisories": {
            feed.value: {"sha256": state.sha256, "as_of": state.data_as_of.isoformat()}
            for feed, state in sorted(feeds.items(), key=lambda pair: pair[0].value)
        },
    }


def _last(work: UnitOfWork) -> object:
    events = work.audit.events(subject="fleet")
    matched = [event for event in events if event.action is Action.FINDINGS_MATCHED]
    return matched[-1].details if matched else None
