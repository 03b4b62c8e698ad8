"""Create a plan: ask every host what exactly it would do with the snapshot, and write it down."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from oakum.core.audit.event import Action
from oakum.core.errors import InputError, RefusedError
from oakum.core.ids import CveId, HostId
from oakum.core.inventory.facts import Facts
from oakum.core.inventory.host import Criticality, Host
from oakum.core.matching.finding import Finding, FindingState
from oakum.core.planning.budget import BudgetWish
from oakum.core.planning.clusters import Cluster, clusters_of, fingerprint, touched_by
from oakum.core.planning.groups import groups_of
from oakum.core.planning.hook import Hook, HookRule, hooks_for
from oakum.core.planning.lane import Deadline, PlanLane, lane_for
from oakum.core.planning.lane_choice import LaneWish, Urgency, in_lane
from oakum.core.planning.metric import NO_METRICS, MetricRules
from oakum.core.planning.openings import HostOpenings
from oakum.core.planning.plan import (
    PLAN_FORMAT,
    Group,
    HostClass,
    Plan,
    RebootPolicy,
    RestartPolicy,
    Ring,
    RollbackVerdict,
    Window,
)
from oakum.core.planning.prediction import seconds_of_hosts, seconds_of_plan
from oakum.core.planning.rings import form_rings, require_percents
from oakum.core.planning.schedule import Rules, ScheduledHost
from oakum.core.repositories.snapshot import Snapshot, SnapshotManifest
from oakum.core.risk.assessment import Assessor
from oakum.core.risk.queue import MILLION, risk_of
from oakum.core.rollback.classes import verdict
from oakum.core.rollback.deadman import usual_seconds
from oakum.core.text import is_plain
from oakum.ports.clock import Clock
from oakum.ports.package_manager import SnapshotAccess
from oakum.ports.stores import UnitOfWorkFactory
from oakum.services.ask_changes import ChangeAsker, Question, left_out
from oakum.services.close_findings import closed_by, require_fixes, sources_of
from oakum.services.find_exposure import findings_of
from oakum.services.form_classes import form_classes
from oakum.services.learn_times import LearntTimes, learn_times
from oakum.services.prioritise_findings import prioritise_fixes, removable_risk_of_fleet

CRITICAL = frozenset({Criticality.HIGH, Criticality.VERY_HIGH})


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What a person asks for. Neither sources nor CVEs given: all that the snapshot offers."""

    title: str
    created_by: str
    snapshot: Snapshot
    hosts: tuple[Host, ...]
    sources: frozenset[str]
    cves: frozenset[CveId]
    ring_percents: tuple[int, ...]
    max_canaries: int
    """How many environment clusters the first ring covers at most, unless its share is more."""
    wish: LaneWish
    window: Window
    budget: BudgetWish
    restart_policy: RestartPolicy
    reboot_policy: RebootPolicy
    rules: Rules
    """Maintenance windows and freezes."""
    metrics: MetricRules = NO_METRICS
    hooks: tuple[HookRule, ...] = ()
    deadman_seconds: int | None = None
    """How long a changed host waits to be confirmed; 0: for ever. None: what is usual."""


