"""The chain: what is in it stays in it, and what was changed is found."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from tests.conformance.stores.conftest import Begin
from tests.conformance.stores.examples import ELSEWHERE

from oakum.core.audit.event import GENESIS, Action, AuditEvent
from oakum.core.canonical import Json
from oakum.core.errors import StorageError
from oakum.ports.stores import AuditLog

DETAILS: Json = {"b": ["ü", None, True, 7], "a": {"nested": "“quoted”\n"}}


def _append(log: AuditLog, subject: str) -> None:
    log.append(
        at=ELSEWHERE, actor="alice", action=Action.HOST_ADDED, subject=subject, details=DETAILS
    )


def _append_one(begin: Begin) -> None:
    with begin() as work:
        _append(work.audit, "web-9")
        work.commit()


@pytest.fixture
def five(begin: Begin) -> tuple[AuditEvent, ...]:
    """Five events, in two units of work."""
    for numbers in (range(3), range(3, 5)):
        with begin() as work:
            for number in numbers:
                _append(work.audit, f"web-{number}")
            work.commit()
    with begin() as work:
        return work.audit.events()


@pytest.fixture
def tamper(engine: Engine) -> Callable[[str], None]:
    """Change the table as somebody would who owns the database."""

    def run(statement: str) -> None:
        with engine.begin() as connection:
            if engine.dialect.name == "sqlite":
                names = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
                for (trigger,) in connection.execute(text(names)).all():
                    connection.execute(text(f"DROP TRIGGER {trigger}"))
            else:
                connection.execute(text("ALTER TABLE audit_events DISABLE TRIGGER ALL"))
            connection.execute(text(statement))

    return run


def test_events_come_back_as_they_were_appended(begin: Begin, five: tuple[AuditEvent, ...]) -> None:
    """Numbers, moments and details survive, each event chained to the one before."""
    with begin() as work:
        assert work.audit.events() == five
        assert work.audit.events(subject="web-3") == (five[3],)
        assert work.audit.head() == five[-1].digest
        assert work.audit.verify() == (5, None)
    assert [event.sequence for event in five] == [1, 2, 3, 4, 5]
    assert five[0].previous == GENESIS
    assert five[3].previous == five[2].digest


def test_an_empty_chain_holds(begin: Begin) -> None:
    """Nothing was done yet, and nothing is missing."""
    with begin() as work:
        assert work.audit.verify() == (0, None)


def test_what_is_not_committed_leaves_no_trace(begin: Begin, five: tuple[AuditEvent, ...]) -> None:
    """An event of a unit of work that failed is not in the chain, and the head says so."""
    with begin() as work:
        _append(work.audit, "never")
    with begin() as work:
        assert work.audit.events() == five
        assert work.audit.verify() == (5, None)


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("UPDATE audit_events SET subject = 'other' WHERE sequence = 3", "event 3"),
        ("UPDATE audit_events SET digest = 'another' WHERE sequence = 2", "event 2"),
        ("DELETE FROM audit_events WHERE sequence = 2", "event 2 is missing"),
        ("DELETE FROM audit_events WHERE sequence = 1", "event 1 is missing"),
        ("UPDATE audit_events SET sequence = 9 WHERE sequence = 5", "event 5 is missing"),
        ("DELETE FROM audit_events WHERE sequence = 5", "the last events are missing"),
        ("DELETE FROM audit_events WHERE sequence > 1", "the last events are missing"),
        ("DELETE FROM audit_events", "the last events are missing"),
    ],
)
def test_tampering_is_found_with_its_place(
    begin: Begin,
    five: tuple[AuditEvent, ...],
    tamper: Callable[[str], None],
    statement: str,
    place: str,
) -> None:
    """Whoever owns the database cannot change the past unseen."""
    assert len(five) == 5
    tamper(statement)
    with begin() as work:
        links, fault = work.audit.verify()
    assert links < 5
    assert place in (fault or "all is well")


def test_one_changed_byte_of_the_content_is_found(
    begin: Begin, engine: Engine, five: tuple[AuditEvent, ...], tamper: Callable[[str], None]
) -> None:
    """The digest is made of the bytes: one other actor breaks the link."""
    assert five[3].actor == "alice"
    decode = (
        "convert_from(content, 'UTF8')"
        if engine.dialect.name != "sqlite"
        else "CAST(content AS TEXT)"
    )
    encode = "convert_to({}, 'UTF8')" if engine.dialect.name != "sqlite" else "CAST({} AS BLOB)"
    changed = encode.format(f"replace({decode}, 'alice', 'malice')")
    tamper(f"UPDATE audit_events SET content = {changed} WHERE sequence = 4")  # noqa: S608
    with begin() as work:
        links, fault = work.audit.verify()
    assert (links, fault) == (3, "event 4: its content is not what its digest was made of")


def test_an_event_that_cannot_be_read_is_a_storage_error(
    begin: Begin, five: tuple[AuditEvent, ...], tamper: Callable[[str], None]
) -> None:
    """Reading a destroyed event names it and says how to see what is intact."""
    assert len(five) == 5
    tamper("UPDATE audit_events SET content = '[]' WHERE sequence = 4")
    with begin() as work, pytest.raises(StorageError, match="audit event 4"):
        work.audit.events()


def test_a_lost_head_is_said(begin: Begin, home: Path, five: tuple[AuditEvent, ...]) -> None:
    """Without the kept head a cut tail could not be found, so its absence is a fault."""
    assert len(five) == 5
    (home / "audit.head").unlink()
    with begin() as work:
        assert "audit.head is missing" in (work.audit.verify()[1] or "")


def test_a_damaged_head_is_said(begin: Begin, home: Path, five: tuple[AuditEvent, ...]) -> None:
    """A head file that says nothing is no proof that nothing is missing."""
    assert len(five) == 5
    (home / "audit.head").write_text("")
    with begin() as work:
        assert "audit.head" in (work.audit.verify()[1] or "")


def test_a_head_that_lags_behind_is_no_fault(
    begin: Begin, home: Path, five: tuple[AuditEvent, ...]
) -> None:
    """A controller killed between commit and noting the head leaves a chain that holds."""
    head = (home / "audit.head").read_text()
    with begin() as work:
        _append(work.audit, "web-9")
        work.commit()
    (home / "audit.head").write_text(head)
    with begin() as work:
        assert work.audit.verify() == (len(five) + 1, None)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_events SET subject = 'other' WHERE sequence = 3",
        "DELETE FROM audit_events WHERE sequence = 5",
        "DELETE FROM audit_events",
    ],
)
def test_the_database_refuses_to_change_the_past(
    begin: Begin, engine: Engine, five: tuple[AuditEvent, ...], statement: str
) -> None:
    """The log is append-only in the database itself, not by our good behaviour."""
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))
    with begin() as work:
        assert work.audit.events() == five


def test_the_past_cannot_be_replaced_by_an_insert(
    begin: Begin, engine: Engine, five: tuple[AuditEvent, ...]
) -> None:
    """INSERT OR REPLACE, which deletes without asking SQLite's other trigger, is refused too."""
    tail = " ON CONFLICT (sequence) DO UPDATE SET subject = 'x'"
    is_sqlite = engine.dialect.name == "sqlite"
    statement = (
        f"INSERT {'OR REPLACE' if is_sqlite else ''} INTO audit_events"  # noqa: S608
        " (sequence, subject, content, digest) VALUES (5, 'x', '', 'y')"
        f"{'' if is_sqlite else tail}"
    )
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))
    with begin() as work:
        assert work.audit.events() == five


