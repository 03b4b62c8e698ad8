"""Create a plan: ask every host what exactly it would do with the snapshot, and write it down."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from oakum.core.audit.event import Action
from oakum.core.canonical import digest_of
from oakum.core.errors import (
    InputError,
    NotFoundError,
    OakumError,
    RefusedError,
    StorageError,
)
from oakum.core.ids import CveId, Digest, HostId
from oakum.core.inventory.facts import Facts
from oakum.core.inventory.host import Criticality, Host
from oakum.core.inventory.package import InstalledPackage
from oakum.core.matching.finding import Finding, FindingState
from oakum.core.matching.kernel import SIGNED, judged_as
from oakum.core.planning.change import ChangeKind, PackageChange
from oakum.core.planning.clusters import Cluster, clusters_of, fingerprint, touched_by
from oakum.core.planning.groups import groups_of
from oakum.core.planning.hook import Hook, HookRule, hooks_for
from oakum.core.planning.lane import Deadline, PlanLane, lane_for
from oakum.core.planning.lane_choice import LaneWish, Urgency, in_lane
from oakum.core.planning.metric import NO_METRICS, MetricRules
from oakum.core.planning.openings import HostOpenings
from oakum.core.planning.plan import (
    PLAN_FORMAT,
    Budget,
    Group,
    HostClass,
    Plan,
    RebootPolicy,
    RestartPolicy,
    Ring,
    RollbackVerdict,
    Window,
)
from oakum.core.planning.prediction import learnt_pace, seconds_of_hosts
from oakum.core.planning.rings import form_rings, require_percents
from oakum.core.planning.schedule import Rules, ScheduledHost
from oakum.core.repositories.snapshot import Role, Snapshot, SnapshotManifest, SnapshotPackage
from oakum.core.risk.assessment import Assessor
from oakum.core.risk.queue import MILLION, risk_of
from oakum.core.rollback.classes import class_of, verdict
from oakum.core.rollback.deadman import usual_seconds
from oakum.core.text import is_plain
from oakum.core.versions.deb import compare
from oakum.ports.clock import Clock
from oakum.ports.package_manager import (
    PackageManager,
    SimulatedChange,
    Simulation,
    SnapshotAccess,
    Target,
)
from oakum.ports.stores import UnitOfWorkFactory
from oakum.ports.transport import Transport
from oakum.services.find_exposure import findings_of
from oakum.services.prioritise_findings import prioritise_fixes, removable_risk_of_fleet

CRITICAL = frozenset({Criticality.HIGH, Criticality.VERY_HIGH})
LEARNT_FROM = 20
"""Rollouts, the newest, from which one learns how long hosts take."""


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
    budget: Budget
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
    transport: Transport
    package_manager: PackageManager
    assessor: Assessor
    clock: Clock
    concurrency: int
    progress: Callable[[str, int, int], None]

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
        _require_fixes(request, findings)
        sources = request.sources | _sources_of(findings, request.cves)
        simulations = await self._simulate_all(request, access, facts, sources)
        left_out = {h: _left_out(known, request.snapshot, sources) for h, known in facts.items()}
        simulations = {
            host: replace(answer, kept_back=(*answer.kept_back, *left_out[host]))
            for host, answer in simulations.items()
        }
        classes = _classes(request, facts, simulations)
        if not classes:
            raise _nothing_to_do(left_out.values())
        fixable = [f for f in findings if f.state is FindingState.AFFECTED_FIX_AVAILABLE]
        closed = _closed(classes, request.snapshot.manifest, request.reboot_policy, fixable)
        plan = _assemble(
            request,
            classes,
            _clusters(request, classes, facts),
            closed,
            self.clock.now(),
            risk_removed_ppm=self._share_of_risk(closed),
            pace_percent=self._pace(),
        )
        plan = replace(
            plan,
            schedule=_schedule(plan, request, facts),
            measurement=request.metrics.measurement(request.hosts, [c.hosts for c in plan.classes]),
            groups=self._groups(plan),
        )
        plan = in_lane(plan, self._urgency(plan), _wish(plan, request))
        if plan.measurement is not None:
            plan.measurement.require_time(min(ring.soak_seconds for ring in plan.rings))
        plan = replace(plan, hooks=_hooks(plan, request))
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

    def _pace(self) -> int:
        """Return how long hosts took lately, in percent of what was guessed of them."""
        done: list[tuple[int, int]] = []
        with self.begin() as work:
            for rollout in work.rollouts.all()[-LEARNT_FROM:]:
                with contextlib.suppress(StorageError):  # a damaged plan is told of elsewhere
                    plan = work.plans.get(rollout.plan)
                    guesses = seconds_of_hosts(plan.classes, 100)
                    done += [
                        (guesses[run.host], run.seconds)
                        for run in rollout.runs
                        if run.seconds is not None
                    ]
        return learnt_pace(done)

    async def _simulate_all(
        self,
        request: PlanRequest,
        access: SnapshotAccess,
        facts: Mapping[HostId, Facts],
        sources: frozenset[str],
    ) -> dict[HostId, Simulation]:
        narrowed = bool(request.sources or request.cves)
        places = asyncio.Semaphore(self.concurrency)
        failures: list[str] = []
        done: dict[HostId, Simulation] = {}

        async def simulate(host: Host) -> None:
            targets = (
                _targets(facts[host.id], request.snapshot.manifest, sources) if narrowed else None
            )
            if targets == ():
                return
            try:
                async with places, self.transport.connect(host) as session:
                    answer = await self.package_manager.simulate(session, access, targets)
            except OakumError as error:
                failures.append(f"{host.name}: {error.message}")
            else:
                failures.extend(f"{host.name}: {problem}" for problem in answer.problems)
                done[host.id] = answer
            self.progress("asking hosts what they would do", len(done), len(request.hosts))

        await asyncio.gather(*(simulate(host) for host in request.hosts))
        if failures:
            raise RefusedError(
                "some hosts cannot be planned for:\n  " + "\n  ".join(sorted(failures)),
                hint="mend what is named, or leave the hosts out with --limit",
            )
        return done


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
    seconds = seconds_of_hosts(plan.classes, plan.pace_percent)
    planned = (
        ScheduledHost(host, facts[host.id].timezone, seconds[host.id])
        for host in request.hosts
        if host.id in seconds
    )
    return request.rules.schedule(planned, plan.created_at)


def _hooks(plan: Plan, request: PlanRequest) -> tuple[Hook, ...]:
    by_id = {host.id: host for host in request.hosts}
    return hooks_for(request.hooks, [by_id[host] for host in plan.hosts])


def _require_fixes(request: PlanRequest, findings: Iterable[Finding]) -> None:
    """Raise NotFoundError for a CVE that no host of the request can be freed from."""
    hosts = {host.id for host in request.hosts}
    fixable = FindingState.AFFECTED_FIX_AVAILABLE
    closable = {f.cve for f in findings if f.host in hosts and f.state is fixable}
    if others := sorted(request.cves - closable):
        raise NotFoundError(
            f"no update on these hosts fixes {', '.join(others)}",
            hint=f"`oakum findings --all --cve {others[0]}` shows how they stand to it",
        )


def _sources_of(findings: Iterable[Finding], cves: frozenset[CveId]) -> frozenset[str]:
    fixable = FindingState.AFFECTED_FIX_AVAILABLE
    return frozenset(f.source_name for f in findings if f.cve in cves and f.state is fixable)


def candidates(manifest: SnapshotManifest) -> dict[tuple[str, str], SnapshotPackage]:
    """Return the package that the snapshot offers for each (name, architecture)."""
    return {
        (package.name, package.architecture): package
        for package in manifest.packages
        if Role.CANDIDATE in package.roles
    }


def _targets(
    facts: Facts, manifest: SnapshotManifest, sources: frozenset[str]
) -> tuple[Target, ...]:
    """Return the newer versions of every installed package of the chosen sources, together.

    Binaries of one source are never updated apart: libnetplan and netplan.io were, and hosts
    lost their network (CloudAMQP, April 2021).
    """
    offered = candidates(manifest)
    targets = []
    for package in facts.packages:
        candidate = offered.get((package.name, package.architecture))
        if (
            candidate is not None
            and {candidate.source_name, judged_as(package)[0]} & sources
            and compare(candidate.version, package.version) > 0
        ):
            targets.append(Target(package.name, package.architecture, candidate.version))
    return tuple(targets)


def _left_out(
    facts: Facts, snapshot: Snapshot, sources: frozenset[str]
) -> tuple[tuple[str, str], ...]:
    """Return updates of a host that the snapshot leaves out, with the reason."""
    updates = {(u.name, u.architecture): u for u in snapshot.manifest.left_out}
    return tuple(
        (package.key, update.reason)
        for package in facts.packages
        if (update := updates.get((package.name, package.architecture))) is not None
        and (not sources or package.source_name in sources)
        and compare(update.version, package.version) > 0
    )


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


def _classes(
    request: PlanRequest, facts: Mapping[HostId, Facts], simulations: Mapping[HostId, Simulation]
) -> tuple[HostClass, ...]:
    """Group hosts on which exactly the same is done, under the same circumstances."""
    groups: dict[Digest, list[Host]] = {}
    for host in request.hosts:
        simulation = simulations.get(host.id)
        if simulation is not None and simulation.changes:
            groups.setdefault(_circumstances(host, simulation), []).append(host)
    named: dict[str, int] = {}
    classes = []
    for hosts in groups.values():
        role = _role(hosts[0])
        named[role] = named.get(role, 0) + 1
        name = f"{role}-{named[role]}"
        first = hosts[0].id
        classes.append(_host_class(name, hosts, facts[first], simulations[first], request))
    return tuple(classes)


def _circumstances(host: Host, simulation: Simulation) -> Digest:
    """Return what hosts must share for one twin to stand for all of them."""
    return digest_of(
        {
            "role": _role(host),
            "changes": [_simulated_line(change) for change in simulation.changes],
            "conffiles": list(simulation.conffile_prompts),
            "kept_back": [list(pair) for pair in simulation.kept_back],
            "restarts": list(simulation.restarts),
        }
    )


def _simulated_line(change: SimulatedChange) -> str:
    return f"{change.kind.value} {change.key} {change.old_version} {change.new_version}"


def _role(host: Host) -> str:
    roles = [label.removeprefix("role=") for label in host.labels if label.startswith("role=")]
    return (roles or list(host.labels) or ["hosts"])[0]


def _host_class(
    name: str, hosts: Sequence[Host], facts: Facts, simulation: Simulation, request: PlanRequest
) -> HostClass:
    manifest = request.snapshot.manifest
    changes = tuple(
        sorted(
            (_change(change, facts, manifest) for change in simulation.changes),
            key=lambda change: change.key,
        )
    )
    return HostClass(
        name=name,
        hosts=tuple(host.id for host in hosts),
        changes=changes,
        restarts=simulation.restarts,
        needs_reboot=bool(simulation.reboot_reason),
        reboot_reason=simulation.reboot_reason,
        download_bytes=sum(change.size_bytes for change in changes),
        disk_bytes=sum(_growth(change, manifest) for change in changes),
        kept_back=simulation.kept_back,
        conffile_prompts=simulation.conffile_prompts,
    )


def _change(change: SimulatedChange, facts: Facts, manifest: SnapshotManifest) -> PackageChange:
    installed = facts.package(change.key)
    offered = manifest.find(change.name, change.new_version, change.architecture)
    if change.kind is not ChangeKind.REMOVE and offered is None:
        raise RefusedError(
            f"{facts.hostname} would install {change.key} {change.new_version}, "
            "which is not in the snapshot",
            hint="create the snapshot anew: the fleet has changed since it was frozen",
        )
    source = _source_name(offered, installed)
    return PackageChange(
        kind=change.kind,
        name=change.name,
        architecture=change.architecture,
        old_version=change.old_version,
        new_version=change.new_version,
        sha256=offered.sha256 if offered else Digest(""),
        size_bytes=offered.size_bytes if offered else 0,
        source_name=source,
        rollback_class=class_of(source, change.name),
    )


def _source_name(offered: SnapshotPackage | None, installed: InstalledPackage | None) -> str:
    if offered is not None:
        return offered.source_name
    return installed.source_name if installed is not None else ""


def _growth(change: PackageChange, manifest: SnapshotManifest) -> int:
    old = manifest.find(change.name, change.old_version, change.architecture)
    new = manifest.find(change.name, change.new_version, change.architecture)
    before = old.installed_size_kib if old else 0
    after = new.installed_size_kib if new else 0
    return 1024 * (after - before)


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
        rings=tuple(Ring(f"ring {number}", hosts, 0) for number, hosts in enumerate(rings, 1)),
        window=request.window,
        budget=request.budget,
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
    return hooks + max(seconds_of_hosts(classes, pace_percent).values())


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


def _closed(
    classes: tuple[HostClass, ...],
    manifest: SnapshotManifest,
    policy: RebootPolicy,
    fixable: Sequence[Finding],
) -> list[Finding]:
    """Return the findings that the plan closes."""
    reached: dict[tuple[HostId, str], str] = {}
    for host_class in classes:
        # A kernel that is only installed mends nothing yet.
        reboots = host_class.needs_reboot and policy is RebootPolicy.WHEN_NEEDED
        for change in host_class.changes:
            new = manifest.find(change.name, change.new_version, change.architecture)
            if new is not None and (reboots or not new.source_name.startswith(SIGNED)):
                source, brought = _judged_as(new)
                for host in host_class.hosts:
                    reached[host, source] = brought
    return [
        f
        for f in fixable
        if (version := reached.get((f.host, f.source_name))) is not None
        and compare(version, f.evidence.fixed_version) >= 0
    ]


def _judged_as(new: SnapshotPackage) -> tuple[str, str]:
    """Return the source and version by which findings speak of a package of a snapshot."""
    return judged_as(
        InstalledPackage(
            new.name, new.version, new.architecture, new.source_name, new.source_version
        )
    )