@dataclass(frozen=True, slots=True)
class PlanMaker:
    """Makes plans."""

    begin: UnitOfWorkFactory
    asker: ChangeAsker
    assessor: Assessor
    clock: Clock

    async def create(self, request: PlanRequest, access: SnapshotAccess) -> Plan:
        """Return the stored plan.

        Raises InputError for rings or a window that make no sense, and
        RefusedError when a host cannot be planned for, naming every such host: a plan
        that silently leaves a host out would report it as patched.
        """
        require_percents(request.ring_percents)
        request.window.require_sense(self.clock.now())
        if not is_plain(request.title):
            raise InputError("the title holds control characters", hint="write one plain line")
        facts = self._known_facts(request)
        with self.begin() as work:
            findings = findings_of(work, [host.id for host in request.hosts])
            times = learn_times(work)
        require_fixes(request.cves, request.hosts, findings)
        question = Question(
            request.snapshot,
            access,
            request.sources | sources_of(findings, request.cves),
            is_narrowed=bool(request.sources or request.cves),
        )
        simulations = await self.asker.ask(question, request.hosts, facts)
        classes = form_classes(request.hosts, request.snapshot.manifest, facts, simulations)
        if not classes:
            raise _nothing_to_do(left_out(known, question) for known in facts.values())
        fixable = [f for f in findings if f.state is FindingState.AFFECTED_FIX_AVAILABLE]
        closed = closed_by(classes, request.snapshot.manifest, request.reboot_policy, fixable)
        plan = _assemble(
            request,
            classes,
            _clusters(request, classes, facts),
            closed,
            self.clock.now(),
            risk_removed_ppm=self._share_of_risk(closed),
            pace_percent=times.pace_percent,
        )
        plan = replace(plan, hooks=_hooks(plan, request, times))
        plan = replace(
            plan,
            schedule=_schedule(plan, request, facts),
            measurement=request.metrics.measurement(
                request.hosts, [*(c.hosts for c in plan.clusters), *(c.hosts for c in plan.classes)]
            ),
            groups=self._groups(plan),
        )
        plan = in_lane(plan, self._urgency(plan), _wish(plan, request))
        if plan.measurement is not None:
            plan.measurement.require_time(min(ring.soak_seconds for ring in plan.rings))
        with self.begin() as work:
            work.plans.add(plan)
            work.audit.append(
                at=plan.created_at,
                actor=plan.created_by,
                action=Action.PLAN_CREATED,
                subject=plan.id,
                details={
                    "digest": plan.digest,
                    "snapshot": plan.snapshot,
                    "hosts": list(plan.hosts),
                    "changes": sum(len(c.changes) * len(c.hosts) for c in plan.classes),
                    "rollback": plan.rollback_verdict.value,
                    **plan.caveats(),
                },
            )
            work.commit()
        return plan

    def _urgency(self, plan: Plan) -> Urgency:
        """Return how urgent what a plan closes is; nothing that is known is not urgent."""
        today = plan.created_at.date()
        with self.begin() as work:
            queue = prioritise_fixes(work, self.assessor, today, plan.hosts, plan.fixes)
        if not queue:
            return Urgency(PlanLane.NORMAL, "it closes nothing that is known to be open", None)
        first = queue[0]
        return Urgency(
            lane_for(first.lane),
            f"risk is {first.lane.value} ({first.why})",
            min(
                (Deadline(end_of(item.due), item.why) for item in queue if item.due is not None),
                key=lambda deadline: deadline.at,
                default=None,
            ),
        )

    def _groups(self, plan: Plan) -> tuple[Group, ...]:
        with self.begin() as work:
            return groups_of(work.hosts.all(), plan.hosts)

    def _known_facts(self, request: PlanRequest) -> Mapping[HostId, Facts]:
        with self.begin() as work:
            facts = work.facts.latest_of(host.id for host in request.hosts)
            failures = work.facts.failures()
        unknown = [h.name for h in request.hosts if h.id not in facts or h.id in failures]
        if unknown:
            raise RefusedError(
                f"no plan without facts: {', '.join(sorted(unknown))} could not be scanned",
                hint="run `oakum scan`, mend what it names, or leave the hosts out with --limit",
            )
        blind = [host.name for host in request.hosts if not facts[host.id].saw_all_processes]
        if blind:
            raise RefusedError(
                f"no change could be verified on {', '.join(sorted(blind))}: what their processes "
                "still run cannot be read there",
                hint="let Oakum log in as root or with sudo, mount /proc on them, and scan again",
            )
        return facts

    def _share_of_risk(self, closed: Sequence[Finding]) -> int:
        """Return which part of the fleet's removable risk the plan removes, in ppm."""
        with self.begin() as work:
            hosts = {host.id: host for host in work.hosts.all()}
            signals = work.advisories.signals({finding.cve for finding in closed})
            total = removable_risk_of_fleet(work)
        removed = risk_of([f for f in closed if f.is_to_patch], hosts, signals)
        return MILLION * removed // total if total else 0


def _wish(plan: Plan, request: PlanRequest) -> LaneWish:
    """Return what is asked of the lane: only before critical hosts it lasts longer."""
    last = set(plan.rings[-1].hosts)
    if any(host.id in last and host.criticality in CRITICAL for host in request.hosts):
        return request.wish
    return replace(request.wish, before_critical_seconds=0)


