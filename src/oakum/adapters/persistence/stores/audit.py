"""The append-only chain."""

import json
from datetime import datetime
from pathlib import Path

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
        self.appended: Digest | None = None

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
        self.appended = event.digest
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
        if self.appended is not None:
            draft = self._head_file.with_suffix(".new")
            draft.write_text(f"{self.appended}\n")
            draft.replace(self._head_file)

    def _fault_of_head(self, head: Digest) -> str | None:
        try:
            kept = self._head_file.read_text().strip()
        except FileNotFoundError:
            return None if head == GENESIS else f"{self._head_file} is missing"
        known = select(audit_events.c.sequence).where(audit_events.c.digest == kept)
        if kept != head and self._connection.execute(known).first() is None:
            return f"the last events are missing: {self._head_file} ends with {kept[:12]}"
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
