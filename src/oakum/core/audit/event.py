"""One thing that was done or decided, chained to the one before."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from oakum.core.canonical import Json, digest_of
from oakum.core.ids import Digest

GENESIS = Digest("0" * 64)


class Action(Enum):
    """What is recorded."""

    HOST_ADDED = "host added"
    HOST_REMOVED = "host removed"
    HOST_PREPARED = "host prepared"
    HOST_GIVEN_BACK = "host given back"
    HOST_MENDED = "host mended"
    """A person said so of one that a rollout left down."""
    HOST_SCANNED = "host scanned"
    SCAN_FAILED = "scan failed"
    ADVISORIES_UPDATED = "advisories updated"
    ADVISORIES_BUNDLED = "advisories bundled"
    FINDINGS_MATCHED = "findings matched"
    EXCEPTION_ADDED = "exception added"
    EXCEPTION_REMOVED = "exception removed"
    SNAPSHOT_CREATED = "snapshot created"
    PLAN_CREATED = "plan created"
    PLAN_REHEARSED = "plan rehearsed"
    PLAN_APPROVED = "plan approved"
    APPROVAL_REFUSED = "approval refused"
    ROLLOUT_STARTED = "rollout started"
    ROLLOUT_CHANGED = "rollout changed"
    HOST_RUN_CHANGED = "host run changed"
    HOST_VERIFIED = "host verified"
    HOOK_BEGUN = "hook begun"
    """Stored before it is: from then on it is never begun again in that host run."""
    HOOK_ENDED = "hook ended"
    GATE_JUDGED = "gate judged"
    ROLLBACK_STARTED = "rollback started"
    AUDIT_HEAD_RENEWED = "audit head renewed"
    """The file that proves that no tail was cut was gone: before this event a cut is unseen."""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One link. `digest` is SHA-256 over the canonical JSON of all other fields."""

    sequence: int
    at: datetime
    actor: str
    action: Action
    subject: str
    """What it was done to: a host id, a plan id, a rollout id …"""
    details: Json
    previous: Digest
    digest: Digest


def link(
    *,
    sequence: int,
    at: datetime,
    actor: str,
    action: Action,
    subject: str,
    details: Json,
    previous: Digest,
) -> AuditEvent:
    """Return the event with its digest."""
    unsigned = AuditEvent(sequence, at, actor, action, subject, details, previous, GENESIS)
    return replace(unsigned, digest=digest_of(content_of(unsigned)))


def content_of(event: AuditEvent) -> Json:
    """Return what the digest is made of: everything but the digest itself."""
    return {
        "sequence": event.sequence,
        "at": event.at.isoformat(),
        "actor": event.actor,
        "action": event.action.value,
        "subject": event.subject,
        "details": event.details,
        "previous": event.previous,
    }
