"""Planning: what hosts say becomes exact changes, and what of the findings they close."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from tests.fakes.transport import Answer, Asked, FakeSession, FakeTransport
from tests.plans import DRAIN

from oakum.adapters.policies.shipped import shipped_tables
from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.signals import CveSignals, KevEntry
from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.audit.event import Action
from oakum.core.canonical import Json, digest_of
from oakum.core.errors import InputError, RefusedError
from oakum.core.ids import CveId, Digest, HostId, SnapshotId
from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.facts import Environment, Facts, ModifiedConffile, RunningKernel
from oakum.core.inventory.host import Criticality, Host
from oakum.core.inventory.package import InstalledPackage
from oakum.core.planning.budget import Amount, BudgetWish
from oakum.core.planning.change import ChangeKind
from oakum.core.planning.hook import HookRule
from oakum.core.planning.lane import PlanLane, shortened_gates
from oakum.core.planning.lane_choice import LaneWish
from oakum.core.planning.openings import Opening
from oakum.core.planning.plan import Plan, RebootPolicy, RestartPolicy, Window
from oakum.core.planning.schedule import Rules, WindowRule
from oakum.core.repositories.snapshot import (
    LeftOut,
    Role,
    Snapshot,
    SnapshotManifest,
    SnapshotPackage,
)
from oakum.core.risk.assessment import Assessor
from oakum.core.rollout.decide import settle
from oakum.core.rollout.rollout import Rollout
from oakum.core.rollout.state import Phase, RunState
from oakum.ports.clock import Clock
from oakum.ports.package_manager import (
    PackageManager,
    SimulatedChange,
    Simulation,
    SnapshotAccess,
    Target,
)
from oakum.ports.stores import UnitOfWorkFactory
from oakum.ports.transport import Session
from oakum.services.approve_plan import ApprovalRequest, approve_plan
from oakum.services.ask_changes import ChangeAsker
from oakum.services.assign_hosts import plan_of
from oakum.services.create_plan import PlanMaker, PlanRequest
from oakum.services.start_rollout import start_rollout

DAY = datetime(2026, 11, 24, tzinfo=UTC)
WEB = Host(HostId("web-1"), "web-1", "127.0.0.1", 22, "root", "key", DAY)
CVE, KERNEL_CVE = CveId("CVE-2026-0001"), CveId("CVE-2026-0002")
OLD, NEW = "6.1.187-1", "6.1.192-2"
META = "linux-image-amd64"
IMAGE = InstalledPackage(
    "linux-image-6.1.0-40-amd64", OLD, "amd64", "linux-signed-amd64", "6.1.187+1",
    built_using=f"linux (= {OLD})",
)  # fmt: skip
PACKAGES = (
    InstalledPackage("libssl3", "3.0.20-1", "amd64", "openssl", "3.0.20-1"),
    IMAGE,
    InstalledPackage(META, OLD, "amd64", "linux-signed-amd64", "6.1.187+1"),
)
FACTS = Facts(
    DAY, "web-1", "m", "b", "amd64", Distribution("debian", "12", "bookworm"),
    RunningKernel("6.1.0-40-amd64", f"#1 SMP Debian {OLD} (2026-08-02)"),
    has_systemd=True, is_container=False, packages=PACKAGES, timezone="Europe/Berlin",
)  # fmt: skip
HOUR = 3600
SOAKS = {
    PlanLane.NORMAL: (24 * HOUR, 48 * HOUR),
    PlanLane.URGENT: (4 * HOUR, 8 * HOUR),
    PlanLane.IMMEDIATE: (HOUR, 2 * HOUR),
}
NIGHTS = WindowRule(
    "nights",
    "*",
    "FREQ=DAILY",
    datetime(2026, 1, 1, 2),  # noqa: DTZ001 -- local on purpose
    timedelta(hours=1),
    "",
)


def offered(
    name: str, version: str, source: str, source_version: str, role: Role = Role.CANDIDATE
) -> SnapshotPackage:
    digest, roles = Digest(digest_of([name, version])), (role,)
    return SnapshotPackage(
        name, version, "amd64", source, source_version, digest, 1000, 10, roles, "Debian bookworm"
    )


SNAPSHOT = Snapshot(
    SnapshotManifest(
        "bookworm",
        "amd64",
        (
            offered("libssl3", "3.0.20-1", "openssl", "3.0.20-1", Role.INSTALLED),
            offered("libssl3", "3.0.22-1", "openssl", "3.0.22-1"),
            offered(META, NEW, "linux-signed-amd64", "6.1.192+2"),
            offered("linux-image-6.1.0-41-amd64", NEW, "linux-signed-amd64", "6.1.192+2"),
        ),
        (),
    ),
    DAY,
    3000,
)


@dataclass
class Resolver:
    """A host's apt: takes what it is told to, and a kernel with the package that names it."""

    told: list[tuple[Target, ...] | None] = field(default_factory=list)

    async def simulate(
        self, session: Session, access: SnapshotAccess, targets: tuple[Target, ...] | None
    ) -> Simulation:
        del session, access
        self.told.append(targets)
        names = {"libssl3", META} if targets is None else {target.name for target in targets}
        upgrade, install = ChangeKind.UPGRADE, ChangeKind.INSTALL
        changes = []
        if "libssl3" in names:
            changes.append(SimulatedChange(upgrade, "libssl3", "amd64", "3.0.20-1", "3.0.22-1"))
        if META in names:
            changes += [
                SimulatedChange(install, "linux-image-6.1.0-41-amd64", "amd64", "", NEW),
                SimulatedChange(upgrade, META, "amd64", OLD, NEW),
            ]
        reason = "a new kernel" if META in names else ""
        return Simulation(tuple(changes), (), (), (), reason, ())


