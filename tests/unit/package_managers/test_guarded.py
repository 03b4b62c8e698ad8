import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.transport import Answer, Asked, FakeSession

from oakum.adapters.package_managers.apt import AptPackageManager
from oakum.core.errors import ConflictError, HostError, InputError, OakumError, RefusedError
from oakum.core.ids import Digest, SnapshotId, TransactionId
from oakum.core.orders.order import OrderSignature, SignedOrder
from oakum.core.planning.plan import RestartPolicy
from oakum.core.text import framed
from oakum.ports.package_manager import Deadman, SnapshotAccess, Transaction, TransactionMode
from oakum.ports.transport import ASK_VERIFIER, CommandResult, GuardedSession

APT = AptPackageManager()
ORDER = SignedOrder(
    b"oakum-order\t1\nend\n",
    (
        OrderSignature("SHA256:a", Digest(""), "one\n"),
        OrderSignature("SHA256:b", Digest(""), "2\n"),
    ),
)
UPGRADE = Transaction(
    TransactionId("t1"),
    TransactionMode.UPGRADE,
    SnapshotAccess(SnapshotId("s"), "http://c/s", "bookworm", "a key\nof lines"),
    (),
    RestartPolicy.AFFECTED,
    order=ORDER,
)
GOOD = CommandResult(0, b"absent\t\nend\tok\n", b"")


def session(answer: Answer) -> tuple[FakeSession, GuardedSession]:
    inner = FakeSession(lambda _: answer)
    return inner, GuardedSession(inner)


def test_an_order_is_all_that_a_prepared_host_is_given() -> None:
    """No script and no list of packages: the order, the key and the signatures, line by line."""
    inner, guarded = session(GOOD)
    asyncio.run(APT.start(guarded, UPGRADE))
    given_to_it = b"o oakum-order\t1\no end\nk a key\nk of lines\n1 one\n2 2\n"
    assert inner.asked == [Asked(ASK_VERIFIER, ("begin", "t1"), given_to_it)]


def test_a_way_back_names_what_it_undoes() -> None:
    """The same order, another verb."""
    inner, guarded = session(GOOD)
    undo = replace(
        UPGRADE,
        id=TransactionId("t1.undo"),
        mode=TransactionMode.ROLL_BACK,
        undoes=TransactionId("t1"),
    )
    asyncio.run(APT.start(guarded, undo))
    assert inner.asked[0].arguments == ("roll-back", "t1.undo", "t1")


def test_a_deadman_is_a_name_for_its_way_back() -> None:
    """How long it waits is in the order; the host is told what to call what it does by itself."""
    inner, guarded = session(GOOD)
    undo = replace(
        UPGRADE,
        id=TransactionId("t1.undo"),
        mode=TransactionMode.ROLL_BACK,
        undoes=TransactionId("t1"),
    )
    asyncio.run(APT.start(guarded, replace(UPGRADE, deadman=Deadman(undo, 1800))))
    asyncio.run(APT.confirm(guarded, TransactionId("t1")))
    assert [a.arguments for a in inner.asked] == [("begin", "t1", "t1.undo"), ("confirm", "t1")]


def test_a_host_that_is_not_done_is_not_confirmed() -> None:
    """Its own word for it is kept."""
    _, guarded = session(CommandResult(4, b"", b"its result: none yet\n"))
    with pytest.raises(RefusedError, match="t1 for well: its result: none yet"):
        asyncio.run(APT.confirm(guarded, TransactionId("t1")))


def test_status_and_reboot_are_verbs() -> None:
    """Nothing is run as root by another way."""
    inner, guarded = session(GOOD)
    asyncio.run(APT.status(guarded, TransactionId("t1")))
    asyncio.run(APT.reboot(guarded, TransactionId("t1")))
    assert [asked.arguments for asked in inner.asked] == [("status", "t1"), ("reboot", "t1")]
    assert {asked.script for asked in inner.asked} == {ASK_VERIFIER}


@pytest.mark.parametrize(
    ("result", "error", "words"),
    [
        (CommandResult(6, b"", b"refused: expired\n"), HostError, "refused: expired"),
        (CommandResult(1, b"", b"sudo: a password is required"), HostError, "cannot be asked"),
        (CommandResult(4, b"", b""), ConflictError, "another transaction"),
        (CommandResult(3, b"", b"disk full"), HostError, "cannot take"),
        (CommandResult(5, b"", b"no unit"), HostError, "did not start"),
    ],
)
def test_refusals_say_what_the_host_says(
    result: CommandResult, error: type[OakumError], words: str
) -> None:
    """Each in its own class, with what can be done."""
    _, guarded = session(result)
    with pytest.raises(error, match=words) as caught:
        asyncio.run(APT.start(guarded, UPGRADE))
    assert caught.value.hint


def test_without_an_order_nothing_is_asked() -> None:
    """A plan that was not ordered for this host is refused before it is reached."""
    inner, guarded = session(GOOD)
    with pytest.raises(HostError, match="signed orders only"):
        asyncio.run(APT.start(guarded, replace(UPGRADE, order=None)))
    with pytest.raises(InputError):
        asyncio.run(APT.start(guarded, replace(UPGRADE, id=TransactionId("../t1"))))
    assert inner.asked == []


@given(st.lists(st.text(alphabet=st.characters(codec="ascii")), min_size=1, max_size=5))
def test_framed_texts_come_apart_again(texts: list[str]) -> None:
    """Line by line, as the verifier's sed does; a text's last line end is added where it lacks."""
    named = {str(number): text for number, text in enumerate(texts)}
    lines = framed(named).decode().split("\n")[:-1]
    for name, text in named.items():
        found = [line.removeprefix(f"{name} ") for line in lines if line.startswith(f"{name} ")]
        assert "\n".join(found) + "\n" == text.removesuffix("\n") + "\n"
