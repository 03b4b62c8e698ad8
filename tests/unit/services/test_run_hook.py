"""One step of a hook: nothing is done before it is stored, and its record is asked first."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from tests.plans import DRAIN, PLAN

from oakum.core.errors import HostError
from oakum.core.ids import HostId, HostRunId, TransactionId
from oakum.core.inventory.host import Host
from oakum.core.planning.hook import HookPlace
from oakum.core.rollout.hooks import (
    Execution,
    HookState,
    HookStatus,
    Progress,
    planned_hooks,
)
from oakum.core.rollout.observation import HookBegins, HookSeen
from oakum.core.rollout.rollout import Ending, HostRun
from oakum.core.rollout.state import RunState
from oakum.ports.hooks import HookJob, HookRunners
from oakum.ports.transport import Session
from oakum.services.run_hook import Around, run_hook

WEB = HostId("web-2")
NOW = datetime(2026, 11, 25, tzinfo=UTC)
AROUND = Around(
    Host(WEB, "web two", "10.0.0.2", 2222, "root", "key", NOW), PLAN, PLAN.id, None, "key"
)
RUN = HostRun(
    HostRunId("run"), WEB, 1, RunState.BEFORE_HOOKS, "", TransactionId("t"),
    TransactionId("t.undo"), hooks=planned_hooks(PLAN.hooks)[WEB],
)  # fmt: skip


@dataclass
class Runner:
    """Remembers what it was asked."""

    record: str = "here"
    states: list[Progress] = field(default_factory=lambda: [Progress.ABSENT, Progress.RUNNING])
    refusal: HostError | None = None
    started: list[HookJob] = field(default_factory=list)
    asked: int = 0

    async def start(self, session: Session | None, job: HookJob) -> None:
        del session
        if self.refusal is not None:
            raise self.refusal
        self.started.append(job)

    async def status(self, session: Session | None, job: HookJob) -> HookStatus:
        del session, job
        self.asked += 1
        return HookStatus(self.states[min(self.asked, len(self.states)) - 1])


def step(run: HostRun, here: Runner, there: Runner | None = None) -> HookBegins | HookSeen:
    return asyncio.run(run_hook(run, AROUND, None, HookRunners(there or Runner(""), here)))


def begun(record: str = "here") -> HostRun:
    (hook,) = RUN.hooks
    return replace(RUN, hooks=(replace(hook, done=Execution(HookState.BEGUN, record, NOW)),))


def undoing() -> HostRun:
    (hook,) = begun().hooks
    done = replace(hook.done, state=HookState.PASSED)
    back = replace(hook, done=done, undone=Execution(HookState.BEGUN, "here", NOW))
    ending = Ending(RunState.REFUSED, "drift")
    return replace(RUN, state=RunState.UNDOING_HOOKS, hooks=(back,), ending=ending)


def test_the_first_time_nothing_is_done() -> None:
    """That it begins, and who will know how it ended, is stored before."""
    runner = Runner()
    assert step(RUN, runner) == HookBegins(DRAIN.name, is_undo=False, record="here")
    assert (runner.asked, runner.started) == (0, [])


def test_what_was_begun_is_asked_about_before_it_is_started() -> None:
    """Whoever drove this run before may have started it."""
    known = Runner(states=[Progress.ENDED])
    seen = step(begun(), known)
    assert seen == HookSeen(DRAIN.name, is_undo=False, status=HookStatus(Progress.ENDED))
    assert known.started == []
    fresh = Runner()
    assert isinstance(seen := step(begun(), fresh), HookSeen)
    assert seen.status.progress is Progress.RUNNING
    (job,) = fresh.started
    assert (job.id, job.command, job.timeout_seconds) == ("t.hook-1", DRAIN.command, 60)


def test_one_whose_record_is_elsewhere_is_neither_asked_nor_started() -> None:
    """It may have been run, and nobody here can know."""
    runner = Runner()
    assert isinstance(seen := step(begun("elsewhere"), runner), HookSeen)
    assert seen.status.progress is Progress.INTERRUPTED
    assert (runner.asked, runner.started) == (0, [])


def test_a_hook_is_told_about_its_host_and_no_shell_is() -> None:
    """In variables; the host itself is told less, for an order could not hold more."""
    runner = Runner()
    step(begun(), runner)
    told = dict(runner.started[0].environment)
    assert told.pop("PATH").startswith("/usr/local/sbin:")
    assert told == {
        "LANG": "C.UTF-8",
        "OAKUM_HOST": "web-2",
        "OAKUM_PLAN": PLAN.id,
        "OAKUM_HOOK": DRAIN.name,
        "OAKUM_HOST_NAME": "web two",
        "OAKUM_ADDRESS": "10.0.0.2",
        "OAKUM_PORT": "2222",
        "OAKUM_RING": "ring 2",
        "OAKUM_RUN": "run",
        "OAKUM_OUTCOME": "",
    }
    there = Runner("")
    (hook,) = begun("").hooks
    on_host = replace(begun(""), hooks=(replace(hook, place=HookPlace.HOST),))
    step(on_host, runner, there)
    names = [name for name, _ in there.started[0].environment]
    assert names == ["PATH", "LANG", "OAKUM_HOST", "OAKUM_PLAN", "OAKUM_HOOK"]


def test_an_undo_is_an_execution_of_its_own_and_knows_the_end() -> None:
    """Under another id."""
    runner = Runner()
    step(undoing(), runner)
    (job,) = runner.started
    assert (job.id, job.command) == ("t.hook-1.undo", DRAIN.undo)
    assert dict(job.environment)["OAKUM_OUTCOME"] == "refused"


def test_what_could_not_be_begun_has_not_passed_and_an_undo_is_tried_again() -> None:
    """The record says that it was not begun: so it is known, and not unknown."""
    full = HostError("no room", hint="make some")
    seen = step(begun(), Runner(states=[Progress.ABSENT], refusal=full))
    assert isinstance(seen, HookSeen)
    assert seen.status == HookStatus(Progress.NOT_STARTED, said="no room; make some")
    with pytest.raises(HostError, match="no room"):
        step(undoing(), Runner(states=[Progress.ABSENT], refusal=full))
    with pytest.raises(HostError, match="no room"):
        step(begun(), Runner(states=[Progress.ABSENT, Progress.RUNNING], refusal=full))