@pytest.fixture
def fleet(begin: UnitOfWorkFactory) -> UnitOfWorkFactory:
    statements = (
        VendorStatement("bookworm", "openssl", CVE, VendorStatus.FIXED, "3.0.22-1"),
        VendorStatement("bookworm", "linux", KERNEL_CVE, VendorStatus.FIXED, NEW),
    )
    state = FeedState(FeedName.DEBIAN_TRACKER, DAY, DAY, digest_of(["x"]), 2, "test")
    with begin() as work:
        work.hosts.add(WEB)
        work.facts.save(WEB.id, FACTS)
        work.advisories.replace_statements(state, statements, DAY)
        work.commit()
    return begin


def request(
    cves: frozenset[CveId] = frozenset(),
    reboot: RebootPolicy = RebootPolicy.NEVER,
    windows: tuple[WindowRule, ...] = (),
) -> PlanRequest:
    return PlanRequest(
        title="updates", created_by="me", snapshot=SNAPSHOT, hosts=(WEB,), sources=frozenset(),
        cves=cves, ring_percents=(100,), max_canaries=30, wish=LaneWish(SOAKS, soak_seconds=0),
        window=Window(None, None), budget=BudgetWish(Amount(1), Amount(0)),
        restart_policy=RestartPolicy.AFFECTED, reboot_policy=reboot,
        rules=Rules(windows, (), "oakum.toml"),
    )  # fmt: skip


def _unasked(asked: Asked) -> Answer:
    raise AssertionError(asked)


def make(
    begin: UnitOfWorkFactory, clock: Clock, asked: PlanRequest, resolver: Resolver | None = None
) -> Plan:
    transport = FakeTransport({host.name: FakeSession(_unasked) for host in asked.hosts})
    manager = cast("PackageManager", resolver or Resolver())
    asker = ChangeAsker(transport, manager, 1, lambda *_: None)
    maker = PlanMaker(begin, asker, Assessor(shipped_tables(), ("bod-26-04",)), clock)
    access = SnapshotAccess(SnapshotId("a"), "http://127.0.0.1", "bookworm", "key")
    return asyncio.run(maker.create(asked, access))


def test_a_kernels_cve_is_planned_by_the_packages_that_bring_it(
    fleet: UnitOfWorkFactory, clock: Clock
) -> None:
    """The finding speaks of `linux`; what is installed is built by a source of another name."""
    resolver = Resolver()
    plan = make(fleet, clock, request(frozenset([KERNEL_CVE])), resolver)
    assert resolver.told == [(Target(META, "amd64", NEW),)]
    assert {change.name for change in plan.classes[0].changes} == {
        META,
        "linux-image-6.1.0-41-amd64",
    }


@pytest.mark.parametrize(
    ("policy", "closed"),
    [
        (RebootPolicy.NEVER, ((CVE, "openssl"),)),
        (RebootPolicy.WHEN_NEEDED, ((CVE, "openssl"), (KERNEL_CVE, "linux"))),
    ],
)
def test_a_kernel_that_is_not_booted_closes_nothing(
    fleet: UnitOfWorkFactory, clock: Clock, policy: RebootPolicy, closed: tuple[object, ...]
) -> None:
    """The plan claims what will be true when it has ended."""
    assert make(fleet, clock, request(reboot=policy)).fixes == closed


