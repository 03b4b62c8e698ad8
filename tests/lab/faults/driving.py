"""A host run driven to its end over SSH, as a rollout drives it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from oakum.adapters.checks.probes import Probes
from oakum.adapters.facts.collector import ShellFactCollector
from oakum.adapters.package_managers.apt import AptPackageManager
from oakum.adapters.transports.asyncssh_transport import AsyncsshTransport
from oakum.core.errors import HostError, TransportError
from oakum.core.ids import HostRunId, TransactionId
from oakum.core.rollout.host_run import advance, move, work_for
from oakum.core.rollout.observation import TransactionSeen
from oakum.core.rollout.rollout import HostRun
from oakum.core.rollout.state import RunState
from oakum.services.drive_host import Assignment, Tools, do, not_asked

LOCK_SECONDS = 2
SETTLE_SECONDS = 3
POLL_SECONDS = 0.4
CONNECT_SECONDS = 5

Between = Callable[[HostRun], Awaitable[None]]
"""Called with the run before each piece of its work."""


class FastClock:
    """The controller's clock, which runs faster than ours: its patience is a quarter of an hour."""

    def __init__(self, pace: int) -> None:
        self._pace, self._begun = pace, time.monotonic()

    def now(self) -> datetime:
        passed = timedelta(seconds=(time.monotonic() - self._begun) * self._pace)
        return datetime(2026, 11, 25, 12, tzinfo=UTC) + passed


def new_run(job: Assignment, name: str) -> HostRun:
    """Return a run that has not begun."""
    return HostRun(
        id=HostRunId(name),
        host=job.host.id,
        ring=0,
        state=RunState.CHECKING,
        reason="begun",
        transaction=TransactionId(name),
        rollback_transaction=TransactionId(f"{name}.undo"),
    )


async def drive(run: HostRun, job: Assignment, pace: int, between: Between) -> HostRun:
    """Return the run at its end. A second of ours is `pace` seconds of the controller's.

    A transaction has the time that it would have by a clock of ours.
    """
    clock = FastClock(pace)
    manager = AptPackageManager(lock_seconds=LOCK_SECONDS)
    tools = Tools(manager, ShellFactCollector(), Probes(), clock, SETTLE_SECONDS)
    transport = AsyncsshTransport(CONNECT_SECONDS)
    while work_for(run.state) is not None:
        try:
            async with transport.connect(job.host) as session:
                while (work := work_for(run.state)) is not None:
                    await between(run)
                    seen = await do(work, run, job, session, tools)
                    if isinstance(seen, TransactionSeen):
                        seen = replace(seen, allowed=pace * seen.allowed)
                    after = advance(run, seen, clock.now())
                    if after.state is run.state:
                        await asyncio.sleep(POLL_SECONDS)
                    run = after
        except (TransportError, HostError) as error:
            run = advance(run, not_asked(error), clock.now())
            await asyncio.sleep(POLL_SECONDS)
    return run


async def roll_back(run: HostRun, job: Assignment, pace: int) -> HostRun:
    """Return the run after it was rolled back by a person's wish."""

    async def nothing(_: HostRun) -> None:
        pass

    begun = move(run, RunState.ROLLING_BACK, "wished", FastClock(pace).now())
    return await drive(begun, job, pace, nothing)
