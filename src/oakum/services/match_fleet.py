"""Match the fleet: what is known of hosts against what is known of vulnerabilities."""

from collections.abc import Mapping
from dataclasses import dataclass

from oakum.core.advisories.feed import FeedName
from oakum.core.audit.event import Action
from oakum.core.errors import RefusedError
from oakum.core.ids import HostId
from oakum.core.inventory.facts import Facts
from oakum.core.matching.matcher import AdvisoryIndex, match, sources_of
from oakum.ports.clock import Clock
from oakum.ports.stores import UnitOfWork, UnitOfWorkFactory


@dataclass(frozen=True, slots=True)
class MatchResult:
    """What matching found."""

    findings: int
    changed: int


def index_for(facts: Mapping[HostId, Facts], work: UnitOfWork) -> AdvisoryIndex:
    """Return the statements that concern these hosts. Raises RefusedError without a tracker."""
    feeds = work.advisories.feeds()
    if FeedName.DEBIAN_TRACKER not in feeds:
        raise RefusedError(
            "there are no advisories yet: nothing can be said about vulnerabilities",
            hint="run `oakum advisories update`, or with `--offline shipped`",
        )
    sources = {source for known in facts.values() for source in sources_of(known)}
    releases = sorted({known.distribution.codename for known in facts.values()})
    statements = [s for release in releases for s in work.advisories.statements(release, sources)]
    return AdvisoryIndex.of(feeds, statements)


def match_fleet(begin: UnitOfWorkFactory, clock: Clock, actor: str) -> MatchResult:
    """Store the findings of every host; the same input again changes nothing."""
    now = clock.now()
    with begin() as work:
        facts = work.facts.all_latest()
        index = index_for(facts, work)
        total = changed = 0
        for host, known in facts.items():
            earlier = work.facts.earlier(host) if known.stale_processes else ()
            findings = match(host, known, index, earlier)
            total += len(findings)
            changed += work.findings.replace(host, findings, now)
        if changed:
            work.audit.append(
                at=now,
                actor=actor,
                action=Action.FINDINGS_MATCHED,
                subject="fleet",
                details={
                    "hosts": len(facts),
                    "findings": total,
                    "changed": changed,
                    "advisories": {
                        feed.value: {
                            "sha256": state.sha256,
                            "as_of": state.data_as_of.isoformat(),
                        }
                        for feed, state in sorted(index.feeds.items(), key=lambda f: f[0].value)
                    },
                },
            )
        work.commit()
    return MatchResult(total, changed)