def test_windows_in_a_hosts_own_time_become_times_of_the_plan(
    fleet: UnitOfWorkFactory, clock: Clock
) -> None:
    """Two o'clock in Berlin; and it ends early enough for the host's change."""
    (bound,) = make(
        fleet, clock, request(reboot=RebootPolicy.WHEN_NEEDED, windows=(NIGHTS,))
    ).schedule
    assert (bound.windows, bound.hosts) == (("nights",), (WEB.id,))
    first = bound.openings[0]
    opens_at = datetime(2026, 11, 26, 1, tzinfo=UTC)
    assert first == Opening(opens_at, opens_at + timedelta(minutes=60, seconds=-(20 + 3 + 45)))


def test_a_plan_that_would_be_late_is_refused_with_what_holds_it_up(
    fleet: UnitOfWorkFactory, clock: Clock
) -> None:
    """Nothing is stored."""
    by = datetime(2026, 11, 25, 20, tzinfo=UTC)
    asked = replace(request(windows=(NIGHTS,)), wish=LaneWish(SOAKS, soak_seconds=0, by=by))
    with pytest.raises(RefusedError, match=r"not be done by .* waiting for the window nights"):
        make(fleet, clock, asked)
    with fleet() as work:
        assert work.plans.ids() == ()


def _twin(fleet: UnitOfWorkFactory) -> Host:
    """Return another host of the fleet, like the first."""
    twin = replace(WEB, id=HostId("web-2"), name="web-2", address="127.0.0.2")
    with fleet() as work:
        work.hosts.add(twin)
        work.facts.save(twin.id, replace(FACTS, hostname=twin.name))
        work.commit()
    return twin


def _make_a_pair(fleet: UnitOfWorkFactory, *hosts: Host) -> None:
    with fleet() as work:
        for host in hosts:
            work.hosts.update(replace(host, labels=("ha=web",)))
        work.commit()


def test_a_pair_that_must_follow_each_other_counts_when_it_must_have_ended_by_a_time(
    fleet: UnitOfWorkFactory, clock: Clock
) -> None:
    """Both at once would be done by then, and a pair is never at work at once."""
    twin = _twin(fleet)
    by = clock.now() + timedelta(seconds=100)
    asked = replace(
        request(reboot=RebootPolicy.WHEN_NEEDED), hosts=(WEB, twin),
        budget=BudgetWish(Amount(2), Amount(0)),
        wish=LaneWish(SOAKS, soak_seconds=0, by=by),
    )  # fmt: skip
    ends_at = make(fleet, clock, asked).created_at + timedelta(seconds=20 + 3 + 45)
    assert ends_at < by
    _make_a_pair(fleet, WEB, twin)
    with pytest.raises(RefusedError, match="would not be done by"):
        make(fleet, clock, asked)


def test_a_pair_that_must_follow_each_other_counts_when_a_lane_is_chosen(
    fleet: UnitOfWorkFactory, clock: Clock
) -> None:
    """Both at once leave time for the soak of the normal lane; one after the other do not."""
    twin = _twin(fleet)
    by = clock.now() + timedelta(hours=24, seconds=100)
    asked = replace(
        request(reboot=RebootPolicy.WHEN_NEEDED), hosts=(WEB, twin),
        budget=BudgetWish(Amount(2), Amount(0)), wish=LaneWish(SOAKS, by=by),
    )  # fmt: skip
    together = make(fleet, clock, asked).lane
    _make_a_pair(fleet, WEB, twin)
    apart = make(fleet, clock, asked).lane
    assert together is not None
    assert apart is not None
    assert (together.lane, apart.lane) == (PlanLane.NORMAL, PlanLane.URGENT)


def test_budgets_in_percent_become_hosts_of_the_plan_and_of_its_rings(
    fleet: UnitOfWorkFactory, clock: Clock
) -> None:
    """They are what is approved, so they are in the digest."""
    hosts = [
        replace(WEB, id=HostId(f"web-{n}"), name=f"web-{n}", address=f"127.0.0.{n}")
        for n in range(2, 12)
    ]
    with fleet() as work:
        for host in hosts:
            work.hosts.add(host)
            work.facts.save(host.id, replace(FACTS, hostname=host.name))
        work.commit()
    share = Amount(50, is_percent=True)
    asked = replace(
        request(), hosts=tuple(hosts), ring_percents=(30, 100),
        budget=BudgetWish(share, Amount(20, is_percent=True), share),
    )  # fmt: skip
    plan = make(fleet, clock, asked)
    assert (plan.budget.concurrency, plan.budget.max_failed) == (5, 2)
    assert [(len(ring.hosts), ring.max_failed) for ring in plan.rings] == [(3, 1), (7, 3)]
    more = replace(plan.rings[0], max_failed=2)
    assert replace(plan, rings=(more, *plan.rings[1:])).digest != plan.digest


