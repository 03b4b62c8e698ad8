"""An upgrade in mid-rollout, with two versions that really run: one is taken from the history.

The older one makes the database and opens it. The present one then brings the database forward
under it, and both work on the same rollout through the tables.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, text
from tests.conformance.postgres_server import PostgresServer, running_postgres
from tests.fakes.fleet import plan_for
from tests.integration.rollouts.machines import Site, until
from tests.integration.rollouts.test_workers import HOSTS, Stage

from oakum.adapters.persistence.database import LAYOUT, open_database
from oakum.core.ids import RolloutId

OLDER = "4ec5abd0b2caa28e358099823384a761f00ed4b7"
"""The last commit of layout 0008, whose writers all took turns at one lock."""
REPOSITORY = Path(__file__).parents[3]
SECONDS = 0.7
ROLE = """
import sys
from pathlib import Path
from tests.fakes.fleet import plan_for, store
from tests.integration.rollouts import machines
from oakum.adapters.engines.procrastinate_schema import bring_up_to_date
from oakum.adapters.persistence.database import LAYOUT, open_database
from oakum.adapters.system_clock import SystemClock
from oakum.services.start_rollout import start_rollout

role, name, url, home, hosts, seconds = sys.argv[1:]
assert LAYOUT == "0008"
plan = plan_for(hosts.split(), first_ring=2, at_once=4)
if role == "start":
    database = open_database(url, Path(home))
    begin = machines.units_of(database, Path(home))
    store(plan, begin)
    print(start_rollout(plan.id, "ann", begin, SystemClock()).id)
    with begin() as work:
        bring_up_to_date(work.driver_connection(), others_are_older=False)
        work.commit()
    sys.exit()
site = machines.Site(url, Path(home), plan, name.partition("@")[2], float(seconds))
if role == "controller":
    machines._control(site, name.partition("@")[0])
else:
    machines._work(site, name.partition("@")[0], ("",))
"""


Upgrade = Callable[[], Stage]


@dataclass
class Older:
    """The older version, on the same database and the same hosts."""

    tree: Path
    url: str
    home: Path
    rollout: str = ""
    begun: list[subprocess.Popen[str]] = field(default_factory=list)

    def start_rollout(self) -> None:
        process = self._run("start", "")
        printed, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        self.rollout = printed.strip()

    def run(self, role: str) -> subprocess.Popen[str]:
        return self._run(role, f"older {role}@{self.rollout}")

    def end(self) -> None:
        for process in self.begun:
            process.kill()
            process.communicate()

    def _run(self, role: str, name: str) -> subprocess.Popen[str]:
        arguments = (role, name, self.url, str(self.home), " ".join(HOSTS), str(SECONDS))
        process = subprocess.Popen(
            [sys.executable, "-c", ROLE, *arguments],
            cwd=self.tree,
            env={**os.environ, "PYTHONPATH": f"{self.tree / 'src'}:{self.tree}"},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.begun.append(process)
        return process


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Take the older version from the history."""
    git = ["git", "-C", str(REPOSITORY)]
    known = subprocess.run([*git, "cat-file", "-e", OLDER], check=False, capture_output=True)
    if known.returncode != 0:
        pytest.skip(f"this copy has no history with {OLDER}: git fetch --unshallow")
    directory = tmp_path_factory.mktemp("older")
    archive = subprocess.run(
        [*git, "archive", OLDER, "src", "tests"], check=True, capture_output=True
    )
    subprocess.run(["tar", "-x", "-C", str(directory)], input=archive.stdout, check=True)
    return directory


@pytest.fixture
def older(tree: Path, postgres: PostgresServer, tmp_path: Path) -> Iterator[Older]:
    """Start a rollout with the older version."""
    started = Older(tree, postgres.new_database(), tmp_path)
    started.start_rollout()
    yield started
    started.end()


@pytest.fixture
def upgrade(older: Older, tmp_path: Path) -> Iterator[Callable[[], Stage]]:
    """Return how to bring the database forward, and to run the present version on it."""
    stages: list[tuple[Stage, Engine]] = []

    def bring_forward() -> Stage:
        database = open_database(older.url, tmp_path)
        with database.connect() as connection:
            layout = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        assert layout == LAYOUT
        plan = plan_for(HOSTS, first_ring=2, at_once=4)
        site = Site(older.url, tmp_path, plan, RolloutId(older.rollout), SECONDS)
        stage = Stage(site, database)
        stages.append((stage, database))
        database.dispose()  # nobody who is born of this process may find an open connection of it
        return stage

    yield bring_forward
    for stage, database in stages:
        stage.end()
        database.dispose()


def _after(older: Older, question: str, upgrade: Upgrade) -> Stage:
    """Upgrade the database once the older version is at work on it."""
    with psycopg.connect(older.url, autocommit=True) as connection:
        until(lambda: bool(connection.execute(question.encode()).fetchone()))
    return upgrade()


def test_an_older_worker_works_for_the_present_controller(older: Older, upgrade: Upgrade) -> None:
    """It has the database open while the layout changes, and goes on."""
    older.run("worker")
    stage = _after(older, "SELECT 1 FROM workers WHERE id = 'older worker'", upgrade)
    controller = stage.controller("present")
    stage.until(lambda: stage.changed() > 1)
    stage.worker("worker")
    controller.finish()
    stage.require_all_good(confirmed=False)
    actors = set().union(*stage.actors().values())
    assert "older worker" in actors
    assert actors <= {"older worker", "worker"}


def test_an_older_controller_decides_for_present_workers(older: Older, upgrade: Upgrade) -> None:
    """It learns of what they stored, and comes to the end of the rollout by itself."""
    controller = older.run("controller")
    stage = _after(older, "SELECT 1 FROM rollouts WHERE lease_holder <> ''", upgrade)
    for name in ("worker 1", "worker 2"):
        stage.worker(name)
    controller.communicate(timeout=120)
    assert controller.returncode == 0
    stage.require_all_good(confirmed=False)


def test_all_are_upgraded_one_after_the_other(older: Older, upgrade: Upgrade) -> None:
    """The worker first, then the controller, each in the middle of its work."""
    worker, controller = older.run("worker"), older.run("controller")
    stage = _after(older, "SELECT 1 FROM deliveries WHERE worker = 'older worker'", upgrade)
    worker.kill()
    stage.worker("worker")
    stage.until(lambda: stage.changed() > 3)
    controller.kill()
    stage.controller("present").finish()
    stage.require_all_good(confirmed=False)
