"""A rollout and its host runs: what is wanted and what is known, as rows of a table hold it."""

from dataclasses import dataclass
from datetime import datetime

from oakum.core.ids import Digest, HostId, HostRunId, PlanId, RolloutId, TransactionId
from oakum.core.planning.lane import PlanLane
from oakum.core.planning.metric import Measurement
from oakum.core.planning.openings import HostFreeze, HostOpenings
from oakum.core.planning.plan import BASE_RATE_PPM, Group, Window
from oakum.core.rollout.hooks import HookRun
from oakum.core.rollout.measuring import NOTHING_YET, Measuring, Sample
from oakum.core.rollout.state import HardSignal, Phase, RunState, Wish
from oakum.core.staging.check import CheckResult, Verdict


@dataclass(frozen=True, slots=True)
class Ending:
    """How a host run will end when its hooks are undone."""

    state: RunState
    reason: str
    is_cut_off: bool = False
    """The host does not answer: only what is undone from the controller is."""


@dataclass(frozen=True, slots=True)
class Unasked:
    """A host could not be asked, and the fault was of the machine that was to ask it."""

    since: datetime
    reason: str
    is_lasting: bool = False
    """Whether it takes a person: the rollout pauses."""


@dataclass(frozen=True, slots=True)
class HostRun:
    """One host's way through one rollout."""

    id: HostRunId
    host: HostId
    ring: int
    state: RunState
    reason: str
    """Why it is in this state: never empty for a state that is not good."""
    transaction: TransactionId
    rollback_transaction: TransactionId
    changed_at: datetime | None = None
    """When it came into its state."""
    checks_before: tuple[CheckResult, ...] = ()
    checks_after: tuple[CheckResult, ...] = ()
    boot_id_before: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    signals: tuple[HardSignal, ...] = ()
    seconds: int | None = None
    """From its beginning until it was found well for the first time."""
    silent_since: datetime | None = None
    """When it was first found unreachable, if it was not heard of since."""
    at_work_since: datetime | None = None
    """When the transaction of its state was first found without an end, or a reboot was told."""
    vitals_before: str | None = None
    """As `core/staging/vitals.py` writes them; None where an older Oakum began the run."""
    asked_round: int = 0
    """The round of measuring that it is to answer; 0 when it is asked for none."""
    sample: Sample | None = None
    """What it answered last."""
    hooks: tuple[HookRun, ...] = ()
    ending: Ending | None = None
    """Only while its hooks are undone, or the hook that runs before that is waited for."""
    unasked: Unasked | None = None
    """Until it is asked again."""

    @property
    def is_to_answer(self) -> bool:
        """Tell whether it was asked for numbers and has not given them."""
        return self.asked_round > 0 and (
            self.sample is None or self.sample.round != self.asked_round
        )

    @property
    def outcome(self) -> RunState:
        """Return its state; where only hooks are still to be undone, the one that follows."""
        return self.state if self.ending is None else self.ending.state

    @property
    def may_have_changed(self) -> bool:
        """Tell whether the host may differ from what it was before, and would be rolled back."""
        return self.outcome.may_have_changed

    @property
    def stays_out(self) -> bool:
        """Tell whether it is well, and was not put back to where a hook took it from."""
        return (
            bool(self.hooks)
            and self.state in WELL
            and any(hook.must_pass and hook.is_left for hook in self.hooks)
        )

    @property
    def is_unknown(self) -> bool:
        """Tell whether it ended well as far as was seen, and a check could not be asked.

        Now; or before, where it does not pass now: then nobody knows who broke it.
        """
        if self.state is not RunState.SUCCEEDED:
            return False
        untold = {result.check for result in self.checks_before if result.verdict in UNTOLD}
        return any(
            result.verdict in UNTOLD
            or (result.verdict is Verdict.FAILED and result.check in untold)
            for result in self.checks_after
        )

    @property
    def is_down(self) -> bool:
        """Tell whether it ended so that others must be taken to do its work."""
        if self.stays_out:
            return True
        if self.state is RunState.REFUSED:
            return HardSignal.UNREACHABLE in self.signals
        return self.state is RunState.FAILED or self.state is RunState.ROLLBACK_FAILED


UNTOLD = frozenset({Verdict.ERROR, Verdict.INCONCLUSIVE})
WELL = frozenset({RunState.SUCCEEDED, RunState.REFUSED, RunState.ROLLED_BACK, RunState.SKIPPED})
"""Ends at which a host is as planned or as it was."""


@dataclass(frozen=True, slots=True)
class RolloutRing:
    """A ring of the plan as the rollout carries it out."""

    name: str
    soak_seconds: int
    normal_soak_seconds: int | None = None
    """What the normal lane asks for; None in rollouts of before there were lanes."""
    max_failed: int | None = None
    """Failed or unreachable hosts that this ring bears; None: what the whole rollout bears."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """The whole state. The next state is a function of this and of what is observed."""

    id: RolloutId
    plan: PlanId
    plan_digest: Digest
    """What was approved: a plan that has another one now is not carried out any further."""
    phase: Phase
    reason: str
    ring: int
    """Index of the ring that is at work, or waited for."""
    rings: tuple[RolloutRing, ...]
    runs: tuple[HostRun, ...]
    concurrency: int
    max_failed: int
    opens_at: datetime | None
    closes_at: datetime | None
    started_by: str
    started_at: datetime
    soak_until: datetime | None = None
    soaked: bool = False
    """Whether the present ring has soaked and is being verified for the second time."""
    forgiven: int = 0
    """How many hosts said nothing when a person last resumed: all that an older Oakum knows."""
    rollback_scope: tuple[HostId, ...] = ()
    """The hosts to roll back; empty means all that were changed."""
    ended_at: datetime | None = None
    wish: Wish = Wish.NONE
    """What a person asked for and the reconciler has not yet taken up."""
    groups: tuple[Group, ...] = ()
    schedule: tuple[HostOpenings, ...] = ()
    base_rate_ppm: int = BASE_RATE_PPM
    measurement: Measurement | None = None
    measuring: Measuring = NOTHING_YET
    lane: PlanLane | None = None
    freezes: tuple[HostFreeze, ...] = ()
    """As they are declared now: who decides reads them anew each time, and stores what it read."""
    forgiven_runs: tuple[HostRunId, ...] = ()
    """Who they were; empty where an older Oakum resumed, or has written since."""

    @property
    def window(self) -> Window:
        """Return when hosts may begin."""
        return Window(self.opens_at, self.closes_at)

    def in_ring(self, ring: int) -> tuple[HostRun, ...]:
        """Return the runs of a ring."""
        return tuple([run for run in self.runs if run.ring == ring])

    def run_of(self, host: HostId) -> HostRun:
        """Return the run of a host."""
        return next(run for run in self.runs if run.host == host)
