"""Opening databases: new, older, newer, damaged, busy, and on disks that refuse."""

import json
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, text
from tests.conformance.stores import examples
from tests.integration.tiny_disk import fill, run_without_privilege, tiny_disk

from oakum.adapters.persistence.database import LAYOUT, open_database
from oakum.adapters.persistence.migrations.upgrading import migration_config
from oakum.adapters.persistence.tables import metadata
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork
from oakum.core.audit.event import Action
from oakum.core.errors import InputError, RefusedError, StorageError

OPEN_AND_TELL = """
import sys
from pathlib import Path
from oakum.adapters.persistence.database import open_database
from oakum.core.errors import StorageError
try:
    open_database(sys.argv[1], Path(sys.argv[2]))
except StorageError as error:
    print(error.message)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "oakum.db"


@pytest.fixture
def filled(path: Path) -> Path:
    """Make a database with one host in it."""
    _add_host(path, "web-1")
    return path


def _add_host(path: Path, name: str, port: int = 22) -> None:
    engine = open_database(f"sqlite:///{path}", path.parent)
    with SqlUnitOfWork(engine, path.parent) as work:
        work.hosts.add(examples.host(name, port))
        work.commit()
    engine.dispose()


def _add_many_hosts(engine: Engine, home: Path) -> None:
    with SqlUnitOfWork(engine, home) as work:
        for number in range(2_000):
            work.hosts.add(examples.host(f"db-{number}", number + 100))
        work.commit()


def _names(path: Path) -> list[str]:
    engine = open_database(f"sqlite:///{path}", path.parent)
    with SqlUnitOfWork(engine, path.parent) as work:
        names = [host.name for host in work.hosts.all()]
    engine.dispose()
    return names


def _older(path: Path) -> Engine:
    """Return an open database of the first layout with a host whose bytes are in the WAL only."""
    path.parent.mkdir()
    engine = create_engine(f"sqlite:///{path}")
    config = migration_config()
    with engine.begin() as connection:
        connection.execute(text("PRAGMA journal_mode=WAL"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO hosts VALUES ('a', 'a', 'a', 1, :document)"), {"document": b"{}"}
        )
    return engine


def test_tables_and_migrations_agree(path: Path) -> None:
    """What the code reads and writes is what the migrations made."""
    engine = open_database(f"sqlite:///{path}", path.parent)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_the_present_layout_is_that_of_the_last_migration() -> None:
    """Every command compares with it, without loading what runs migrations."""
    assert ScriptDirectory.from_config(migration_config()).get_current_head() == LAYOUT


def test_a_home_is_made_for_its_owner_alone(path: Path) -> None:
    """Nobody else on the controller reads which hosts are vulnerable."""
    open_database(f"sqlite:///{path}", path.parent).dispose()
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_opening_again_changes_nothing(filled: Path) -> None:
    """A database of the present layout is only opened, and no backup of it is made."""
    assert _names(filled) == ["web-1"]
    assert not list(filled.parent.glob("*before*"))


def test_an_upgrade_keeps_a_backup_of_all_that_was_committed(path: Path) -> None:
    """The backup holds also what SQLite had not yet moved out of its WAL file."""
    other_command = _older(path)
    with other_command.connect():
        open_database(f"sqlite:///{path}", path.parent).dispose()
    other_command.dispose()
    with closing(sqlite3.connect(path.with_suffix(f".before-{LAYOUT}"))) as backup:
        assert backup.execute("SELECT name FROM hosts").fetchall() == [("a",)]
        assert backup.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    with closing(sqlite3.connect(path)) as upgraded:
        assert upgraded.execute("SELECT version_num FROM alembic_version").fetchall() == [(LAYOUT,)]


def test_rollouts_of_an_older_layout_learn_what_was_approved(path: Path) -> None:
    """The digest comes from the audit log's event of the start; a rollout without one has none."""
    engine = _older(path)
    start = {"action": "rollout started", "details": {"digest": "d1"}}
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO plans VALUES ('p', 1, '{}')"))
        for name in ("r1", "r2"):
            connection.execute(
                text("INSERT INTO rollouts VALUES (:id, 'p', 'waiting', 1, '{}', '', NULL, 0)"),
                {"id": name},
            )
        connection.execute(
            text("INSERT INTO audit_events VALUES (1, 'r1', :content, 'x')"),
            {"content": json.dumps(start).encode()},
        )
    engine.dispose()
    open_database(f"sqlite:///{path}", path.parent).dispose()
    with closing(sqlite3.connect(path)) as upgraded:
        rows = upgraded.execute("SELECT document FROM rollouts ORDER BY id").fetchall()
    assert [json.loads(document)["plan_digest"] for (document,) in rows] == ["d1", ""]


