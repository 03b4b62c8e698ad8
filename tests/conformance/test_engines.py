"""What every engine does with its jobs."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from oakum.adapters.engines.embedded import EmbeddedEngine
from oakum.core.ids import HostRunId, RolloutId
from oakum.ports.engine import Engine, Job, Perform

MakeEngine = Callable[[], Engine]


@pytest.fixture(params=[EmbeddedEngine])
def make_engine(request: pytest.FixtureRequest) -> MakeEngine:
    """Return how to make an engine: it belongs to one event loop."""
    made: MakeEngine = request.param
    return made


def job(number: int, epoch: int = 1) -> Job:
    return Job(RolloutId("rollout-1"), HostRunId(f"run-{number}"), epoch)


async def _while_working(engine: Engine, perform: Perform, then: Awaitable[None]) -> None:
    worker = asyncio.create_task(engine.run_worker(perform))
    try:
        await then
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


async def _soon() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_a_job_is_done_with_what_was_submitted(make_engine: MakeEngine) -> None:
    """The job arrives as it was given, also when it was given before anybody worked."""

    async def scenario() -> None:
        engine, done = make_engine(), list[Job]()

        async def perform(job: Job) -> None:
            done.append(job)

        engine.submit(job(1, epoch=7))
        await _while_working(engine, perform, _soon())
        assert done == [job(1, epoch=7)]

    asyncio.run(scenario())


@pytest.mark.parametrize("before", [True, False])
def test_a_job_that_is_at_work_is_not_begun_again(
    make_engine: MakeEngine,
    before: bool,  # noqa: FBT001 (a parameter of the test)
) -> None:
    """Submitting at every tick runs it once, whether it waits or is at work."""

    async def scenario() -> None:
        engine, begun = make_engine(), list[HostRunId]()

        async def perform(job: Job) -> None:
            begun.append(job.host_run)
            await asyncio.Event().wait()

        async def submit_more() -> None:
            for _ in range(3):
                engine.submit(job(1))
                engine.submit(job(2))
                if not before:
                    await _soon()
            await _soon()

        await _while_working(engine, perform, submit_more())
        assert sorted(begun) == ["run-1", "run-2"]

    asyncio.run(scenario())


def test_a_job_that_ended_can_be_done_again(make_engine: MakeEngine) -> None:
    """A host run comes back with its next piece of work."""

    async def scenario() -> None:
        engine, begun = make_engine(), list[int]()

        async def perform(job: Job) -> None:
            begun.append(job.epoch)

        async def twice() -> None:
            for epoch in (1, 2):
                engine.submit(job(1, epoch))
                await _soon()

        await _while_working(engine, perform, twice())
        assert begun == [1, 2]

    asyncio.run(scenario())


@pytest.mark.parametrize("is_at_work", [True, False])
def test_a_cancelled_job_is_not_looked_after(
    make_engine: MakeEngine,
    is_at_work: bool,  # noqa: FBT001 (a parameter of the test)
) -> None:
    """Cancelling ends a job at work, and one that waits is never begun; others go on."""

    async def scenario() -> None:
        engine, alive = make_engine(), set[HostRunId]()

        async def perform(job: Job) -> None:
            alive.add(job.host_run)
            try:
                await asyncio.Event().wait()
            finally:
                alive.discard(job.host_run)

        async def cancel_one() -> None:
            engine.submit(job(1))
            engine.submit(job(2))
            if is_at_work:
                await _soon()
            engine.cancel(HostRunId("run-1"))
            engine.cancel(HostRunId("never heard of"))
            await _soon()
            assert alive == {"run-2"}
            assert engine.janitor() == ()

        await _while_working(engine, perform, cancel_one())

    asyncio.run(scenario())


def test_a_cancelled_job_can_be_submitted_again(make_engine: MakeEngine) -> None:
    """Whoever resumes after a cancellation is served."""

    async def scenario() -> None:
        engine, begun = make_engine(), list[Job]()

        async def perform(job: Job) -> None:
            begun.append(job)

        engine.submit(job(1))
        engine.cancel(HostRunId("run-1"))
        engine.submit(job(1))
        await _while_working(engine, perform, _soon())
        assert begun == [job(1)]

    asyncio.run(scenario())


def test_a_defect_ends_one_job_and_is_named_once(make_engine: MakeEngine) -> None:
    """The janitor names the run that ended by a defect of ours; the others' jobs go on."""

    async def scenario() -> None:
        engine, done = make_engine(), list[HostRunId]()

        async def perform(job: Job) -> None:
            if job.host_run == "run-1":
                raise ZeroDivisionError
            await asyncio.sleep(0)
            done.append(job.host_run)

        async def look() -> None:
            engine.submit(job(1))
            engine.submit(job(2))
            await _soon()
            assert engine.janitor() == ("run-1",)
            assert engine.janitor() == ()
            assert done == ["run-2"]

        await _while_working(engine, perform, look())

    asyncio.run(scenario())


def test_ending_the_worker_ends_its_jobs(make_engine: MakeEngine) -> None:
    """No task is left behind when the controller ends, and each has tidied up."""

    async def scenario() -> None:
        engine, tidied = make_engine(), list[HostRunId]()

        async def perform(job: Job) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                tidied.append(job.host_run)

        async def begin_three() -> None:
            for number in range(3):
                engine.submit(job(number))
            await _soon()

        await _while_working(engine, perform, begin_three())
        assert sorted(tidied) == ["run-0", "run-1", "run-2"]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scenario())
