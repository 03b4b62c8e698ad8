"""What every engine does with its jobs."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine as Database
from tests.conformance.postgres_server import PostgresServer, running_postgres
from tests.conformance.stores import examples

from oakum.adapters.engines.embedded import EmbeddedEngine
from oakum.adapters.engines.procrastinate_engine import ProcrastinateEngine, Timing, WorkerRole
from oakum.adapters.engines.procrastinate_schema import bring_up_to_date
from oakum.adapters.persistence.database import Turn, open_database
from oakum.adapters.persistence.group_commit import GroupCommit
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork
from oakum.adapters.system_clock import SystemClock
from oakum.core.ids import HostRunId, RolloutId
from oakum.ports.deliveries import Job
from oakum.ports.engine import Engine, Perform
from oakum.ports.stores import UnitOfWork

PATIENCE_SECONDS = 60
QUICK = Timing(beat=timedelta(seconds=0.05), poll=timedelta(seconds=0.1))


@dataclass
class Bench:
    """An engine on its database."""

    engine: Engine
    begin: Callable[[], UnitOfWork]
    quiet_seconds: float
    """How long nothing must happen before nothing will."""

    def submit(self, *jobs: Job) -> None:
        with self.begin() as work:
            self.engine.submit(jobs, work)
            work.commit()

    async def quiet(self) -> None:
        """Wait until an engine that had more to do would have done it."""
        for _ in range(20):
            await asyncio.sleep(self.quiet_seconds / 20)

    async def until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not happened():  # noqa: ASYNC110 (what happens is in a database)
                await asyncio.sleep(self.quiet_seconds / 100)


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["embedded", "procrastinate"])
def kind(request: pytest.FixtureRequest) -> str:
    """Return which engine."""
    return str(request.param)


@pytest.fixture
def database(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Open a database that holds the host runs of the jobs."""
    url = f"sqlite:///{tmp_path / 'oakum.sqlite'}"
    if kind == "procrastinate":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.new_database()
    opened = open_database(url, tmp_path)
    with SqlUnitOfWork(opened, tmp_path) as work:
        plan = examples.plan()
        work.plans.add(plan)
        runs = tuple(examples.host_run(number) for number in range(4))
        work.rollouts.save(replace(examples.rollout(plan), runs=runs))
        if kind == "procrastinate":
            bring_up_to_date(work.driver_connection(), others_are_older=False)
        work.commit()
    yield opened
    opened.dispose()


@pytest.fixture
def make_bench(kind: str, database: Database, tmp_path: Path) -> Callable[[], Bench]:
    """Return how to make an engine: it belongs to one event loop."""

    def begin() -> UnitOfWork:
        return SqlUnitOfWork(database, tmp_path)

    def drive() -> UnitOfWork:
        return SqlUnitOfWork(database, tmp_path, Turn.DRIVING)

    def make() -> Bench:
        if kind == "embedded":
            return Bench(EmbeddedEngine(), begin, 0)
        url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        role = WorkerRole("worker 1", ("",), 5, "1")
        writer, clock = GroupCommit(drive), SystemClock()
        engine = ProcrastinateEngine(url, drive, writer, clock, role=role, timing=QUICK)
        return Bench(engine, begin, 1)

    return make


MakeBench = Callable[[], Bench]


def job(number: int, epoch: int = 1) -> Job:
    return Job(RolloutId("rollout-1"), HostRunId(f"run-{number}"), epoch)


def _given(jobs: list[Job]) -> list[Job]:
    """Return the jobs as they were given, without the number that the engine gave each."""
    return [replace(done, attempt=0) for done in jobs]


async def _while_working(engine: Engine, perform: Perform, then: Awaitable[None]) -> None:
    worker = asyncio.create_task(engine.run_worker(perform))
    try:
        await then
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


def test_a_job_is_done_with_what_was_submitted(make_bench: MakeBench) -> None:
    """The job arrives as it was given, also when it was given before anybody worked."""

    async def scenario() -> None:
        bench, done = make_bench(), list[Job]()

        async def perform(job: Job) -> None:
            done.append(job)

        bench.submit(job(1, epoch=7))
        await _while_working(bench.engine, perform, bench.until(lambda: bool(done)))
        assert _given(done) == [job(1, epoch=7)]

    asyncio.run(scenario())


@pytest.mark.parametrize("before", [True, False])
def test_a_job_that_is_at_work_is_not_begun_again(
    make_bench: MakeBench,
    before: bool,  # noqa: FBT001 (a parameter of the test)
) -> None:
    """Submitting at every tick runs it once, whether it waits or is at work."""

    async def scenario() -> None:
        bench, begun = make_bench(), list[HostRunId]()

        async def perform(job: Job) -> None:
            begun.append(job.host_run)
            await asyncio.Event().wait()

        async def submit_more() -> None:
            for _ in range(3):
                bench.submit(job(1), job(2))
                if not before:
                    await bench.quiet()
            await bench.until(lambda: len(begun) > 1)
            await bench.quiet()

        await _while_working(bench.engine, perform, submit_more())
        assert sorted(begun) == ["run-1", "run-2"]

    asyncio.run(scenario())


def test_a_job_that_ended_can_be_done_again(make_bench: MakeBench) -> None:
    """A host run comes back with its next piece of work."""

    async def scenario() -> None:
        bench, begun = make_bench(), list[int]()

        async def perform(job: Job) -> None:
            begun.append(job.epoch)

        async def twice() -> None:
            for epoch in (1, 2):
                bench.submit(job(1, epoch))
                await bench.until(partial(_ends_with, begun, epoch))
                await bench.quiet()

        await _while_working(bench.engine, perform, twice())
        assert begun == [1, 2]

    asyncio.run(scenario())