def test_an_update_that_the_snapshot_leaves_out_stays_with_its_reason(
    fleet: UnitOfWorkFactory, clock: Clock
) -> None:
    """In the plan, so that who approves it knows; and where nothing is left, in the refusal."""
    halted = LeftOut("libssl3", "3.0.23-1", "amd64", 0)
    manifest = replace(SNAPSHOT.manifest, left_out=(halted,))
    asked = replace(request(), snapshot=replace(SNAPSHOT, manifest=manifest))
    plan = make(fleet, clock, asked)
    assert plan.classes[0].kept_back == (("libssl3:amd64", halted.reason),)
    kernel = replace(asked, cves=frozenset([KERNEL_CVE]))
    assert make(fleet, clock, kernel).classes[0].kept_back == ()
    without = replace(manifest, packages=())
    only = replace(asked, cves=frozenset([CVE]), snapshot=replace(SNAPSHOT, manifest=without))
    with pytest.raises(RefusedError, match=r"nothing to do.*libssl3:amd64 3.0.23-1 was left out"):
        make(fleet, clock, only)


def host(name: str, criticality: Criticality = Criticality.MEDIUM) -> Host:
    return replace(WEB, id=HostId(name), name=name, address=name, criticality=criticality)


CONFFILE = ModifiedConffile("/etc/ssl/openssl.cnf", "libssl3", "0" * 32, "1" * 32)
UP = Environment(up_seconds=3600)
HAND_MADE = replace(FACTS, modified_conffiles=(CONFFILE,))
LONG_UP = replace(FACTS, environment=Environment(up_seconds=400 * 86_400))
MANY = {
    **{host(f"same-{n}", Criticality.HIGH if n else Criticality.LOW): FACTS for n in range(5)},
    **{host(f"hand-{n}"): HAND_MADE for n in range(3)},
    **{host(f"long-{n}"): LONG_UP for n in range(2)},
}


@pytest.fixture
def many(fleet: UnitOfWorkFactory) -> UnitOfWorkFactory:
    """Ten hosts that do the same, in three environments; the CVE is in KEV."""
    known = CveSignals(CVE, kev=KevEntry(CVE, DAY.date(), None, is_used_by_ransomware=False))
    state = FeedState(FeedName.KEV, DAY, DAY, digest_of(["k"]), 1, "test")
    with fleet() as work:
        for one, facts in MANY.items():
            work.hosts.add(one)
            work.facts.save(one.id, replace(facts, hostname=one.name))
        work.advisories.replace_signals(state, [known])
        work.commit()
    return fleet


def of_many(canaries: int, wish: LaneWish | None = None) -> PlanRequest:
    return replace(
        request(frozenset([CVE])),
        hosts=tuple(MANY),
        ring_percents=(10, 50, 100),
        max_canaries=canaries,
        wish=wish or LaneWish(SOAKS),
    )


def test_the_first_ring_has_a_host_of_every_environment(
    many: UnitOfWorkFactory, clock: Clock
) -> None:
    """One change, one class; but configuration by hand and uptime make three environments."""
    plan = make(many, clock, of_many(30))
    assert len(plan.classes) == 1
    assert [(cluster.in_words(), len(cluster.hosts)) for cluster in plan.clusters] == [
        ("/etc/ssl/openssl.cnf: as shipped; up: not known", 5),
        ("/etc/ssl/openssl.cnf: changed by hand; up: not known", 3),
        ("/etc/ssl/openssl.cnf: as shipped; up: for half a year or more", 2),
    ]
    assert plan.rings[0].hosts == ("same-0", "hand-0", "long-0")
    assert plan.uncovered == ()
    with many() as work:
        assert work.plans.get(plan.id) == plan


