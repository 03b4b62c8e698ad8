"""What past rollouts tell of how long hosts and hooks take."""

from dataclasses import replace

from tests.fakes.fleet import hosts_of, plan_for, store_approved
from tests.plans import DRAIN

from oakum.core.rollout.hooks import Execution, HookState
from oakum.core.rollout.rollout import HostRun
from oakum.ports.clock import Clock
from oakum.ports.stores import UnitOfWorkFactory
from oakum.services.learn_times import learn_times
from oakum.services.start_rollout import start_rollout

NAMES = [f"web-{number}" for number in range(6)]


def _done(run: HostRun, state: HookState = HookState.PASSED) -> HostRun:
    (hook,) = run.hooks
    drained = Execution(state, seconds=40)
    hook = replace(hook, done=drained, undone=Execution(HookState.PASSED, seconds=7))
    return replace(run, seconds=40 + 63, hooks=(hook,))


def test_hooks_are_learnt_apart_from_what_hosts_take(
    begin: UnitOfWorkFactory, clock: Clock
) -> None:
    """A drain of forty seconds makes no host slow, and the next plan knows of it."""
    plan = plan_for(NAMES)
    plan = replace(plan, hooks=(replace(DRAIN, hosts=plan.hosts),))
    with begin() as work:
        for host in hosts_of(plan, {}):
            work.hosts.add(host)
        work.commit()
    store_approved(plan, begin)
    rollout = start_rollout(plan.id, "me", begin, clock)
    with begin() as work:
        for run in rollout.runs:
            work.rollouts.save_run(rollout.id, _done(run))
        work.commit()
    with begin() as work:
        times = learn_times(work)
        for run in rollout.runs:
            work.rollouts.save_run(rollout.id, _done(run, HookState.TIMED_OUT))
        assert learn_times(work).of_hook(DRAIN) == 10  # of those that were killed nothing is learnt
    guess = 20 + len(plan.classes[0].changes)
    assert times.pace_percent == 100 * 63 // guess
    assert times.of_hook(DRAIN) == 47
    assert times.of_hook(replace(DRAIN, command=("/bin/another",))) == 10
