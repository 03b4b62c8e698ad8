"""The append-only chain."""

import json
from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from oakum.adapters.persistence.audit_head import HeadFile, KeptHead
from oakum.adapters.persistence.tables import audit_events
from oakum.core.audit.chain import StoredEvent, check
from oakum.core.audit.event import GENESIS, Action, AuditEvent, content_of, link
from oakum.core.canonical import Json, canonical_json
from oakum.core.errors import StorageError
from oakum.core.ids import Digest


class SqlAuditLog:
    """Appends and checks events; nothing is appended to a chain that has lost its tail."""

    def __init__(self, connection: Connection, head_file: HeadFile) -> None:
        self._connection = connection
        self._head_file = head_file
        self._appended: AuditEvent | None = None

    def append(
        self, *, at: datetime, actor: str, action: Action, subject: str, details: Json
    ) -> AuditEvent:
        """Add a link; two writers can never fork the chain, its numbers are unique.

        Raises StorageError when the kept head is not in the chain: events are missing, and to go
        on would bury that.
        """
        if self._appended is None:
            self._require_kept_head(at, actor)
        return self._append(at, actor, action, subject, details)

    def _require_kept_head(self, at: datetime, actor: str) -> None:
        number = self._last_number()
        kept = self._head_file.read()
        if kept is None:
            if number > 0:
                self._append(at, actor, Action.AUDIT_HEAD_RENEWED, "audit", {"events": number})
        elif not self._holds(kept):
            raise StorageError(self._missing(kept), hint=self._head_file.way_out)

    def _append(
        self, at: datetime, actor: str, action: Action, subject: str, details: Json
    ) -> AuditEvent:
        # Writers take turns: after our own last event there is no other.
        last = self._appended
        event = link(
            sequence=(last.sequence if last else self._last_number()) + 1,
            at=at,
            actor=actor,
            action=action,
            subject=subject,
            details=details,
            previous=last.digest if last else self.head(),
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
        if self._appended is not None:
            self._head_file.advance(self._appended)
            self._appended = None

    def _last_number(self) -> int:
        """Return the number of the last event; none has the number 0."""
        last = self._connection.execute(select(func.max(audit_events.c.sequence))).scalar()
        return int(last or 0)

    def _fault_of_head(self, head: Digest) -> str | None:
        try:
            kept = self._head_file.read()
        except StorageError as error:
            return error.message
        if kept is None:
            return None if head == GENESIS else f"{self._head_file.path} is missing"
        return None if self._holds(kept) else self._missing(kept)

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
