"""Run a rollout: observe, decide, store, act, and again, until it is at rest.

Every new state is stored, with its audit event, before anything is done about it. Whoever holds
the lease may act; a controller that was killed is followed by the next one that takes the lease,
which reads the same rows and goes on. See docs/decisions/0001-engine.md.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from oakum.core.audit.event import Action
from oakum.core.canonical import Json
from oakum.core.errors import ConflictError, HostError, OakumError, TransportError
from oakum.core.ids import HostId, HostRunId, RolloutId
from oakum.core.rollout.decide import settle
from oakum.core.rollout.host_run import advance, work_for
from oakum.core.rollout.observation import Observation, Verified
from oakum.core.rollout.rollout import HostRun, Rollout
from oakum.core.rollout.state import Phase, Wish
from oakum.core.text import one_line
from oakum.ports.engine import Engine, Job
from oakum.ports.stores import UnitOfWork, UnitOfWorkFactory
from oakum.ports.transport import Session, Transport
from oakum.services.drive_host import Assignment, Tools, do, not_asked

LEASE = timedelta(seconds=30)
TICK_SECONDS = 1.0
POLL_SECONDS = 1.0
RECONNECT_SECONDS = 3.0

OnChange = Callable[[Rollout], None]


class LostLeaseError(ConflictError):
    """Another controller has taken the rollout over."""


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Drives one rollout with one lease."""

    rollout: RolloutId
    holder: str
    """Names this controller: host, process and a random part."""
    actor: str
    assignments: Mapping[HostId, Assignment]
    begin: UnitOfWorkFactory
    transport: Transport
    engine: Engine
    tools: Tools
    on_change: OnChange

    async def run(self) -> Rollout:
        """Drive the rollout until it ended or is paused; return it as it then stands.

        Raises ConflictError when another controller is at work on it.
        """
        worker = asyncio.create_task(self.engine.run_worker(self._perform))
        try:
            return await self._reconcile()
        finally:
            worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await worker
            with self.begin() as work:
                work.rollouts.release_lease(self.rollout, self.holder)
                work.commit()

    async def _reconcile(self) -> Rollout:
        while True:
            rollout, epoch = self._decide()
            self.on_change(rollout)
            busy = [run for run in rollout.runs if run.state.is_busy]
            if not busy and (rollout.phase.is_final or rollout.phase is Phase.PAUSED):
                return rollout
            for run in busy:
                self.engine.submit(Job(rollout.id, run.id, epoch))
            await asyncio.sleep(TICK_SECONDS)
            if broken := self.engine.janitor():
                raise OakumError(
                    f"driving {', '.join(broken)} ended by a defect of Oakum",
                    hint="the hosts' transactions go on; report this, then run "
                    f"`oakum rollout watch {self.rollout}` to take the rollout up again",
                )

    def _decide(self) -> tuple[Rollout, int]:
        now = self.tools.clock.now()
        with self.begin() as work:
            epoch = work.rollouts.take_lease(self.rollout, self.holder, now=now, until=now + LEASE)
            if epoch is None:
                raise LostLeaseError(
                    f"another controller is at work on {self.rollout}",
                    hint=f"watch it with `oakum rollout watch {self.rollout} --only-look`",
                )
            before = work.rollouts.get(self.rollout)
            after = settle(before, now)
            if after != before:
                self._store(work, before, after)
            work.commit()
        return after, epoch

    def _store(self, work: UnitOfWork, before: Rollout, after: Rollout) -> None:
        work.rollouts.save(after)
        for event in changes_between(before, after):
            work.audit.append(
                at=self.tools.clock.now(),
                actor=self.actor,
                action=event.action,
                subject=event.subject,
                details=event.details,
            )

    async def _perform(self, job: Job) -> None:
        """Drive one host run until it waits for nothing, or the lease is another's."""
        with contextlib.suppress(LostLeaseError):
            await self._perform_while_ours(job)

    async def _perform_while_ours(self, job: Job) -> None:
        while (run := self._current(job)) and work_for(run.state) is not None:
            try:
                async with self.transport.connect(self.assignments[run.host].host) as session:
                    await self._drive(job, session)
            except (TransportError, HostError) as error:
                self._observe(job, not_asked(error))
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _drive(self, job: Job, session: Session) -> None:
        while (run := self._current(job)) and (work := work_for(run.state)) is not None:
            assignment = self.assignments[run.host]
            seen = await do(work, run, assignment, session, self.tools)
            after = self._observe(job, seen)
            if after.state is run.state:
                await asyncio.sleep(POLL_SECONDS)

    def _current(self, job: Job) -> HostRun | None:
        with self.begin() as work:
            rollout = work.rollouts.get(job.rollout)
        return next((run for run in rollout.runs if run.id == job.host_run), None)

    def _observe(self, job: Job, observation: Observation) -> HostRun:
        """Store what an observation makes of its run, unless the lease was lost meanwhile."""
        now = self.tools.clock.now()
        with self.begin() as work:
            epoch = work.rollouts.take_lease(self.rollout, self.holder, now=now, until=now + LEASE)
            if epoch != job.epoch:
                raise LostLeaseError(f"another controller has taken over {self.rollout}")
            before = work.rollouts.get(job.rollout)
            run = _run_by_id(before, job.host_run)
            after = advance(run, observation, now)
            if after != run:
                runs = tuple(after if r.id == run.id else r for r in before.runs)
                self._store(work, before, replace(before, runs=runs))
            if isinstance(observation, Verified):
                self._record_verification(work, after, observation)
            work.commit()
        return after

    def _record_verification(self, work: UnitOfWork, run: HostRun, seen: Verified) -> None:
        work.audit.append(
            at=self.tools.clock.now(),
            actor=self.actor,
            action=Action.HOST_VERIFIED,
            subject=run.host,
            details={
                "rollout": self.rollout,
                "transaction": run.transaction,
                "good": seen.is_good,
                "detail": seen.detail,
                "checks": [
                    {"check": r.check, "verdict": r.verdict.value, "detail": r.detail}
                    for r in seen.results
                ],
            },
        )


