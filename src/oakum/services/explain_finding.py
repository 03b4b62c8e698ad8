"""Explain one CVE on one host: the whole chain, from the advisory to the verification."""

from dataclasses import dataclass
from datetime import datetime

from oakum.core.advisories.authority import decide
from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.signals import CveSignals
from oakum.core.advisories.statement import VendorStatement
from oakum.core.audit.event import Action, AuditEvent
from oakum.core.ids import CveId
from oakum.core.inventory.facts import Facts
from oakum.core.inventory.host import Host
from oakum.core.matching.coverage import Coverage, coverage, outline_of
from oakum.core.matching.finding import Finding, FindingState
from oakum.core.matching.matcher import topics_of
from oakum.core.planning.change import PackageChange
from oakum.core.planning.plan import Plan
from oakum.core.repositories.phasing import phasing_of
from oakum.core.repositories.snapshot import Snapshot
from oakum.core.risk.assessment import Assessment, Assessor
from oakum.core.rollout.rollout import HostRun, Rollout
from oakum.core.staging.rehearsal import Rehearsal
from oakum.ports.stores import Approval, UnitOfWork
from oakum.services.find_exposure import first_seen, history


@dataclass(frozen=True, slots=True)
class RunOfHost:
    """What one rollout did to the host."""

    rollout: Rollout
    run: HostRun
    events: tuple[AuditEvent, ...]
    """The host's own steps in this rollout, oldest first: states and verifications."""


@dataclass(frozen=True, slots=True)
class PlanForHost:
    """A plan that closes the finding, with its evidence."""

    plan: Plan
    changes: tuple[PackageChange, ...]
    """Only those of the finding's source package."""
    snapshot: Snapshot
    rehearsals: tuple[Rehearsal, ...]
    approvals: tuple[Approval, ...]
    runs: tuple[RunOfHost, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that is known of one CVE on one host."""

    host: Host
    facts: Facts | None
    coverage: Coverage | None
    statements: tuple[VendorStatement, ...]
    """Every one on the CVE in a package of the host."""
    deciding: tuple[VendorStatement, ...]
    """Those that count, where several sources speak of the same."""
    signals: CveSignals | None
    feeds: tuple[FeedState, ...]
    history: tuple[tuple[datetime, Finding], ...]
    assessment: Assessment | None
    plans: tuple[PlanForHost, ...]
    phasing: tuple[str, ...] = ()
    """Why the host's own apt may not take a fix that is there, in words."""


def explain_finding(cve: CveId, name: str, assessor: Assessor, work: UnitOfWork) -> Explanation:
    """Return the chain. What is missing in it is empty, and is said to be missing."""
    host = work.hosts.named(name)
    facts = work.facts.latest(host.id)
    signals = work.advisories.signals([cve]).get(cve)
    feeds = work.advisories.feeds()
    past = history(work, host.id, cve)
    statements = _statements(cve, facts, work)
    made_on = {feed.value: state.data_as_of.date() for feed, state in feeds.items()}
    sources = {finding.source_name for _, finding in past}
    present = [finding for _, finding in past[-1:]]
    since = first_seen(work, present)
    assessed = [
        assessor.assess(signals or CveSignals(cve), host, since[finding.key])
        for finding in present
        if finding.key in since
    ]
    return Explanation(
        host=host,
        facts=facts,
        coverage=coverage(outline_of(facts), work.advisories.covered()) if facts else None,
        statements=statements,
        deciding=tuple(decide(statements, made_on)),
        signals=signals,
        feeds=tuple(feeds[name] for name in FeedName if name in feeds),
        history=past,
        phasing=tuple(
            line
            for finding in present
            if facts is not None and finding.state is FindingState.AFFECTED_FIX_AVAILABLE
            for line in phasing_of(facts, finding.source_name, finding.evidence.fixed_version)
        ),
        assessment=assessed[0] if assessed else None,
        plans=tuple(
            _plan_for(plan, host, sources, work)
            for plan in work.plans.all()
            if host.id in plan.hosts and any((cve, source) in plan.fixes for source in sources)
        ),
    )


def _statements(cve: CveId, facts: Facts | None, work: UnitOfWork) -> tuple[VendorStatement, ...]:
    if facts is None:
        return ()
    return work.advisories.statements(topics_of(facts), cve=cve)


def _plan_for(plan: Plan, host: Host, sources: set[str], work: UnitOfWork) -> PlanForHost:
    changes = plan.class_of(host.id).changes
    return PlanForHost(
        plan=plan,
        changes=tuple(change for change in changes if change.source_name in sources),
        snapshot=work.snapshots.get(plan.snapshot),
        rehearsals=work.plans.rehearsals(plan.id),
        approvals=work.plans.approvals(plan.id),
        runs=tuple(
            RunOfHost(rollout, rollout.run_of(host.id), _events(rollout, host, work))
            for rollout in work.rollouts.of_plan(plan.id)
        ),
    )


def _events(rollout: Rollout, host: Host, work: UnitOfWork) -> tuple[AuditEvent, ...]:
    steps = {Action.HOST_RUN_CHANGED, Action.HOST_VERIFIED}
    return tuple(
        event
        for event in work.audit.events(subject=host.id)
        if event.action in steps
        and isinstance(event.details, dict)
        and event.details.get("rollout") == rollout.id
    )