@pytest.mark.parametrize("is_at_work", [True, False])
def test_a_cancelled_job_is_not_looked_after(
    make_bench: MakeBench,
    is_at_work: bool,  # noqa: FBT001 (a parameter of the test)
) -> None:
    """Cancelling ends a job at work, and one that waits is never begun; others go on."""

    async def scenario() -> None:
        bench, alive = make_bench(), set[HostRunId]()

        async def perform(job: Job) -> None:
            alive.add(job.host_run)
            try:
                await asyncio.Event().wait()
            finally:
                alive.discard(job.host_run)

        async def cancel_one() -> None:
            bench.submit(job(1), job(2))
            if is_at_work:
                await bench.until(lambda: len(alive) > 1)
            bench.engine.cancel(HostRunId("run-1"))
            bench.engine.cancel(HostRunId("never heard of"))
            await bench.until(lambda: alive == {"run-2"})
            await bench.quiet()
            assert alive == {"run-2"}
            assert bench.engine.janitor(RolloutId("rollout-1")) == {}

        await _while_working(bench.engine, perform, cancel_one())

    asyncio.run(scenario())


def test_a_cancelled_job_can_be_submitted_again(make_bench: MakeBench) -> None:
    """Whoever resumes after a cancellation is served."""

    async def scenario() -> None:
        bench, begun = make_bench(), list[Job]()

        async def perform(job: Job) -> None:
            begun.append(job)

        bench.submit(job(1))
        bench.engine.cancel(HostRunId("run-1"))
        bench.submit(job(1))
        await _while_working(bench.engine, perform, bench.until(lambda: bool(begun)))
        assert _given(begun) == [job(1)]

    asyncio.run(scenario())


def test_a_process_has_so_many_jobs_at_work_and_no_more(make_bench: MakeBench) -> None:
    """Each is a connection: a ring of thousands that is looked at again must not take them all."""

    async def scenario() -> None:
        bench, at_work, ended = make_bench(), list[HostRunId](), asyncio.Event()
        bench = replace(bench, engine=EmbeddedEngine(at_once=2))

        async def perform(job: Job) -> None:
            at_work.append(job.host_run)
            await ended.wait()

        async def look() -> None:
            bench.submit(*map(job, range(4)))
            await bench.until(lambda: len(at_work) > 1)
            await asyncio.sleep(0.01)
            assert at_work == ["run-0", "run-1"]
            ended.set()
            await bench.until(lambda: len(at_work) == 4)

        await _while_working(bench.engine, perform, look())

    asyncio.run(scenario())


def test_a_defect_ends_one_job_and_is_named_once(make_bench: MakeBench) -> None:
    """The janitor names the run that ended by a defect of ours; the others' jobs go on."""

    async def scenario() -> None:
        bench, done = make_bench(), list[HostRunId]()

        async def perform(job: Job) -> None:
            if job.host_run == "run-1":
                raise ZeroDivisionError("no hosts")
            await asyncio.sleep(0)
            done.append(job.host_run)

        async def look() -> None:
            bench.submit(job(1), job(2))
            await bench.until(lambda: bool(done))
            await bench.quiet()
            assert bench.engine.janitor(RolloutId("rollout-1")) == {
                "run-1": "ZeroDivisionError: no hosts"
            }
            assert bench.engine.janitor(RolloutId("rollout-1")) == {}
            assert done == ["run-2"]

        await _while_working(bench.engine, perform, look())

    asyncio.run(scenario())


def test_only_who_is_at_work_on_a_job_may_store_what_it_saw(make_bench: MakeBench) -> None:
    """From the start of the job to its end or its cancellation, and not a moment longer."""

    async def scenario() -> None:
        bench, seen, go_on = make_bench(), list[Job](), asyncio.Event()

        async def perform(job: Job) -> None:
            seen.append(job)
            await go_on.wait()

        def holds(job: Job) -> bool:
            with bench.begin() as work:
                return bench.engine.holds(job, work)

        async def look() -> None:
            bench.submit(job(1), job(2))
            assert not holds(job(1))
            await bench.until(lambda: len(seen) > 1)
            first, second = sorted(seen, key=lambda job: job.host_run)
            assert holds(first)
            assert holds(second)
            bench.engine.cancel(first.host_run)
            await bench.until(lambda: not holds(first))
            assert holds(second)
            go_on.set()
            await bench.until(lambda: not holds(second))

        await _while_working(bench.engine, perform, look())

    asyncio.run(scenario())


def test_who_works_here_is_not_lacking(make_bench: MakeBench) -> None:
    """Nobody is told to start a worker where one is."""

    async def scenario() -> None:
        bench = make_bench()

        async def look() -> None:
            bench.submit(job(1))
            await bench.until(lambda: bench.engine.lacking() == ())
            await bench.quiet()
            assert bench.engine.lacking() == ()

        await _while_working(bench.engine, lambda _: asyncio.sleep(0), look())

    asyncio.run(scenario())


def test_ending_the_worker_ends_its_jobs(make_bench: MakeBench) -> None:
    """No task is left behind when the controller ends, and each has tidied up."""

    async def scenario() -> None:
        bench, begun, tidied = make_bench(), list[HostRunId](), list[HostRunId]()

        async def perform(job: Job) -> None:
            begun.append(job.host_run)
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                tidied.append(job.host_run)

        async def begin_three() -> None:
            bench.submit(job(0), job(1), job(2))
            await bench.until(lambda: len(begun) > 2)

        await _while_working(bench.engine, perform, begin_three())
        assert sorted(tidied) == ["run-0", "run-1", "run-2"]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scenario())


def _ends_with(begun: list[int], epoch: int) -> bool:
    return begun[-1:] == [epoch]
