"""`oakum worker` as it is started on a machine, and what it refuses."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conformance.postgres_server import PostgresServer, running_postgres
from tests.fakes.fleet import plan_for, store

from oakum.bootstrap.application import Application
from oakum.core.errors import RefusedError
from oakum.services.start_rollout import start_rollout
from oakum.settings import read_settings

PATIENCE_SECONDS = 60
MAIN = "from oakum.entrypoints.cli.main import main; main()"


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture
def shared(postgres: PostgresServer) -> str:
    """Return the lines of a configuration with a database of its own."""
    return f'database = "{postgres.new_database()}"\n[engine]\nkind = "distributed"\n'


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Callable[[str], Application]]:
    """Return how to wire Oakum with a configuration."""
    made: list[Application] = []

    def make(configuration: str) -> Application:
        (tmp_path / "oakum.toml").write_text(configuration)
        (tmp_path / "snapshots.asc").write_text("a key")
        home = str(tmp_path)
        made.append(Application(read_settings({"OAKUM_HOME": home, "HOME": home})))
        return made[-1]

    yield make
    for one in made:
        one._engine.dispose()


MakeApplication = Callable[[str], Application]
KEY = '[snapshots]\npublic_key = "snapshots.asc"\n'


def _oakum(home: Path, *arguments: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OAKUM_HOME": str(home)}
    command = [sys.executable, "-c", MAIN, *arguments]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_a_worker_shows_itself_until_it_is_told_to_end(
    application: MakeApplication, tmp_path: Path, shared: str
) -> None:
    """SIGTERM, as systemd sends it, ends it in order: it is forgotten at once."""
    oakum = application(shared + KEY)
    with _oakum(tmp_path, "worker", "--group", "dmz", "--default") as worker:
        end = time.monotonic() + PATIENCE_SECONDS
        while not (alive := oakum.live_workers()):
            assert time.monotonic() < end
            time.sleep(0.1)
        assert [seen.groups for seen in alive] == [("dmz", "")]
        worker.send_signal(signal.SIGTERM)
        _, said = worker.communicate(timeout=PATIENCE_SECONDS)
    assert b"drives hosts of dmz, without a zone" in said
    assert worker.returncode == 130
    assert oakum.live_workers() == ()


def test_a_controller_says_which_worker_is_missing(
    application: MakeApplication, shared: str
) -> None:
    """Hosts of a zone that nobody is there for wait, and a person is told what to start."""
    oakum = application(shared + KEY)
    plan = plan_for(["h0", "h1"])
    store(plan, oakum.begin, {"h0": "dmz"})
    rollout = start_rollout(plan.id, "ann", oakum.begin, oakum.clock)
    said: list[str] = []
    reconciler = oakum.reconciler(rollout.id, "ann", lambda _: None, said.append)
    assert reconciler.driver is None

    async def until_told() -> None:
        running = asyncio.create_task(reconciler.run())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not said:  # noqa: ASYNC110 (it is said from elsewhere)
                await asyncio.sleep(0.1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(until_told())
    assert said == ["hosts wait, and no worker takes them; start `oakum worker --group dmz`"]


def test_a_worker_does_not_make_up_the_key_of_snapshots(
    application: MakeApplication, tmp_path: Path, shared: str
) -> None:
    """Hosts would trust a key that has signed nothing."""
    oakum = application(shared)
    with pytest.raises(RefusedError, match="is not on this machine"):
        asyncio.run(oakum.work(["dmz"], "me"))
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("kind", ["embedded", "distributed"])
def test_a_database_that_cannot_be_shared_has_no_workers(
    application: MakeApplication, kind: str
) -> None:
    """SQLite is one machine's."""
    oakum = application(f'[engine]\nkind = "{kind}"\n')
    with pytest.raises(RefusedError, match="PostgreSQL"):
        asyncio.run(oakum.work([""], "me"))
