"""What differs between two plans, line by line."""

import shlex
from collections.abc import Iterator

from oakum.core.planning.plan import Plan


def diff(old: Plan, new: Plan) -> tuple[str, ...]:
    """Return lines that begin with `-` (old only), `+` (new only) or `~` (another value)."""
    before, after = set(_lines(old)), set(_lines(new))
    return (
        *_settings(old, new),
        *(f"- {line}" for line in sorted(before - after)),
        *(f"+ {line}" for line in sorted(after - before)),
    )


def _lines(plan: Plan) -> Iterator[str]:
    for host_class in plan.classes:
        for host in host_class.hosts:
            for change in host_class.changes:
                old, new = change.old_version or "new", change.new_version or "removed"
                yield f"{host}: {change.key} {old} -> {new} {change.sha256[:12]}".rstrip()
            for unit in host_class.restarts:
                yield f"{host}: restart {unit}"
            if host_class.needs_reboot:
                yield f"{host}: reboot: {host_class.reboot_reason}"
    for hook in plan.hooks:
        done = f"{hook.name}: {hook.in_words()}: {shlex.join(hook.command)}"
        undone = f"; undo ({hook.undo_when.value}): {shlex.join(hook.undo)}" if hook.undo else ""
        for host in hook.hosts:
            yield f"{host}: hook {done}{undone}"
    for ring in plan.rings:
        bears = "" if ring.max_failed is None else f"; bears {ring.max_failed} failed"
        yield f"{ring.name}: {', '.join(ring.hosts)}; soaks {ring.soak_seconds} s{bears}"
    for cluster in plan.uncovered:
        yield f"not tried out first: {', '.join(cluster.hosts)}"


def _settings(old: Plan, new: Plan) -> Iterator[str]:
    pairs = {
        "snapshot": (old.snapshot, new.snapshot),
        "lane": (_lane(old), _lane(new)),
        "window": (old.window.in_words(), new.window.in_words()),
        "budget": (old.budget.in_words(), new.budget.in_words()),
        "restarts": (old.restart_policy.value, new.restart_policy.value),
        "reboots": (old.reboot_policy.value, new.reboot_policy.value),
        "deadman": (_seconds(old.deadman_seconds), _seconds(new.deadman_seconds)),
        "way back": (old.rollback_verdict.value, new.rollback_verdict.value),
    }
    for name, (before, after) in pairs.items():
        if before != after:
            yield f"~ {name}: {before} -> {after}"


def _lane(plan: Plan) -> str:
    return "none" if plan.lane is None else plan.lane.lane.value


def _seconds(seconds: int) -> str:
    return f"{seconds} s" if seconds else "off"
