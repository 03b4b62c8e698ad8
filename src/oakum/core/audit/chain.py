"""Checking the chain: one changed byte is found, with its place."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from oakum.core.audit.event import GENESIS
from oakum.core.canonical import canonical_json, digest_of_bytes
from oakum.core.errors import InputError
from oakum.core.ids import Digest


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it is stored; nothing of it is believed before it is checked."""

    sequence: int
    subject: str
    content: bytes
    """Canonical JSON of the event without its digest."""
    digest: str


@dataclass(frozen=True, slots=True)
class ChainFault:
    """The first place where the chain does not hold."""

    sequence: int
    reason: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """How far the chain holds."""

    links: int
    head: Digest
    fault: ChainFault | None


def check(events: Iterable[StoredEvent]) -> ChainReport:
    """Check events in the order of their numbers, from the first to the first fault."""
    previous, links = GENESIS, 0
    for event in events:
        reason = _fault(event, links + 1, previous)
        if reason is not None:
            return ChainReport(links, previous, ChainFault(links + 1, reason))
        previous, links = Digest(event.digest), links + 1
    return ChainReport(links, previous, None)


def _fault(event: StoredEvent, expected: int, previous: Digest) -> str | None:
    if event.sequence != expected:
        return f"event {expected} is missing; event {event.sequence} follows"
    if digest_of_bytes(event.content) != event.digest:
        return "its content is not what its digest was made of"
    try:
        fields = json.loads(event.content)
        is_canonical = canonical_json(fields) == event.content
    except (ValueError, TypeError, RecursionError, InputError):
        # Whoever wrote it reckoned the digest as well, but not with our rules.
        return "its content is not canonical JSON"
    if not isinstance(fields, dict) or not is_canonical:
        return "its content is not canonical JSON"
    if fields.get("previous") != previous:
        return "it does not follow the event before it"
    if fields.get("sequence") != event.sequence or fields.get("subject") != event.subject:
        return "its number or subject beside the content was changed"
    return None
