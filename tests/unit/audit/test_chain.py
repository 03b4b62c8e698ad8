from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.core.audit.chain import StoredEvent, check
from oakum.core.audit.event import GENESIS, Action, AuditEvent, content_of, link
from oakum.core.canonical import canonical_json, digest_of_bytes
from oakum.core.ids import Digest

NOW = datetime(2026, 11, 25, tzinfo=UTC)
details = st.dictionaries(
    st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text(max_size=8)
)


def chain_of(*said: dict[str, object]) -> list[StoredEvent]:
    stored, previous = list[StoredEvent](), GENESIS
    for number, words in enumerate(said, 1):
        event = link(
            sequence=number,
            at=NOW + timedelta(seconds=number),
            actor="me",
            action=Action.PLAN_APPROVED,
            subject=f"plan-{number}",
            details=words,  # type: ignore[arg-type]  # Hypothesis made JSON
            previous=previous,
        )
        stored.append(as_stored(event))
        previous = event.digest
    return stored


def as_stored(event: AuditEvent) -> StoredEvent:
    content = canonical_json(content_of(event))
    return StoredEvent(event.sequence, event.subject, content, event.digest)


THREE = chain_of({"a": 1}, {"b": "ü"}, {})


@given(st.lists(details, max_size=5))
def test_a_chain_that_nobody_touched_holds(said: list[dict[str, object]]) -> None:
    """Every link holds, and the head is the digest of the last event."""
    events = chain_of(*said)
    report = check(events)
    assert (report.links, report.fault) == (len(events), None)
    assert report.head == (events[-1].digest if events else GENESIS)


@given(st.integers(0, 2), st.data(), st.integers(1, 255))
def test_every_changed_byte_of_any_event_is_found_at_its_place(
    number: int, data: st.DataObject, change: int
) -> None:
    """Whatever byte of whatever event is another one, the fault names that event."""
    event = THREE[number]
    content = bytearray(event.content)
    content[data.draw(st.integers(0, len(content) - 1))] ^= change
    touched = [*THREE]
    touched[number] = replace(event, content=bytes(content))
    report = check(touched)
    assert report.fault is not None
    assert (report.fault.sequence, report.links) == (number + 1, number)


@given(st.integers(0, 2), st.integers(0, 63), st.sampled_from("0123456789abcdefX"))
def test_every_changed_digit_of_a_digest_is_found(number: int, place: int, digit: str) -> None:
    """The digest beside the content is held against it."""
    event = THREE[number]
    digest = event.digest[:place] + digit + event.digest[place + 1 :]
    touched = [*THREE]
    touched[number] = replace(event, digest=digest)
    assert (check(touched).fault is None) is (digest == event.digest)


@given(st.permutations([0, 1, 2]), st.integers(0, 3))
def test_events_that_are_gone_or_in_another_order_are_found(order: list[int], kept: int) -> None:
    """Only a beginning of the chain holds; whether its end is there the kept head tells."""
    chosen = order[:kept]
    fault = check([THREE[place] for place in chosen]).fault
    assert (fault is None) is (chosen == [0, 1, 2][:kept])


@given(st.integers(0, 2))
def test_a_forged_event_is_found_where_the_next_one_follows(number: int) -> None:
    """A whole new event with a right digest breaks the link after it, or is the last one."""
    fields = link(
        sequence=number + 1, at=NOW, actor="mallory", action=Action.PLAN_APPROVED,
        subject=THREE[number].subject, details={},
        previous=Digest(THREE[number - 1].digest) if number else GENESIS,
    )  # fmt: skip
    touched = [*THREE]
    touched[number] = as_stored(fields)
    report = check(touched)
    if number == 2:
        assert report.head != THREE[2].digest
    else:
        assert report.fault is not None
        assert report.fault.sequence == number + 2


@pytest.mark.parametrize("changes", [{"sequence": 9}, {"subject": "another"}])
def test_a_change_beside_the_content_is_found(changes: dict[str, object]) -> None:
    """The columns by which events are looked up are part of the chain."""
    touched = [replace(THREE[0], **changes), *THREE[1:]]  # type: ignore[arg-type]
    assert check(touched).fault is not None


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b"1.5", b'{"a":1.5}', b'{"b":1,"a":2}', b'{"a": 1}', b"\xff", b"NaN",
     b'{"a":"\\ud800"}', b"[" * 100_000, b"{}", b"1" * 5000],
)  # fmt: skip
def test_content_that_we_would_not_write_is_a_fault_not_a_traceback(content: bytes) -> None:
    """Its digest is right, and it is still none of ours."""
    forged = StoredEvent(1, "plan-1", content, digest_of_bytes(content))
    assert check([forged]).fault is not None
