"""The append-only chain."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from oakum.adapters.persistence.audit_head import HeadFile, KeptHead
from oakum.adapters.persistence.database import CHAIN_LOCK, take_lock
from oakum.adapters.persistence.tables import audit_events
from oakum.core.audit.chain import StoredEvent, check
from oakum.core.audit.event import GENESIS, Action, AuditEvent, content_of, link
from oakum.core.canonical import Json, canonical_json
from oakum.core.errors import StorageError
from oakum.core.ids import Digest


@dataclass(frozen=True, slots=True)
class _Pending:
    """What is to be recorded, without its place in the chain."""

    at: datetime
    actor: str
    action: Action
    subject: str
    details: Json


class SqlAuditLog:
    """Appends and checks events; nothing is appended to a chain that has lost its tail.

    Events are linked when the unit of work is committed: until then others may append theirs.
    """

    def __init__(self, connection: Connection, head_file: HeadFile) -> None:
        self._connection = connection
        self._head_file = head_file
        self._pending: list[_Pending] = []
        self._appended: AuditEvent | None = None

    def append(
        self, *, at: datetime, actor: str, action: Action, subject: str, details: Json
    ) -> None:
        """Have an event recorded. Raises InputError for details that are no JSON of ours."""
        canonical_json(details)
        self._pending.append(_Pending(at, actor, action, subject, details))

    def flush(self) -> None:
        """Link what is to be recorded; nobody else appends until the transaction ends.

        Raises StorageError when the kept head is not in the chain: events are missing, and to go
        on would bury that.
        """
        if not self._pending:
            return
        if self._connection.dialect.name == "postgresql":
            take_lock(self._connection, CHAIN_LOCK)
        pending, self._pending = self._pending, []
        last, head = self._last()
        if self._appended is None:
            pending = [*self._missing_head(last, head, pending[0]), *pending]
        events: list[AuditEvent] = []
        for number, new in enumerate(pending, last + 1):
            event = link(
                sequence=number,
                at=new.at,
                actor=new.actor,
                action=new.action,
                subject=new.subject,
                details=new.details,
                previous=head,
            )
            events.append(event)
            head = event.digest
        self._connection.execute(_INSERT, [_row(event) for event in events])
        self._appended = events[-1]

    def _missing_head(self, number: int, head: Digest, first: _Pending) -> list[_Pending]:
        """Return the event that says that no head was kept, where there should be one."""
        kept = self._head_file.read()
        if kept is None:
            renewed = _Pending(
                first.at, first.actor, Action.AUDIT_HEAD_RENEWED, "audit", {"events": number}
            )
            return [renewed] if number > 0 else []
        if (kept.number, kept.digest) != (number, head) and not self._holds(kept):
            raise StorageError(self._missing(kept), hint=self._head_file.way_out)
        return []

    def events(self, *, subject: str | None = None) -> tuple[AuditEvent, ...]:
        """Return events, oldest first. Raises StorageError for one that cannot be read."""
        self.flush()
        query = select(audit_events).order_by(audit_events.c.sequence)
        if subject is not None:
            query = query.where(audit_events.c.subject == subject)
        return tuple(
            _event(row.sequence, row.content, row.digest) for row in self._connection.execute(query)
        )

    def verify(self) -> tuple[int, str | None]:
        """Return how many links hold, and what is wrong with the next one, if anything.

        Asked first in a unit of work: the head is read before the moment that the unit sees begins,
        so that what others append meanwhile is not missed.
        """
        self.flush()
        kept, unreadable = self._kept()
        rows = self._connection.execute(select(audit_events).order_by(audit_events.c.sequence))
        report = check(
            StoredEvent(row.sequence, row.subject, bytes(row.content), row.digest) for row in rows
        )
        if report.fault is not None:
            return report.links, f"event {report.fault.sequence}: {report.fault.reason}"
        if unreadable or kept is None:
            missing = "" if report.head == GENESIS else f"{self._head_file.path} is missing"
            return report.links, unreadable or missing or None
        return report.links, None if self._holds(kept) else self._missing(kept)

    def _kept(self) -> tuple[KeptHead | None, str]:
        """Return the kept head, and what is wrong with its file."""
        try:
            return self._head_file.read(), ""
        except StorageError as error:
            return None, error.message

    def head(self) -> Digest:
        """Return the digest of the last link."""
        self.flush()
        return self._last()[1]

    def write_head(self) -> None:
        """Keep the head beside the database; called once the transaction is committed."""
        if self._appended is not None:
            self._head_file.advance(self._appended)
            self._appended = None

    def _last(self) -> tuple[int, Digest]:
        """Return the number and the digest of the last event; none has the number 0."""
        row = self._connection.execute(_LAST).first()
        return (0, GENESIS) if row is None else (row.sequence, Digest(row.digest))

    def _holds(self, kept: KeptHead) -> bool:
        if kept.number == 0:
            return True
        known = select(audit_events.c.digest).where(audit_events.c.sequence == kept.number)
        return self._connection.execute(known).scalar() == kept.digest

    def _missing(self, kept: KeptHead) -> str:
        return (
            "the last events are missing from the audit log: "
            f"{self._head_file.path} ends with event {kept.number}"
        )


_INSERT = insert(audit_events)
_LAST = (
    select(audit_events.c.sequence, audit_events.c.digest)
    .order_by(audit_events.c.sequence.desc())
    .limit(1)
)


def _row(event: AuditEvent) -> dict[str, object]:
    return {
        "sequence": event.sequence,
        "subject": event.subject,
        "content": canonical_json(content_of(event)),
        "digest": event.digest,
    }


def _event(sequence: int, content: bytes, digest: str) -> AuditEvent:
    try:
        fields = json.loads(content)
        return AuditEvent(
            fields["sequence"],
            datetime.fromisoformat(fields["at"]),
            fields["actor"],
            Action(fields["action"]),
            fields["subject"],
            fields["details"],
            Digest(fields["previous"]),
            Digest(digest),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StorageError(
            f"audit event {sequence} cannot be read: {error}",
            hint="`oakum audit verify` says what is intact",
        ) from error
