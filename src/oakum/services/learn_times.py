"""Learn from past rollouts how long hosts and hooks take."""

import contextlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from oakum.core.errors import StorageError
from oakum.core.planning.hook import Command, Hook
from oakum.core.planning.prediction import learnt_pace, learnt_seconds, seconds_of_hosts
from oakum.core.rollout.hooks import HookState, seconds_until_well
from oakum.ports.stores import UnitOfWork

LEARNT_FROM = 20
"""Rollouts, the newest."""


@dataclass(frozen=True, slots=True)
class LearntTimes:
    """What past rollouts tell."""

    pace_percent: int
    """How long hosts took lately, in percent of what was guessed of them."""
    of_hooks: Mapping[tuple[str, Command], list[int]]
    """How many seconds each execution of a hook that passed took, its undo included."""

    def of_hook(self, hook: Hook) -> int:
        """Return how long a hook is expected to take, in seconds."""
        return learnt_seconds(self.of_hooks.get((hook.name, hook.command), ()), hook)


def learn_times(work: UnitOfWork) -> LearntTimes:
    """Read them from the newest rollouts."""
    hosts: list[tuple[int, int]] = []
    hooks: dict[tuple[str, Command], list[int]] = defaultdict(list)
    for rollout in work.rollouts.newest(LEARNT_FROM):
        with contextlib.suppress(StorageError):  # a damaged plan is told of elsewhere
            plan = work.plans.get(rollout.plan)
            guesses = seconds_of_hosts(plan.classes, 100, plan.reboot_policy)
            commands = {hook.name: hook.command for hook in plan.hooks}
            for run in rollout.runs:
                if run.seconds is not None:
                    hosts.append((guesses[run.host], run.seconds - seconds_until_well(run.hooks)))
                for hook in run.hooks:
                    # One that failed may have ended too soon, and one that was killed too late.
                    if hook.name in commands and hook.done.state is HookState.PASSED:
                        took = (hook.done.seconds or 0) + (hook.undone.seconds or 0)
                        hooks[hook.name, commands[hook.name]].append(took)
    return LearntTimes(learnt_pace(hosts), hooks)
