import asyncio
from datetime import UTC, datetime

import pytest
from tests.fakes.transport import FakeSession

from oakum.adapters.facts.collector import EDITION, ShellFactCollector
from oakum.core.errors import HostError
from oakum.core.inventory.facts import INDICES_UNASKED, IndexReading
from oakum.ports.transport import ASK_VERIFIER, CommandResult, GuardedSession

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def test_a_prepared_host_that_answers_otherwise_is_to_be_prepared_again() -> None:
    """Its script is the one that lies there: an older one lacks a section, and the hint says so."""
    inner = FakeSession(lambda _: CommandResult(0, b"@token os-release\n", b""))
    with pytest.raises(HostError) as caught:
        asyncio.run(ShellFactCollector().collect(GuardedSession(inner), now=NOW))
    assert "prepare the host again" in (caught.value.hint or "")
    (asked,) = inner.asked
    assert (asked.script, asked.arguments[0]) == (ASK_VERIFIER, "facts")
    with pytest.raises(HostError) as caught:
        asyncio.run(ShellFactCollector().collect(inner, now=NOW))
    assert "prepare" not in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("last", "kept"), [(None, ""), (IndexReading("ab" * 32), "ab" * 32), (INDICES_UNASKED, "none")]
)
def test_a_host_hears_which_answer_is_still_here(last: IndexReading | None, kept: str) -> None:
    """With what this Oakum asks and understands; a prepared host takes its token and no more."""
    session = FakeSession(lambda _: CommandResult(0, b"", b""))
    for asked in (session, GuardedSession(session)):
        with pytest.raises(HostError):
            asyncio.run(ShellFactCollector().collect(asked, now=NOW, last=last))
    plain, prepared = session.asked
    assert plain.arguments[1:] == (EDITION, kept)
    assert len(prepared.arguments) == len(("facts", "token"))
