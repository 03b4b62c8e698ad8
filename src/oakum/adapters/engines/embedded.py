"""The engine inside the controller's own process: an asyncio task for each host run."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Never

from oakum.core.ids import HostRunId, RolloutId
from oakum.core.text import one_line
from oakum.ports.deliveries import Job
from oakum.ports.engine import Perform
from oakum.ports.stores import UnitOfWork

AT_ONCE = 100


class EmbeddedEngine:
    """Runs jobs as tasks of this event loop; nothing to install, nothing to keep running.

    After its soak a whole ring is looked at again: no more than `at_once` of its jobs are driven at
    a time, for each is a connection, and a process may have only so many.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._waiting: dict[HostRunId, Job] = {}
        self._has_work = asyncio.Event()
        self._tasks: dict[HostRunId, asyncio.Task[None]] = {}
        self._defects: dict[HostRunId, str] = {}

    def submit(self, jobs: Sequence[Job], work: UnitOfWork) -> None:
        """Have jobs wait for the worker unless their host runs are being driven already.

        The worker is in this event loop, so it comes to them after the unit of work has ended;
        what it does follows from what was stored, whether that was committed or not.
        """
        del work
        for job in jobs:
            if not self._is_at_work(job.host_run):
                self._waiting[job.host_run] = job
                self._has_work.set()

    def cancel(self, host_run: HostRunId) -> None:
        """Forget the job, or stop its task; the transaction on the host goes on."""
        self._waiting.pop(host_run, None)
        if task := self._tasks.get(host_run):
            task.cancel()

    def holds(self, job: Job, work: UnitOfWork) -> bool:
        """Tell whether the job's task is there: nobody else can have it."""
        del work
        return self._is_at_work(job.host_run)

    async def run_worker(self, perform: Perform) -> Never:
        """Start a task for every job until cancelled; then end the tasks."""
        try:
            while True:
                await self._has_work.wait()
                self._has_work.clear()
                jobs, self._waiting = self._waiting, {}
                for job in jobs.values():
                    self._tasks[job.host_run] = asyncio.create_task(self._guard(perform, job))
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def janitor(self, rollout: RolloutId) -> Mapping[HostRunId, str]:
        """Drop finished tasks; name those that ended with an unexpected error."""
        del rollout  # an engine of this process works for one
        self._tasks = {run: task for run, task in self._tasks.items() if not task.done()}
        broken, self._defects = self._defects, {}
        return broken

    def lacking(self) -> tuple[str, ...]:
        """Return nothing: the worker is here."""
        return ()

    def _is_at_work(self, host_run: HostRunId) -> bool:
        task = self._tasks.get(host_run)
        return task is not None and not task.done()

    async def _guard(self, perform: Perform, job: Job) -> None:
        try:
            async with self._places:
                await perform(job)
        except Exception as error:  # noqa: BLE001 (a defect in one host's job must not end the others')
            self._defects[job.host_run] = f"{type(error).__name__}: {one_line(str(error))}"