def test_what_the_first_ring_does_not_cover_is_residual_risk_until_somebody_accepts_it(
    many: UnitOfWorkFactory, clock: Clock
) -> None:
    """It is in the plan, in the refusal, in the approval and in the audit log."""
    plan = make(many, clock, of_many(2))
    (left,) = plan.uncovered
    assert left.hosts == ("long-0", "long-1")
    document = plan.to_json()
    assert isinstance(document, dict)
    assert [entry["covered"] for entry in cast("list[dict[str, Json]]", document["clusters"])] == [
        True,
        True,
        False,
    ]
    asked = ApprovalRequest(
        plan.id, "ann", "seen", accepts_no_way_back=True, overrides_rehearsal=True
    )
    with pytest.raises(RefusedError, match=r"1 environment \(2 hosts\) .* half a year"):
        approve_plan(asked, many, clock)
    approval = approve_plan(replace(asked, accepts_uncovered=True), many, clock)
    assert approval.accepts_uncovered
    with many() as work:
        assert work.plans.approvals(plan.id) == (approval,)
        told = [cast("dict[str, Json]", event.details) for event in work.audit.events()]
        assert [event.action for event in work.audit.events()] == [
            Action.PLAN_CREATED,
            Action.APPROVAL_REFUSED,
            Action.PLAN_APPROVED,
        ]
    assert told[0]["uncovered"] == told[2]["uncovered"] == [left.in_words()]


def test_a_plan_that_closes_what_is_exploited_is_in_the_immediate_lane(
    many: UnitOfWorkFactory, clock: Clock
) -> None:
    """By KEV, for hosts that count as open; the date is the policy's, from its first sight."""
    plan = make(many, clock, of_many(30))
    assert plan.lane is not None
    assert (plan.lane.lane, plan.lane.chosen_by) == (PlanLane.IMMEDIATE, "")
    assert str(CVE) in plan.lane.reason
    assert "in KEV since 2026-11-24" in plan.lane.reason
    assert plan.lane.deadline is not None
    assert "bod-26-04" in plan.lane.deadline.reason
    assert plan.lane.deadline.at == datetime(2026, 11, 28, tzinfo=UTC)
    assert [ring.soak_seconds for ring in plan.rings] == [HOUR, 2 * HOUR, 2 * HOUR]


def test_a_plan_that_closes_nothing_known_is_in_the_normal_lane(
    begin: UnitOfWorkFactory, clock: Clock
) -> None:
    """Without advisories nothing is urgent, and no policy sets a date."""
    with begin() as work:
        work.hosts.add(WEB)
        work.facts.save(WEB.id, FACTS)
        work.commit()
    plan = make(begin, clock, request())
    assert plan.lane is not None
    assert (plan.lane.lane, plan.lane.deadline) == (PlanLane.NORMAL, None)
    assert plan.lane.reason == "it closes nothing that is known to be open"


def test_what_nobody_knows_to_be_exploited_is_calm_until_its_date_presses(
    fleet: UnitOfWorkFactory, clock: Clock
) -> None:
    """The same plan: its one ring soaks a day, or so long that only a shorter lane is in time."""
    asked = replace(request(frozenset([CVE])), wish=LaneWish(SOAKS))
    plan = make(fleet, clock, asked)
    assert plan.lane is not None
    assert plan.lane.lane is PlanLane.NORMAL
    assert plan.lane.reason.startswith("risk is scheduled (CVE-2026-0001: exploitation none")
    long = SOAKS | {PlanLane.NORMAL: (100 * HOUR,)}
    pressed = make(fleet, clock, replace(asked, wish=LaneWish(long)))
    assert pressed.lane is not None
    assert pressed.lane.lane is PlanLane.URGENT
    assert pressed.lane.fitting == (PlanLane.URGENT, PlanLane.IMMEDIATE)
    assert "2026-11-28 00:00 UTC: CVE-2026-0001" in pressed.lane.reason


def test_what_a_plan_does_not_close_makes_it_no_more_urgent(
    fleet: UnitOfWorkFactory, clock: Clock
) -> None:
    """The kernel's CVE is exploited, and this plan is about another package on the same host."""
    known = CveSignals(KERNEL_CVE, kev=KevEntry(KERNEL_CVE, DAY.date(), None, False))  # noqa: FBT003
    state = FeedState(FeedName.KEV, DAY, DAY, digest_of(["k"]), 1, "test")
    with fleet() as work:
        work.advisories.replace_signals(state, [known])
        work.commit()
    plan = make(fleet, clock, replace(request(frozenset([CVE])), wish=LaneWish(SOAKS)))
    assert plan.lane is not None
    assert plan.lane.lane is PlanLane.NORMAL
    assert str(KERNEL_CVE) not in plan.lane.reason


