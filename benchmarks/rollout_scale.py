"""A rollout over simulated hosts, through the real store, decision and engine.

usage: python -m benchmarks.rollout_scale [--hosts 1000] [--engines sqlite,1,2,4]

`sqlite` is the embedded engine in one process; a number is that many workers on a PostgreSQL of
this program's own, beside one controller. Every machine is a process. PostgreSQL and SQLite write
as durably as in production. A host answers at once: what is measured is Oakum. Four changes of
state a host, each with its audit event, beside what the controller decides. Prints a line a run.
"""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine, insert, text
from tests.conformance.postgres_server import running_postgres
from tests.fakes.fleet import (
    FakeFleet,
    ProcessMemory,
    assignments,
    hosts_of,
    plan_for,
    store_approved,
)

from oakum.adapters.engines.embedded import EmbeddedEngine
from oakum.adapters.engines.procrastinate_engine import ProcrastinateEngine, WorkerRole
from oakum.adapters.engines.procrastinate_schema import bring_up_to_date
from oakum.adapters.persistence.database import Turn, open_database
from oakum.adapters.persistence.group_commit import GroupCommit
from oakum.adapters.persistence.parts import WRITTEN, in_parts
from oakum.adapters.persistence.stores.hosts import row_of
from oakum.adapters.persistence.tables import hosts as hosts_table
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork
from oakum.adapters.system_clock import SystemClock
from oakum.core.ids import HostId, RolloutId
from oakum.core.planning.plan import Plan
from oakum.core.rollout.state import Phase
from oakum.ports.stores import UnitOfWorkFactory
from oakum.services.drive_host import Assignment
from oakum.services.drive_run import Driver, MayAct
from oakum.services.run_rollout import Reconciler, keeps_lease
from oakum.services.start_rollout import start_rollout

AT_ONCE = 2_000
WORKER_AT_ONCE = 200
CHANGES = 4
MIB = 1024 * 1024
CLOCK = SystemClock()


@dataclass(frozen=True)
class Site:
    """One run: its database and its plan."""

    url: str
    home: Path
    plan: Plan
    rollout: RolloutId


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    cpu_seconds: float
    peak_mib: float


def _units(database: Engine, home: Path, turn: Turn = Turn.DECIDING) -> UnitOfWorkFactory:
    return lambda: SqlUnitOfWork(database, home, turn)


def _home(site: Site, name: str) -> Path:
    home = site.home / name
    home.mkdir(exist_ok=True)
    return home