@dataclass(frozen=True, slots=True)
class Change:
    """One line for the audit log."""

    action: Action
    subject: str
    details: Json


def changes_between(before: Rollout, after: Rollout) -> list[Change]:
    """Return what a step changed, in words for the audit log; progress inside a state is none."""
    changes: list[Change] = []
    if (before.phase, before.ring) != (after.phase, after.ring):
        details: dict[str, Json] = {
            "plan": after.plan,
            "from": before.phase.value,
            "to": after.phase.value,
            "ring": after.rings[after.ring].name,
            "reason": one_line(after.reason),
        }
        is_gate = "gate" in after.reason
        action = Action.GATE_JUDGED if is_gate else Action.ROLLOUT_CHANGED
        changes.append(Change(action, after.id, details))
    for old, new in zip(before.runs, after.runs, strict=True):
        if old.state is not new.state:
            changes.append(Change(Action.HOST_RUN_CHANGED, new.host, _run_details(after, old, new)))
    return changes


def _run_details(rollout: Rollout, old: HostRun, new: HostRun) -> Json:
    return {
        "rollout": rollout.id,
        "plan": rollout.plan,
        "from": old.state.value,
        "to": new.state.value,
        "reason": one_line(new.reason),
        "transaction": new.transaction,
    }


def _run_by_id(rollout: Rollout, run_id: HostRunId) -> HostRun:
    return next(run for run in rollout.runs if run.id == run_id)


def is_idle(rollout: Rollout) -> bool:
    """Tell whether no controller is needed: nothing at work, to be begun or to be granted."""
    at_rest = rollout.phase.is_final or rollout.phase is Phase.PAUSED
    at_rest = at_rest and rollout.wish is Wish.NONE
    return at_rest and not any(run.state.is_busy for run in rollout.runs)