def end_of(day: date) -> datetime:
    """Return when a day is over: what is due on it may be done until then."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def _schedule(
    plan: Plan, request: PlanRequest, facts: Mapping[HostId, Facts]
) -> tuple[HostOpenings, ...]:
    seconds = seconds_of_plan(plan)
    planned = (
        ScheduledHost(host, facts[host.id].timezone, seconds[host.id])
        for host in request.hosts
        if host.id in seconds
    )
    return request.rules.schedule(planned, plan.created_at)


def _hooks(plan: Plan, request: PlanRequest, times: LearntTimes) -> tuple[Hook, ...]:
    by_id = {host.id: host for host in request.hosts}
    hooks = hooks_for(request.hooks, [by_id[host] for host in plan.hosts])
    return tuple(replace(hook, expected_seconds=times.of_hook(hook)) for hook in hooks)


def _nothing_to_do(left_out: Iterable[tuple[tuple[str, str], ...]]) -> RefusedError:
    reasons = dict.fromkeys(f"{key} {reason}" for of_host in left_out for key, reason in of_host)
    message = "there is nothing to do: no host would change anything"
    if reasons:
        return RefusedError(
            f"{message}; {'; '.join([*reasons][:5])}",
            hint="`[snapshots] phased_from` says from which percentage on updates are taken",
        )
    return RefusedError(
        message, hint="`oakum queue` shows what is open, `oakum snapshots list` what is frozen"
    )


def _assemble(
    request: PlanRequest,
    classes: tuple[HostClass, ...],
    clusters: tuple[Cluster, ...],
    closed: Sequence[Finding],
    now: datetime,
    *,
    risk_removed_ppm: int,
    pace_percent: int,
) -> Plan:
    criticality = {host.id: host.criticality for host in request.hosts}
    rings = form_rings(clusters, criticality, request.ring_percents, request.max_canaries)
    way_back, reasons = _way_back(classes, request.snapshot.manifest)
    return Plan(
        created_at=now,
        created_by=request.created_by,
        title=request.title,
        snapshot=request.snapshot.id,
        release=request.snapshot.manifest.release,
        classes=classes,
        rings=tuple(
            Ring(f"ring {number}", hosts, 0, max_failed=request.budget.of_ring(len(hosts)))
            for number, hosts in enumerate(rings, 1)
        ),
        window=request.window,
        budget=request.budget.budget(sum(len(hosts) for hosts in rings)),
        restart_policy=request.restart_policy,
        reboot_policy=request.reboot_policy,
        rollback_verdict=way_back,
        rollback_reasons=reasons,
        fixes=tuple(sorted({(f.cve, f.source_name) for f in closed})),
        risk_removed_ppm=risk_removed_ppm,
        predicted_seconds=0,  # of its lane
        pace_percent=pace_percent,
        deadman_seconds=_deadman(request, _slowest(request, classes, pace_percent)),
        format=PLAN_FORMAT,
        clusters=clusters,
    )


def _clusters(
    request: PlanRequest, classes: Sequence[HostClass], facts: Mapping[HostId, Facts]
) -> tuple[Cluster, ...]:
    touched = touched_by(change for found in classes for change in found.changes)
    names = {host: found.name for found in classes for host in found.hosts}
    return clusters_of(
        {
            host.id: fingerprint(host, facts[host.id], names[host.id], touched)
            for host in request.hosts
            if host.id in names
        }
    )


def _slowest(request: PlanRequest, classes: Sequence[HostClass], pace_percent: int) -> int:
    """Return how long the slowest host is expected to take, its hooks as long as they may."""
    hooks = sum(rule.hook.timeout_seconds for rule in request.hooks)
    return hooks + max(seconds_of_hosts(classes, pace_percent, request.reboot_policy).values())


def _deadman(request: PlanRequest, slowest: int) -> int:
    """Return how long hosts wait to be confirmed. Raises InputError for less than they take."""
    asked = request.deadman_seconds
    if asked is None:
        return usual_seconds(slowest)
    if 0 < asked < slowest:
        raise InputError(
            f"a deadman of {asked} s would undo what is well: a host is predicted to take "
            f"{slowest} s",
            hint=f'give it more, or "auto" ({usual_seconds(slowest)} s here), or "off"',
        )
    return asked


def _way_back(
    classes: tuple[HostClass, ...], manifest: SnapshotManifest
) -> tuple[RollbackVerdict, tuple[str, ...]]:
    every = {change.line(): change for c in classes for change in c.changes}
    return verdict(tuple(every.values()), manifest)