def test_a_migration_that_fails_leaves_the_old_layout(path: Path) -> None:
    """Half a migration is none: nothing of it stays."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as stranger:
        stranger.execute("CREATE TABLE statements (x)")
    with pytest.raises(StorageError, match="statements already exists"):
        open_database(f"sqlite:///{path}", path.parent)
    with closing(sqlite3.connect(path)) as left:
        tables = left.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    assert tables == [("statements",)]


def test_a_newer_layout_is_refused(filled: Path) -> None:
    """An older Oakum does not touch what a newer one wrote."""
    with closing(sqlite3.connect(filled)) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
        newer.commit()
    with pytest.raises(RefusedError, match=r"newer Oakum .*9999"):
        open_database(f"sqlite:///{filled}", filled.parent)


@pytest.mark.parametrize(
    "harm",
    [
        lambda _: b"not a database at all, but long enough to look at" * 100,
        lambda content: content[: len(content) // 2],
        lambda content: content[:20],
        lambda content: content[:100] + b"\xff" * 8000 + content[8100:],
    ],
    ids=["another file", "half of it", "a stump", "overwritten"],
)
def test_a_damaged_file_is_named(filled: Path, harm: Callable[[bytes], bytes]) -> None:
    """The message names the file, and the hint says what is untouched."""
    with closing(sqlite3.connect(filled)) as whole:
        whole.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    filled.write_bytes(harm(filled.read_bytes()))
    with pytest.raises(StorageError, match=r"oakum.db is damaged") as caught:
        open_database(f"sqlite:///{filled}", filled.parent)
    assert "backup" in (caught.value.hint or "")


def test_damage_that_shows_only_later_is_named_as_well(filled: Path) -> None:
    """Pages that are read later than at opening are judged in the same words."""
    engine = open_database(f"sqlite:///{filled}", filled.parent)
    with closing(sqlite3.connect(filled)) as whole:
        whole.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'hosts'"
        page = whole.execute(query).fetchone()[0]
    engine.dispose()
    content = bytearray(filled.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    filled.write_bytes(content)
    engine = open_database(f"sqlite:///{filled}", filled.parent)
    with (
        pytest.raises(StorageError, match=r"oakum.db is damaged"),
        SqlUnitOfWork(engine, filled.parent) as work,
    ):
        work.hosts.all()
    engine.dispose()


def test_a_busy_database_is_waited_for_and_then_named(filled: Path) -> None:
    """Another process that holds the database is waited for, but not for ever."""
    with closing(sqlite3.connect(filled)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageError, match=r"oakum.db is in use by another command"):
            open_database(f"sqlite:///{filled}", filled.parent, busy_seconds=0.1)
    assert _names(filled) == ["web-1"]


def test_a_new_database_is_waited_for_while_another_makes_it(path: Path) -> None:
    """SQLite refuses at once to switch its journal beside who writes."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.3, other.execute, ["COMMIT"])
        timer.start()
        open_database(f"sqlite:///{path}", path.parent).dispose()
        timer.join()


def test_a_busy_database_is_named_inside_a_unit_of_work(filled: Path) -> None:
    """The same holds once the database is open."""
    engine = open_database(f"sqlite:///{filled}", filled.parent, busy_seconds=0.1)
    with closing(sqlite3.connect(filled)) as other:
        other.execute("BEGIN IMMEDIATE")
        with (
            pytest.raises(StorageError, match="in use by another command"),
            SqlUnitOfWork(engine, filled.parent),
        ):
            pass
    engine.dispose()