def test_shortened_gates_are_on_record_from_the_plan_to_the_rollouts_own_words(
    many: UnitOfWorkFactory, clock: Clock
) -> None:
    """Through the real store: plan, approval, rollout, and the reason while it soaks."""
    wish = LaneWish(SOAKS, lane=PlanLane.URGENT, reason="the board asked")
    plan = make(many, clock, of_many(30, wish))
    said = [
        "ring 1 soaks 4 h instead of 24 h",
        "ring 2 soaks 8 h instead of 48 h",
        "ring 3 soaks 8 h instead of 48 h",
    ]
    assert list(shortened_gates(plan.rings)) == said
    asked = ApprovalRequest(
        plan.id, "ann", "seen", accepts_no_way_back=True, overrides_rehearsal=True
    )
    approve_plan(asked, many, clock)
    rollout = start_rollout(plan.id, "bob", many, clock)
    with many() as work:
        assert work.rollouts.get(rollout.id) == rollout
        assert plan_of(rollout, work) == plan
        for event in work.audit.events():
            details = cast("dict[str, Json]", event.details)
            assert details["shortened"] == said
            lane = cast("dict[str, Json]", details["lane"])
            assert (lane["reason"], lane["chosen_by"]) == ("the board asked", "me")
    done = settle(_first_ring_done(rollout), clock.now())
    assert done.phase is Phase.WAITING
    assert "ring 1 soaks until" in done.reason
    assert "(4 h instead of 24 h)" in done.reason
    forged = replace(rollout, lane=PlanLane.NORMAL)
    with many() as work, pytest.raises(RefusedError, match="no longer what was approved"):
        plan_of(forged, work)


def test_a_week_passes_before_the_last_ring_of_critical_hosts(
    many: UnitOfWorkFactory, clock: Clock
) -> None:
    """In the normal lane, and only where the last ring has one."""
    week = 168 * HOUR
    wish = LaneWish(SOAKS, week, lane=PlanLane.NORMAL, reason="no hurry")
    plan = make(many, clock, of_many(30, wish))
    assert "same-4" in plan.rings[-1].hosts
    assert [ring.soak_seconds for ring in plan.rings] == [24 * HOUR, 144 * HOUR, 48 * HOUR]
    calm = tuple(host for host in MANY if host.criticality is not Criticality.HIGH)
    other = make(many, clock, replace(of_many(30, wish), hosts=calm))
    assert [ring.soak_seconds for ring in other.rings] == [24 * HOUR, 48 * HOUR]
    urgent = make(many, clock, of_many(30, replace(wish, lane=PlanLane.URGENT)))
    assert [ring.normal_soak_seconds for ring in urgent.rings] == [
        24 * HOUR, 144 * HOUR, 48 * HOUR,
    ]  # fmt: skip
    assert urgent.rings[1].soak_seconds == 8 * HOUR


def _first_ring_done(rollout: Rollout) -> Rollout:
    runs = (
        replace(run, state=RunState.SUCCEEDED) if run.ring == 0 else run for run in rollout.runs
    )
    return replace(rollout, phase=Phase.PROGRESSING, runs=tuple(runs))


def test_the_hooks_of_its_hosts_are_in_the_plan(fleet: UnitOfWorkFactory, clock: Clock) -> None:
    """As they are declared now, with the time that they will take; those of others are not."""
    mine = HookRule("web-*", replace(DRAIN, hosts=()))
    others = HookRule("db-*", replace(DRAIN, name="others", hosts=()))
    plan = make(fleet, clock, replace(request(), hooks=(mine, others)))
    assert plan.hooks == (replace(DRAIN, hosts=(WEB.id,), expected_seconds=10),)
    assert plan.predicted_seconds == (20 + 3) + 10
    with fleet() as work:
        assert work.plans.get(plan.id) == plan


def test_a_deadman_is_longer_than_what_hosts_take(fleet: UnitOfWorkFactory, clock: Clock) -> None:
    """One that would undo what is well is refused; without a word it is what is usual; or off."""
    assert make(fleet, clock, request()).deadman_seconds == 1800
    assert make(fleet, clock, replace(request(), deadman_seconds=0)).deadman_seconds == 0
    assert make(fleet, clock, replace(request(), deadman_seconds=600)).deadman_seconds == 600
    with pytest.raises(InputError, match=r"a deadman of 5 s .* predicted to take \d+ s"):
        make(fleet, clock, replace(request(), deadman_seconds=5))