def _prepare(url: str, home: Path, hosts: int) -> Site:
    database = open_database(url, home)
    begin = _units(database, home)
    names = [f"host-{number:06}" for number in range(hosts)]
    plan = plan_for(names, first_ring=max(1, hosts // 100), at_once=AT_ONCE)
    # Past the store, which adds hosts one by one: that is not what is measured.
    rows = ({**row_of(host), "number": n} for n, host in enumerate(hosts_of(plan, {}), 1))
    with database.begin() as connection:
        for part in in_parts(rows, WRITTEN):
            connection.execute(insert(hosts_table), part)
    store_approved(plan, begin)
    rollout = start_rollout(plan.id, "benchmark", begin, CLOCK)
    if database.dialect.name == "postgresql":
        with begin() as work:
            bring_up_to_date(work.driver_connection(), others_are_older=False)
            work.commit()
    database.dispose()
    return Site(url, home, plan, rollout.id)


def _reconcile(site: Site, reconciler: Reconciler) -> None:
    ended = asyncio.run(reconciler.run())
    if ended.phase is not Phase.SUCCEEDED:
        raise SystemExit(f"{site.rollout} is {ended.phase.value}: {ended.reason}")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _driver(drive: UnitOfWorkFactory, jobs: dict[HostId, Assignment], may_act: MayAct) -> Driver:
    fleet = FakeFleet(ProcessMemory())
    tools, writer = fleet.tools(CLOCK), GroupCommit(drive)
    return Driver("benchmark", lambda _, host: jobs[host], may_act, writer, fleet, tools)


def _embedded(site: Site) -> None:
    home = _home(site, "controller")
    database = open_database(site.url, home)
    begin, engine = _units(database, home), EmbeddedEngine(AT_ONCE)
    drive = _units(database, home, Turn.DRIVING)
    driver = _driver(drive, assignments(site.plan, begin), keeps_lease("controller", CLOCK))
    reconciler = Reconciler(
        site.rollout, "controller", "benchmark", {}, begin, CLOCK, engine, driver,
        lambda _: None, _say,
    )  # fmt: skip
    _reconcile(site, reconciler)


def _queue(database: Engine, drive: UnitOfWorkFactory, name: str) -> ProcrastinateEngine:
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    role = WorkerRole(name, ("",), WORKER_AT_ONCE, "1")
    return ProcrastinateEngine(url, drive, GroupCommit(drive), CLOCK, role=role)


def _controller(site: Site) -> None:
    home = _home(site, "controller")
    database = open_database(site.url, home)
    begin = _units(database, home)
    engine = _queue(database, _units(database, home, Turn.DRIVING), "controller")
    reconciler = Reconciler(
        site.rollout, "controller", "benchmark", {}, begin, CLOCK, engine, None,
        lambda _: None, _say,
    )  # fmt: skip
    _reconcile(site, reconciler)


def _worker(site: Site, name: str) -> None:
    home = _home(site, name)
    database = open_database(site.url, home)
    begin = _units(database, home)
    drive = _units(database, home, Turn.DRIVING)
    engine = _queue(database, drive, name)
    driver = _driver(drive, assignments(site.plan, begin), engine.holds)
    asyncio.run(engine.run_worker(driver.perform))


def _spawn(act: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            act()
            status = 0
        finally:
            os._exit(status)
    return child


def _wait(child: int, *, was_killed: bool = False) -> Cost:
    _, status, used = os.wait4(child, 0)
    if not was_killed and (not os.WIFEXITED(status) or os.WEXITSTATUS(status) != 0):
        raise SystemExit("a process did not come to its end: nothing was measured")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _size(site: Site) -> int:
    database = open_database(site.url, site.home)
    try:
        with database.connect() as connection:
            if database.dialect.name == "postgresql":
                size = text("SELECT pg_database_size(current_database())")
                return int(connection.execute(size).scalar_one())
        with database.begin() as connection:
            connection.exec_driver_sql("SELECT 1")
    finally:
        database.dispose()
    return sum(file.stat().st_size for file in site.home.glob("oakum.sqlite*"))


def _run(site: Site, hosts: int, workers: int) -> None:
    before, begun = _size(site), time.monotonic()
    if workers == 0:
        costs = [_wait(_spawn(partial(_embedded, site)))]
    else:
        helpers = [_spawn(partial(_worker, site, f"worker-{n}")) for n in range(workers)]
        controller = _wait(_spawn(partial(_controller, site)))
        for helper in helpers:
            os.kill(helper, signal.SIGKILL)
        costs = [controller, *(_wait(helper, was_killed=True) for helper in helpers)]
    seconds = time.monotonic() - begun
    name = f"PostgreSQL, {workers} worker{'s' * (workers > 1)}" if workers else "SQLite, embedded"
    print(
        f"{name:22} {hosts:7} hosts {seconds:8.1f} s {CHANGES * hosts / seconds:7.0f} changes/s "
        f"{sum(cost.cpu_seconds for cost in costs):8.1f} CPU s "
        f"{costs[0].peak_mib:6.0f} MiB controller "
        f"{max((cost.peak_mib for cost in costs[1:]), default=0):6.0f} MiB worker "
        f"{before / MIB:7.1f} -> {_size(site) / MIB:7.1f} MiB database",
        flush=True,
    )


def main() -> None:
    """Run every engine that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=1_000)
    parser.add_argument("--engines", default="sqlite,1,2,4")
    options = parser.parse_args()
    for engine in options.engines.split(","):
        with TemporaryDirectory() as directory:
            home = Path(directory)
            if engine == "sqlite":
                site = _prepare(f"sqlite:///{home / 'oakum.sqlite'}", home, options.hosts)
                _run(site, options.hosts, 0)
            else:
                with running_postgres(settings=()) as server:
                    site = _prepare(server.new_database(), home, options.hosts)
                    _run(site, options.hosts, int(engine))


if __name__ == "__main__":
    main()
