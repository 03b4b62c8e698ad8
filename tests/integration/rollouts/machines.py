"""Controllers and workers as processes of their own: each can be killed, and knows no other."""

import asyncio
import os
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import Engine
from tests.fakes.fleet import DiskMemory, FakeFleet, assignments

from oakum.adapters.engines.procrastinate_engine import ProcrastinateEngine, Timing, WorkerRole
from oakum.adapters.persistence.database import Turn, open_database
from oakum.adapters.persistence.group_commit import GroupCommit
from oakum.adapters.persistence.server_clock import ServerClock
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork
from oakum.core.ids import RolloutId
from oakum.core.planning.plan import Plan
from oakum.ports.stores import UnitOfWorkFactory
from oakum.services import drive_run, run_rollout
from oakum.services.drive_run import Driver
from oakum.services.run_rollout import LostLeaseError, Reconciler

TIMING = Timing(
    beat=timedelta(seconds=0.3),
    alive=timedelta(seconds=4),
    poll=timedelta(seconds=0.5),
    reconnect=timedelta(seconds=0.3),
)
LEASE = timedelta(seconds=4)
PATIENCE_SECONDS = 60


def until(happened: Callable[[], bool]) -> None:
    """Wait for something to happen."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def units_of(engine: Engine, home: Path, turn: Turn = Turn.DECIDING) -> UnitOfWorkFactory:
    """Return what begins units of work."""
    return lambda: SqlUnitOfWork(engine, home, turn)


@dataclass(frozen=True)
class Site:
    """What all machines share: the database, the hosts, the plan."""

    url: str
    home: Path
    plan: Plan
    rollout: RolloutId
    seconds: float = 0.5
    bad: frozenset[str] = frozenset()

    @property
    def hosts(self) -> DiskMemory:
        return DiskMemory(self.home / "hosts")


@dataclass
class Process:
    """A machine at work."""

    pid: int
    status: int | None = field(default=None)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        assert os.WTERMSIG(self.wait()) == signal.SIGKILL

    def end(self) -> None:
        """Kill it if it still runs; it did what it was for."""
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()

    def finish(self, seconds: float = 120) -> None:
        """Wait for a good end."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
                assert status == 0
                return
            time.sleep(0.1)
        raise TimeoutError(self.pid)

    def wait(self) -> int:
        """Return its status as `waitpid` tells it."""
        _, self.status = os.waitpid(self.pid, 0)
        return self.status


def spawn(act: Callable[[], None]) -> Process:
    """Do something in a process of its own."""
    child = os.fork()
    if child == 0:
        try:
            act()
        except BaseException:  # noqa: BLE001 (pytest's own code must not run in the child)
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return Process(child)


def _home(site: Site, name: str) -> Path:
    home = site.home / name
    home.mkdir(exist_ok=True)
    return home


def start_controller(site: Site, name: str) -> Process:
    """Start `oakum rollout watch` on a machine: it drives, or waits to take over."""
    return spawn(partial(_control, site, name))


def start_worker(site: Site, name: str, groups: tuple[str, ...] = ("",)) -> Process:
    """Start `oakum worker` on a machine."""
    return spawn(partial(_work, site, name, groups))


def _engine(
    database: Engine, drive: UnitOfWorkFactory, clock: ServerClock, role: WorkerRole | None
) -> ProcrastinateEngine:
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    return ProcrastinateEngine(url, drive, GroupCommit(drive), clock, role=role, timing=TIMING)


def _control(site: Site, name: str) -> None:
    run_rollout.LEASE, run_rollout.TICK_SECONDS, run_rollout.AWAY_SECONDS = LEASE, 0.1, 0.2
    home = _home(site, name)
    database = open_database(site.url, home)
    begin, clock = units_of(database, home), ServerClock(database)
    zones = {host: job.host.zone for host, job in assignments(site.plan, begin).items()}
    engine = _engine(database, units_of(database, home, Turn.DRIVING), clock, None)
    reconciler = Reconciler(
        site.rollout, name, name, zones, begin, clock, engine, None,
        lambda _: None, lambda line: print(f"{name}: {line}"),  # noqa: T201
    )  # fmt: skip
    while True:
        try:
            asyncio.run(reconciler.run())
        except LostLeaseError:
            time.sleep(0.2)
        else:
            return


def _work(site: Site, name: str, groups: tuple[str, ...]) -> None:
    drive_run.POLL_SECONDS = drive_run.RECONNECT_SECONDS = 0.05
    drive_run.AWAY_SECONDS = 0.2
    home = _home(site, name)
    database = open_database(site.url, home)
    begin, clock = units_of(database, home), ServerClock(database)
    drive = units_of(database, home, Turn.DRIVING)
    engine = _engine(database, drive, clock, WorkerRole(name, groups, 20, "1"))
    jobs = assignments(site.plan, begin)
    fleet = FakeFleet(site.hosts, site.bad, seconds=site.seconds)
    driver = Driver(
        name,
        lambda _, host: jobs[host],
        engine.holds,
        GroupCommit(drive),
        fleet,
        fleet.tools(clock),
    )
    asyncio.run(engine.run_worker(driver.perform))
