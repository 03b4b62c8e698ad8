"""Record what a step changed in a rollout, in words for the audit log."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from oakum.core.audit.event import Action
from oakum.core.canonical import Json
from oakum.core.ids import PlanId, RolloutId
from oakum.core.rollout.hooks import Execution, executions
from oakum.core.rollout.rollout import HostRun, Rollout
from oakum.core.text import one_line
from oakum.ports.stores import UnitOfWork

GATE_SAID = ("gate ", "the gate ")
"""How reasons begin that come from a gate; anywhere else the word may be a person's."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line for the audit log."""

    action: Action
    subject: str
    details: Json


def record(changes: Iterable[Change], work: UnitOfWork, *, at: datetime, actor: str) -> None:
    """Append changes to the audit log, in the unit of work that makes them."""
    for change in changes:
        work.audit.append(
            at=at,
            actor=actor,
            action=change.action,
            subject=change.subject,
            details=change.details,
        )


def changes_between(before: Rollout, after: Rollout) -> list[Change]:
    """Return what a step changed; progress inside a state is none."""
    changes: list[Change] = []
    if (before.phase, before.ring) != (after.phase, after.ring):
        details: dict[str, Json] = {
            "plan": after.plan,
            "from": before.phase.value,
            "to": after.phase.value,
            "ring": after.rings[after.ring].name,
            "reason": one_line(after.reason),
        }
        is_gate = after.reason.startswith(GATE_SAID)
        action = Action.GATE_JUDGED if is_gate else Action.ROLLOUT_CHANGED
        changes.append(Change(action, after.id, details))
    if before.freezes != after.freezes:
        changes.append(Change(Action.ROLLOUT_CHANGED, after.id, _freezes_of(after)))
    for old, new in zip(before.runs, after.runs, strict=True):
        if old is not new:
            changes += change_of_run(after.id, after.plan, old, new)
    return changes


def _freezes_of(rollout: Rollout) -> Json:
    return {
        "plan": rollout.plan,
        "freezes": [
            {
                "from": held.freeze.begins_at.isoformat(),
                "to": held.freeze.ends_at.isoformat(),
                "reason": one_line(held.freeze.reason),
                "hosts": list(held.hosts) or "all",
            }
            for held in rollout.freezes
        ],
    }


def change_of_run(rollout: RolloutId, plan: PlanId, old: HostRun, new: HostRun) -> list[Change]:
    """Return a line for each hook that was begun or has ended, and one for another state."""
    changes = _changes_of_hooks(rollout, old, new) if old.hooks is not new.hooks else []
    if old.state is new.state:
        return changes
    details: dict[str, Json] = {
        "rollout": rollout,
        "plan": plan,
        "from": old.state.value,
        "to": new.state.value,
        "reason": one_line(new.reason),
        "transaction": new.transaction,
    }
    return [*changes, Change(Action.HOST_RUN_CHANGED, new.host, details)]


def _changes_of_hooks(rollout: RolloutId, old: HostRun, new: HostRun) -> list[Change]:
    before = dict(executions(old.hooks))
    return [
        _change_of_hook(rollout, new, name, execution)
        for name, execution in executions(new.hooks)
        if execution.state is not before[name].state
    ]


def _change_of_hook(rollout: RolloutId, run: HostRun, name: str, now: Execution) -> Change:
    details: dict[str, Json] = {
        "rollout": rollout,
        "transaction": run.transaction,
        "hook": name,
        "state": now.state.value,
    }
    if not now.state.has_ended:
        return Change(Action.HOOK_BEGUN, run.host, details)
    details |= {"exit_status": now.exit_status, "seconds": now.seconds, "said": now.said}
    return Change(Action.HOOK_ENDED, run.host, details)
