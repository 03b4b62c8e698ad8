"""A rollout as a machine of states: hosts, people, time and crashes come in any order."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from oakum.adapters.persistence.documents import from_document, to_document
from oakum.core.ids import Digest, HostId, HostRunId, PlanId, RolloutId, TransactionId
from oakum.core.planning.hook import HookKind, HookMoment, HookPlace, UndoWhen
from oakum.core.planning.metric import Measurement, Metric, MetricKind, Worse
from oakum.core.planning.openings import HostOpenings, Opening
from oakum.core.planning.plan import Group, GroupKind
from oakum.core.rollout.decide import settle
from oakum.core.rollout.ending import hook_step
from oakum.core.rollout.gate import judge
from oakum.core.rollout.hooks import HookRun, HookState, HookStatus, Progress, executions
from oakum.core.rollout.host_run import advance, work_of
from oakum.core.rollout.measuring import Reading, Sample
from oakum.core.rollout.observation import (
    Booted,
    ChecksDone,
    HookBegins,
    HookSeen,
    Measured,
    NotAsked,
    Observation,
    TransactionSeen,
    Unreachable,
    Verified,
    WentBack,
)
from oakum.core.rollout.rollout import HostRun, Rollout, RolloutRing
from oakum.core.rollout.state import HardSignal, Phase, RunState, Wish
from oakum.core.rollout.transaction import TransactionState, TransactionStatus
from oakum.core.staging.check import CheckResult, Verdict

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
OPENS, CLOSES = START + timedelta(minutes=10), START + timedelta(minutes=300)

NIGHTS = (
    Opening(START + timedelta(minutes=30), START + timedelta(minutes=60)),
    Opening(START + timedelta(minutes=200), START + timedelta(minutes=220)),
)

results = st.lists(
    st.builds(CheckResult, st.just("web"), st.sampled_from(Verdict), st.just("said"), st.just(1)),
    max_size=1,
).map(tuple)
statuses = st.builds(
    TransactionStatus,
    st.sampled_from(TransactionState),
    st.just("install"),
    st.just("as the journal says"),
    st.just(()),
    reboot_reason=st.sampled_from(["", "libc6"]),
)
HOOK_NAMES = ("drain", "quiesce", "smoke")
HOOKS = (
    HookRun(
        "drain", HookKind.DRAIN, HookMoment.BEFORE, HookPlace.CONTROLLER,
        must_pass=True, timeout_seconds=60, undo_when=UndoWhen.WELL,
    ),
    HookRun(
        "quiesce", HookKind.QUIESCE, HookMoment.BEFORE, HookPlace.HOST,
        must_pass=False, timeout_seconds=60, undo_when=UndoWhen.ALWAYS,
    ),
    HookRun(
        "smoke", HookKind.SMOKE, HookMoment.AFTER, HookPlace.HOST,
        must_pass=True, timeout_seconds=60, undo_when=None,
    ),
)  # fmt: skip
hook_statuses = st.builds(HookStatus, st.sampled_from(Progress), st.sampled_from([0, 1]))
signals = st.lists(st.sampled_from(HardSignal), max_size=1).map(tuple)
readings = st.lists(
    st.builds(Reading, st.just("latency"), st.none() | st.floats(0, 9), st.just("said")),
    max_size=1,
).map(tuple)
observations: st.SearchStrategy[Observation] = st.one_of(
    st.builds(ChecksDone, results, st.just("boot-1")),
    st.builds(TransactionSeen, statuses, may_reboot=st.booleans()),
    st.builds(Booted, st.sampled_from(["boot-1", "boot-2"])),
    st.builds(Verified, st.booleans(), st.just("verified"), results, signals),
    st.builds(HookBegins, st.sampled_from(HOOK_NAMES), st.booleans(), st.just("here")),
    st.builds(HookSeen, st.sampled_from(HOOK_NAMES), st.booleans(), hook_statuses),
    st.builds(Unreachable, st.just("timed out"), st.sampled_from([0, 1800])),
    st.builds(Measured, st.builds(Sample, st.integers(0, 6), readings)),
    st.builds(NotAsked, st.just("the key is away")),
    st.builds(WentBack, st.just("nobody confirmed it")),
)


def good_answer(run: HostRun) -> Observation:
    """Return what brings a host at work one state further."""
    step = hook_step(run)
    if step is not None and step.execution.state is HookState.WAITING:
        return HookBegins(step.hook.name, step.is_undo, "here")
    if step is not None:
        return HookSeen(step.hook.name, step.is_undo, HookStatus(Progress.ENDED, 0))
    match run.state:
        case RunState.CHECKING:
            return ChecksDone((), "boot-1")
        case RunState.REBOOTING:
            return Booted("boot-2")
        case RunState.VERIFYING | RunState.VERIFYING_ROLLBACK:
            return Verified(is_good=True, detail="good", results=())
        case RunState.PENDING | RunState.SUCCEEDED:
            return Measured(Sample(run.asked_round, (Reading("latency", 1.0),)))
        case _:
            done = TransactionStatus(TransactionState.SUCCEEDED, "self-check", "", ())
            return TransactionSeen(done, may_reboot=False)


def _measurement(measured: str, names: list[HostId]) -> Measurement | None:
    if measured == "not":
        return None
    is_required = measured == "must"
    metric = Metric(
        "latency", MetricKind.COMMAND, "latency", Worse.HIGHER, is_required, 5, "", (tuple(names),)
    )
    return Measurement((metric,), 60, 2)


class RolloutMachine(RuleBasedStateMachine):
    """Drives decide and advance as a controller does, and looks at each stored state."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.history: list[tuple[Rollout, datetime]] = []

    @initialize(
        sizes=st.lists(st.integers(1, 5), min_size=1, max_size=3),
        concurrency=st.integers(1, 4),
        max_failed=st.tuples(st.integers(0, 3), st.none() | st.integers(0, 2)),
        limits=st.sets(st.sampled_from(["pairs", "zones", "quorum", "night"])),
        measured=st.sampled_from(["not", "if there", "must"]),
        base_rate_ppm=st.sampled_from([10_000, 400_000]),
        hooks=st.sets(st.sampled_from(HOOKS)),
    )
    def begin(
        self,
        *,
        sizes: list[int],
        concurrency: int,
        max_failed: tuple[int, int | None],
        limits: set[str],
        base_rate_ppm: int,
        measured: str,
        hooks: set[HookRun],
    ) -> None:
        """Make a rollout of some rings, with groups across them, and hooks on every other host."""
        in_order = tuple(hook for hook in HOOKS if hook in hooks)
        rings = [ring for ring, size in enumerate(sizes) for _ in range(size)]
        names = [HostId(f"h{number}") for number in range(len(rings))]
        groups: list[Group] = []
        if "pairs" in limits:
            groups.append(Group(GroupKind.AVAILABILITY, "db", 1, tuple(names[:2])))
        if "quorum" in limits:
            groups.append(Group(GroupKind.QUORUM, "etcd", 2, tuple(names[2:7])))
        if "zones" in limits:
            groups.append(Group(GroupKind.DOMAIN, "a", 1, tuple(names[::2])))
            groups.append(Group(GroupKind.DOMAIN, "b", 1, tuple(names[1::2])))
        self.rollout = Rollout(
            id=RolloutId("rollout-1"),
            plan=PlanId("plan-1"),
            plan_digest=Digest("ab" * 32),
            phase=Phase.WAITING,
            reason="created",
            ring=0,
            rings=tuple(
                RolloutRing(f"ring {n + 1}", 300, max_failed=max_failed[1])
                for n in range(len(sizes))
            ),
            runs=tuple(
                HostRun(
                    HostRunId(name),
                    name,
                    ring,
                    RunState.PENDING,
                    "waits",
                    TransactionId(name),
                    TransactionId(f"{name}.undo"),
                    hooks=in_order if number % 2 else (),
                )
                for number, (name, ring) in enumerate(zip(names, rings, strict=True))
            ),
            concurrency=concurrency,
            max_failed=max_failed[0],
            opens_at=OPENS,
            closes_at=CLOSES,
            started_by="tester",
            started_at=START,
            groups=tuple(groups),
            schedule=(HostOpenings(("night",), NIGHTS, tuple(names[::3])),) * ("night" in limits),
            base_rate_ppm=base_rate_ppm,
            measurement=_measurement(measured, names),
        )

    def store(self, after: Rollout) -> None:
        """Keep a new state as the database would, and look at what was begun."""
        before = self.rollout
        self.history.append((before, self.now))
        begun = [
            new
            for old, new in zip(before.runs, after.runs, strict=True)
            if old.state is RunState.PENDING and new.state is RunState.CHECKING
        ]
        if begun:
            assert OPENS <= self.now < CLOSES
            for bound in after.schedule:
                if {run.host for run in begun} & set(bound.hosts):
                    assert any(o.opens_at <= self.now < o.closes_at for o in NIGHTS)
            assert {run.ring for run in begun} == {after.ring}
            if after.measurement is not None and after.measuring.pairs:
                assert after.measuring.ring == after.ring
                assert after.measuring.rounds_before >= after.measurement.rounds_before
            assert judge(after).verdict is Verdict.PASSED
            failed = [run.ring for run in before.runs if run.state is RunState.FAILED]
            assert len(failed) <= after.max_failed
            for number, ring in enumerate(after.rings):
                assert ring.max_failed is None or failed.count(number) <= ring.max_failed
            earlier = [run for run in before.runs if run.ring < after.ring]
            assert all(run.state.is_final for run in earlier)
            taken = {run.host for run in after.runs if run.state.is_busy or run.is_down}
            for group in after.groups:
                if group.kind is not GroupKind.DOMAIN and {run.host for run in begun} & set(
                    group.hosts
                ):
                    assert len(taken & set(group.hosts)) <= group.limit
        self.rollout = after

    @rule(minutes=st.integers(0, 90))
    def time_passes(self, minutes: int) -> None:
        """Let a controller look again after a while."""
        self.now += timedelta(minutes=minutes)
        self.store(settle(self.rollout, self.now))

    @rule(observation=observations, place=st.integers(0, 100))
    def a_host_says_anything(self, observation: Observation, place: int) -> None:
        """Observe a host, whether or not that was asked."""
        self.observe(self.rollout.runs[place % len(self.rollout.runs)], observation)

    @precondition(lambda self: any(work_of(run) is not None for run in self.rollout.runs))
    @rule(place=st.integers(0, 100))
    def a_host_gets_on(self, place: int) -> None:
        """Observe what brings a host further."""
        busy = [run for run in self.rollout.runs if work_of(run) is not None]
        run = busy[place % len(busy)]
        self.observe(run, good_answer(run))

    def look_at_hooks(self, before: HostRun, after: HostRun) -> None:
        """Require of each hook that it goes one way, and that nothing changes without a hook."""
        for (_, old), (_, new) in zip(
            executions(before.hooks), executions(after.hooks), strict=True
        ):
            order = [HookState.WAITING, HookState.BEGUN]
            if old.state.has_ended:
                assert new == old
            elif new.state in order:
                assert order.index(new.state) >= order.index(old.state)
        if after.state is RunState.UPGRADING is not before.state:
            must = [h for h in after.hooks if h.moment is HookMoment.BEFORE and h.must_pass]
            assert all(hook.done.state is HookState.PASSED for hook in must)
        if after.state is RunState.SUCCEEDED is not before.state:
            assert all(h.done.state is HookState.PASSED for h in after.hooks if h.must_pass)

    def observe(self, run: HostRun, observation: Observation) -> None:
        after = advance(run, observation, self.now)
        assert after.reason
        self.look_at_hooks(run, after)
        if work_of(run) is None:
            assert after == run
        runs = tuple(after if other is run else other for other in self.rollout.runs)
        self.rollout = replace(self.rollout, runs=runs)
        self.store(settle(self.rollout, self.now))

    @rule(wish=st.sampled_from([Wish.PAUSE, Wish.RESUME, Wish.RESUME]))
    def a_person_wishes(self, wish: Wish) -> None:
        """Pause or resume at any time."""
        self.store(settle(replace(self.rollout, wish=wish), self.now))

    @rule(wish=st.sampled_from([Wish.ABORT, Wish.ROLL_BACK]))
    def a_person_could_end_it(self, wish: Wish) -> None:
        """From here, whatever was before, the wish leads to an end; wishing twice is once."""
        once = settle(replace(self.rollout, wish=wish), self.now)
        assert settle(replace(once, wish=wish), self.now) == once
        rollout, now = once, self.now
        for _ in range(40 * len(rollout.runs) + 40):
            now += timedelta(minutes=1)
            runs = tuple(
                advance(run, good_answer(run), now) if run.state.is_busy else run
                for run in rollout.runs
            )
            rollout = settle(replace(rollout, runs=runs), now)
            if rollout.phase.is_final:
                break
        assert rollout.phase.is_final
        assert all(run.state.is_final and run.reason for run in rollout.runs)

    @rule(back=st.integers(0, 100))
    def a_crash_loses_the_process(self, back: int) -> None:
        """Any stored state, read back, decides to the same end as the one in memory."""
        if not self.history:
            return
        stored, at = self.history[-1 - back % len(self.history)]
        read = replace(
            from_document(to_document(replace(stored, runs=())), Rollout, "rollout"),
            runs=tuple(from_document(to_document(run), HostRun, "run") for run in stored.runs),
        )
        assert read == stored
        assert settle(read, at) == settle(settle(stored, at), at)

    @invariant()
    def no_budget_is_exceeded(self) -> None:
        """Concurrency and groups hold in each state."""
        if self.rollout.soaked:
            return  # the second look after a soak changes nothing on a host
        rollout = self.rollout
        busy = [run for run in rollout.runs if run.state.is_busy]
        assert len(busy) <= rollout.concurrency
        at_work = {run.host for run in busy}
        domains = Counter(
            group.name
            for group in rollout.groups
            if group.kind is GroupKind.DOMAIN and at_work & set(group.hosts)
        )
        assert len(domains) <= 1
        for group in rollout.groups:
            if group.kind is not GroupKind.DOMAIN:
                assert len(at_work & set(group.hosts)) <= group.limit

    @invariant()
    def no_round_is_counted_twice(self) -> None:
        """No pair has more numbers than there were rounds, and no control was changed."""
        state = self.rollout.measuring
        for pair in state.pairs:
            rounds = len(pair.before) + len(pair.after) + pair.lost
            assert rounds <= state.round - state.is_open
            if state.is_open:
                assert self.rollout.run_of(pair.control).ring > state.ring

    @invariant()
    def what_ended_has_ended(self) -> None:
        """Find no host at work or waiting in a final rollout, and a reason for each."""
        if self.rollout.phase.is_final:
            assert all(run.state.is_final and run.reason for run in self.rollout.runs)


TestRollout = RolloutMachine.TestCase
TestRollout.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
