"""The append-only chain."""

import json
from datetime import datetime
from pathlib import Path

from filelock import FileLock
from sqlalchemy import Connection, func, insert, select

from oakum.adapters.persistence.tables import audit_events
from oakum.core.audit.chain import StoredEvent, check
from oakum.core.audit.event import GENESIS, Action, AuditEvent, content_of, link
from oakum.core.canonical import Json, canonical_json
from oakum.core.errors import StorageError
from oakum.core.ids import Digest


class SqlAuditLog:
    """Appends and checks events. The head is also kept in a file: a cut tail is found by it."""

    def __init__(self, connection: Connection, head_file: Path) -> None:
        self._connection = connection
        self._head_file = head_file
        self._appended: AuditEvent | None = None

    def append(
        self, *, at: datetime, actor: str, action: Action, subject: str, details: Json
    ) -> AuditEvent:
        """Add a link; two writers can never fork the chain, its numbers are unique."""
        last = self._connection.execute(select(func.max(audit_events.c.sequence))).scalar()
        event = link(
            sequence=(last or 0) + 1,
            at=at,
            actor=actor,
            action=action,
            subject=subject,
            details=details,
            previous=self.head(),
        )
        self._connection.execute(
            insert(audit_events).values(
                sequence=event.sequence,
                subject=event.subject,
                content=canonical_json(content_of(event)),
                digest=event.digest,
            )
        )
        self._appended = event
        return event

    def events(self, *, subject: str | None = None) -> tuple[AuditEvent, ...]:
        """Return events, oldest first. Raises StorageError for one that cannot be read."""
        query = select(audit_events).order_by(audit_events.c.sequence)
        if subject is not None:
            query = query.where(audit_events.c.subject == subject)
        return tuple(
            _event(row.sequence, row.content, row.digest) for row in self._connection.execute(query)
        )

    def verify(self) -> tuple[int, str | None]:
        """Return how many links hold, and what is wrong with the next one, if anything."""
        rows = self._connection.execute(select(audit_events).order_by(audit_events.c.sequence))
        report = check(
            StoredEvent(row.sequence, row.subject, bytes(row.content), row.digest) for row in rows
        )
        if report.fault is not None:
            return report.links, f"event {report.fault.sequence}: {report.fault.reason}"
        return report.links, self._fault_of_head(report.head)

    def head(self) -> Digest:
        """Return the digest of the last link."""
        query = select(audit_events.c.digest).order_by(audit_events.c.sequence.desc()).limit(1)
        return Digest(self._connection.execute(query).scalar() or GENESIS)

    def write_head(self) -> None:
        """Keep the head beside the database; called once the transaction is committed."""
        if self._appended is None:
            return
        try:
            # Commands that committed one after the other may come here in another order.
            with FileLock(self._head_file.with_suffix(".lock")):
                if self._kept()[0] < self._appended.sequence:
                    draft = self._head_file.with_suffix(".new")
                    draft.write_text(f"{self._appended.sequence} {self._appended.digest}\n")
                    draft.replace(self._head_file)
        except OSError as error:
            raise StorageError(
                f"{self._head_file} cannot be written: {error.strerror}",
                hint="what was done is stored; make room, the next command writes it",
            ) from error
        self._appended = None

    def _kept(self) -> tuple[int, str]:
        """Return the number and digest of the kept head; no event has the number 0."""
        try:
            number, digest = self._head_file.read_text().split()
            return int(number), digest
        except (FileNotFoundError, ValueError):
            return 0, ""

    def _fault_of_head(self, head: Digest) -> str | None:
        number, digest = self._kept()
        if number == 0:
            fault = "is damaged" if self._head_file.exists() else "is missing"
            return (
                None if head == GENESIS and fault == "is missing" else f"{self._head_file} {fault}"
            )
        known = select(audit_events.c.digest).where(audit_events.c.sequence == number)
        if self._connection.execute(known).scalar() != digest:
            return f"the last events are missing: {self._head_file} ends with event {number}"
        return None


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
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"audit event {sequence} cannot be read: {error}",
            hint="`oakum audit verify` says what is intact",
        ) from error