def test_a_cut_chain_is_not_built_upon(
    begin: Begin, home: Path, five: tuple[AuditEvent, ...], tamper: Callable[[str], None]
) -> None:
    """A log that lost its tail does not grow until it verifies again; what is kept stays kept."""
    kept = (home / "audit.head").read_text()
    tamper("DELETE FROM audit_events WHERE sequence > 3")
    with pytest.raises(StorageError, match="ends with event 5"):
        _append_one(begin)
    assert (home / "audit.head").read_text() == kept
    with begin() as work:
        assert work.audit.events() == five[:3]
        assert "the last events" in (work.audit.verify()[1] or "")


def test_another_tail_of_the_same_length_is_not_built_upon(
    begin: Begin, five: tuple[AuditEvent, ...], tamper: Callable[[str], None]
) -> None:
    """It is the digest that counts, and not the number."""
    assert len(five) == 5
    tamper("UPDATE audit_events SET digest = 'another' WHERE sequence = 5")
    with pytest.raises(StorageError, match="are missing"):
        _append_one(begin)


def test_a_head_that_was_removed_is_begun_anew_on_the_record(
    begin: Begin, home: Path, five: tuple[AuditEvent, ...]
) -> None:
    """After an older backup was restored on purpose the log goes on, and says from where."""
    (home / "audit.head").unlink()
    with begin() as work:
        _append(work.audit, "web-9")
        work.commit()
    with begin() as work:
        renewed, last = work.audit.events()[len(five) :]
        assert work.audit.verify() == (len(five) + 2, None)
    assert (renewed.action, renewed.details) == (Action.AUDIT_HEAD_RENEWED, {"events": len(five)})
    assert last.subject == "web-9"


def test_a_damaged_head_stops_the_log(
    begin: Begin, home: Path, five: tuple[AuditEvent, ...]
) -> None:
    """It is not written over: somebody has to look first."""
    assert len(five) == 5
    (home / "audit.head").write_text("5")
    with pytest.raises(StorageError, match="damaged") as caught:
        _append_one(begin)
    assert "remove" in (caught.value.hint or "")
    assert (home / "audit.head").read_text() == "5"
