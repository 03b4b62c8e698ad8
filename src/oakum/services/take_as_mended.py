"""Take a person's word that a host is well again that a rollout left down.

A scan alone does not say so: it knows neither the host's work nor what failed. It can gainsay it.
"""

from dataclasses import replace
from datetime import datetime

from oakum.core.audit.event import Action
from oakum.core.errors import ConflictError, InputError, RefusedError
from oakum.core.inventory.facts import Facts
from oakum.core.inventory.host import Host
from oakum.core.text import first_of, is_plain
from oakum.ports.clock import Clock
from oakum.ports.stores import UnitOfWork, UnitOfWorkFactory
from oakum.services.start_rollout import reasons_down, unfinished_rollout_of

NAMED = 5


def take_as_mended(
    name: str, reason: str, by: str, begin: UnitOfWorkFactory, clock: Clock
) -> tuple[Host, tuple[str, ...]]:
    """Let the host count as well from now on; return it, and units that failed there.

    Raises ConflictError where nothing counts it as down or a rollout has it, and RefusedError
    where it was not scanned since, or the scan found packages half-way.
    """
    if not reason.strip() or not is_plain(reason):
        raise InputError("the reason must be one plain line", hint="how do you know that it works?")
    with begin() as work:
        host = work.hosts.named(name)
        _require_no_rollout(host, work)
        why = reasons_down([host], work).get(host.id)
        if why is None:
            raise ConflictError(f"{host.name} does not count as down: there is nothing to say")
        facts = _scanned_whole(host, why, work)
        mended = replace(host, mended_at=clock.now())
        work.hosts.update(mended)
        work.audit.append(
            at=clock.now(),
            actor=by,
            action=Action.HOST_MENDED,
            subject=host.id,
            details={
                "was down": why,
                "reason": reason,
                "scanned": facts.collected_at.isoformat(),
                "failed units": list(facts.failed_units),
            },
        )
        work.commit()
    return mended, facts.failed_units


def _require_no_rollout(host: Host, work: UnitOfWork) -> None:
    """Raise ConflictError for a host in a rollout: that goes by what it saw itself."""
    rollout = unfinished_rollout_of([host.id], work)
    if rollout is not None:
        raise ConflictError(
            f"{host.name} is in {rollout.id}, which is {rollout.phase.value}",
            hint="let it end (`oakum rollout resume` goes on without what is held up), or abort it",
        )


def _scanned_whole(host: Host, why: str, work: UnitOfWork) -> Facts:
    """Return what the last scan found. Raises RefusedError where it does not bear the word out."""
    facts = work.facts.latest(host.id)
    is_silent = host.id in work.facts.failures()
    if facts is None or is_silent or facts.collected_at <= _last_end(host, work):
        raise RefusedError(
            f"{host.name} {why}, and no scan has reached it since",
            hint=f"run `oakum scan --limit {host.name}`, then say it again",
        )
    if half_way := [package.key for package in facts.packages if package.is_half_way]:
        raise RefusedError(
            f"{host.name} has packages that are half-way: {first_of(half_way, NAMED)}",
            hint="run dpkg --configure -a there, then `oakum scan`, then say it again",
        )
    return facts


def _last_end(host: Host, work: UnitOfWork) -> datetime:
    """Return when the last run of the host ended, or when it was added."""
    ends = [run.ended_at for _, run in work.rollouts.runs_of(host.id) if run.ended_at]
    return max(ends, default=host.added_at)