def test_a_directory_that_is_not_writable_is_named(tmp_path: Path) -> None:
    """The message names the place that cannot be written."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    done = run_without_privilege(OPEN_AND_TELL, f"sqlite:///{closed}/oakum.db", str(closed))
    assert done.stdout.startswith(f"{closed}/oakum.db cannot be used: unable to open"), done.stderr


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file that stands where the home should be is said."""
    (tmp_path / "home").write_text("")
    with pytest.raises(StorageError, match="home cannot be made"):
        open_database(f"sqlite:///{tmp_path}/home/oakum.db", tmp_path / "home")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk")
def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    """A write that finds no room is refused whole; what was there is still there."""
    with tiny_disk(tmp_path / "disk", 1024) as disk:
        path = disk / "home" / "oakum.db"
        _add_host(path, "web-1")
        engine = open_database(f"sqlite:///{path}", path.parent)
        fill(disk)
        with pytest.raises(StorageError, match=r"the disk is full: .*oakum.db cannot grow"):
            _add_many_hosts(engine, path.parent)
        (disk / "filler").unlink()
        engine.dispose()
        assert _names(path) == ["web-1"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk")
def test_a_full_disk_at_the_first_start_is_said(tmp_path: Path) -> None:
    """A database that cannot even be begun is a full disk, not a damaged file."""
    with tiny_disk(tmp_path / "disk", 64) as disk:
        fill(disk)
        with pytest.raises(StorageError, match="disk"):
            open_database(f"sqlite:///{disk}/oakum.db", disk)


def _record(path: Path) -> None:
    engine = open_database(f"sqlite:///{path}", path.parent)
    with SqlUnitOfWork(engine, path.parent) as work:
        work.audit.append(
            at=examples.NOW, actor="a", action=Action.HOST_ADDED, subject="web-1", details={}
        )
        work.commit()
    engine.dispose()


def _remove(path: Path) -> None:
    for file in path.parent.glob("oakum.db*"):
        file.unlink()


def _truncate(path: Path) -> None:
    _remove(path)
    path.touch()


def _empty_all_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TRIGGER audit_no_delete")
        database.execute("DELETE FROM audit_events")
        database.execute("DELETE FROM hosts")
        database.commit()


@pytest.mark.parametrize("harm", [_remove, _truncate, _empty_all_tables])
def test_a_fleet_does_not_vanish_in_silence(path: Path, harm: Callable[[Path], None]) -> None:
    """A database that is gone or emptied is not replaced: `0 findings` would be a lie."""
    _add_host(path, "web-1")
    _record(path)
    harm(path)
    was_there = path.exists()
    with pytest.raises(StorageError, match="it held 1 audit events") as caught:
        open_database(f"sqlite:///{path}", path.parent)
    assert "backup" in (caught.value.hint or "")
    assert path.exists() == was_there


def test_a_new_beginning_is_possible(path: Path) -> None:
    """The way that the hint names works."""
    _record(path)
    _remove(path)
    (path.parent / "audit.head").unlink()
    assert _names(path) == []


@pytest.mark.parametrize(
    "url", ["oakum.db", "", "mysql://u@x/y", "oracle://x/y", "sqlite://", "sqlite:///relative.db"]
)
def test_an_unusable_url_is_an_input_error(tmp_path: Path, url: str) -> None:
    """A typing error in the configuration is answered with what to write."""
    with pytest.raises(InputError) as caught:
        open_database(url, tmp_path)
    assert "sqlite:////path" in (caught.value.hint or "")


def test_a_server_that_is_down_is_said(tmp_path: Path) -> None:
    """No answer from PostgreSQL is a circumstance, not damage."""
    with pytest.raises(StorageError, match="the database cannot be used") as caught:
        open_database(f"postgresql://nobody@/oakum?host={tmp_path}", tmp_path)
    assert "server up" in (caught.value.hint or "")
