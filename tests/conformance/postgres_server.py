"""A PostgreSQL server of the tests' own: a fresh cluster on a socket in its own directory."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

import psycopg

PROGRAMS = "/usr/lib/postgresql"
USER = "postgres"
NUMBERS = count(1)
COMMON = ("listen_addresses=", "max_connections=40")
QUICK = ("fsync=off", "full_page_writes=off")
"""Power cuts are not what these tests are about."""


class PostgresServer:
    """A running cluster."""

    def __init__(self, socket_directory: Path) -> None:
        self._directory = socket_directory

    def new_database(self) -> str:
        """Return the URL of a new, empty database."""
        name = f"oakum_{next(NUMBERS)}"
        with psycopg.connect(
            host=str(self._directory), user=USER, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return f"postgresql://{USER}@/{name}?host={self._directory}"

    def restart(self) -> None:
        """Cut every connection in the middle of what it does, as a crash of the server would."""
        _run("pg_ctl", "-D", str(self._directory / "cluster"), "-m", "immediate", "-w", "restart")


@contextmanager
def running_postgres(settings: Sequence[str] = QUICK) -> Iterator[PostgresServer]:
    """Make a cluster, run it, and leave nothing of it."""
    # A socket's path may hold some 100 bytes, and its owner is not whoever runs the tests.
    directory = Path(mkdtemp(prefix="oakum-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(directory, USER, USER)
        cluster = directory / "cluster"
        _run("initdb", "-D", str(cluster), "-U", USER, "-A", "trust", "--no-sync", "-E", "UTF8")
        given = (f"-c {option}" for option in (*COMMON, *settings))
        options = " ".join([f"-k {directory}", *given])
        log = directory / "log"
        _run("pg_ctl", "-D", str(cluster), "-o", options, "-l", str(log), "-w", "start")
        try:
            yield PostgresServer(directory)
        finally:
            _run("pg_ctl", "-D", str(cluster), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(directory)


def _run(program: str, *arguments: str) -> None:
    newest = max(Path(PROGRAMS).glob("*/bin"), key=lambda path: int(path.parent.name))
    # PostgreSQL refuses to run as root.
    ordinary = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    command = [*(ordinary if os.geteuid() == 0 else []), str(newest / program), *arguments]
    # The server inherits what it is given: of a pipe we would never see the end.
    done = subprocess.run(
        command, cwd="/", stdin=subprocess.DEVNULL, capture_output=False, timeout=60, check=False,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}")
