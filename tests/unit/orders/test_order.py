import re
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.integration.verifier.orders import MANIFEST, ORIGIN, order_of
from tests.plans import CHANGE, NOW, PLAN, WEB

from oakum.core.canonical import digest_of_bytes
from oakum.core.errors import InputError, RefusedError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Guard
from oakum.core.orders.order import OrderSignature, Origin, octal, signatures_for, write_order
from oakum.core.planning.change import RollbackClass
from oakum.core.planning.hook import HookMoment, HookPlace
from oakum.core.planning.openings import HostOpenings, Opening
from oakum.core.planning.plan import RebootPolicy, RestartPolicy, Window

KEY = sha256(b"a key\n").hexdigest()
EXPECTED = f"""oakum-order\t1
plan\t{PLAN.digest}
snapshot\t{"b" * 64}
url\thttp://127.0.0.1:9/snapshots/b
suite\tbookworm
key\t{KEY}
restart\taffected
reboot\tnever
install-from\t2026-11-25T12:00:00Z
install-until\t2026-12-09T12:00:00Z
undo-until\t2027-01-08T12:00:00Z
opens\t1\tweb-2
opening\t1\t2026-11-25T12:00:00Z\t2026-11-25T14:00:00Z
class\t1
host\tweb-1
host\tweb-2
may-undo\tyes
deadman\t1800
restore-point\tsnapshot
download\t2000000
change\tupgrade\tlibssl3:amd64\t3.0.20-1\t3.0.22-1\t{"a" * 64}
undo\tdowngrade\tlibssl3:amd64\t3.0.22-1\t3.0.20-1\t{"c" * 64}
end
"""


def test_an_order_is_the_plan_as_lines() -> None:
    """All that a host will be told to do is in it, and the way back with its digests."""
    assert order_of(PLAN).decode() == EXPECTED


def test_the_window_bounds_the_order() -> None:
    """It may be begun while the window is open, and at any time before its end without a begin."""
    plan = replace(PLAN, window=Window(None, NOW + timedelta(hours=2)))
    lines = order_of(plan).decode().splitlines()
    assert "install-from\t-" in lines
    assert "install-until\t2026-11-25T14:00:00Z" in lines
    assert "undo-until\t2026-12-25T14:00:00Z" in lines


def test_a_hosts_own_openings_are_in_it() -> None:
    """Hosts that share their openings share the lines; one without any is bound by the plan's."""
    hour = timedelta(hours=1)
    openings = (Opening(NOW, NOW + hour), Opening(NOW + 24 * hour, NOW + 25 * hour))
    bound = HostOpenings(("nightly",), openings, (HostId("web-1"), HostId("web-2")))
    lines = order_of(replace(PLAN, schedule=(bound,))).decode().splitlines()
    assert [line for line in lines if line.startswith("open")] == [
        "opens\t1\tweb-1",
        "opens\t1\tweb-2",
        "opening\t1\t2026-11-25T12:00:00Z\t2026-11-25T13:00:00Z",
        "opening\t1\t2026-11-26T12:00:00Z\t2026-11-26T13:00:00Z",
    ]


def test_what_cannot_be_undone_is_said() -> None:
    """A host does not try to go back by itself where no way is known."""
    one_way = replace(CHANGE, rollback_class=RollbackClass.ONE_WAY)
    plan = replace(PLAN, classes=(replace(WEB, changes=(one_way,)),))
    assert "may-undo\tno" in order_of(plan).decode().splitlines()


def test_a_class_that_goes_back_alone_says_after_how_long() -> None:
    """The time is signed; where no way back is safe without a person, there is none."""
    assert "deadman\t1800" in order_of(PLAN).decode().splitlines()
    assert "deadman" not in order_of(replace(PLAN, deadman_seconds=0)).decode()
    kernel = replace(CHANGE, rollback_class=RollbackClass.KERNEL)
    plan = replace(PLAN, classes=(replace(WEB, changes=(kernel,)),))
    assert "deadman" not in order_of(plan).decode()


def test_without_the_old_version_there_is_no_order() -> None:
    """No way back, no way forward."""
    with pytest.raises(RefusedError, match="libssl3"):
        write_order(PLAN, replace(MANIFEST, packages=()), ORIGIN)


@pytest.mark.parametrize(
    "changed",
    [
        replace(PLAN, restart_policy=RestartPolicy.NEVER),
        replace(PLAN, reboot_policy=RebootPolicy.WHEN_NEEDED),
        replace(PLAN, title="another"),
        replace(PLAN, window=Window(None, None)),
        replace(PLAN, classes=(replace(WEB, changes=(replace(CHANGE, new_version="4"),)),)),
        replace(PLAN, classes=(replace(WEB, hosts=(HostId("web-1"), HostId("web-3"))),)),
    ],
)
def test_another_plan_is_another_order(changed: object) -> None:
    """Whatever people approved is bound, if only by the plan's digest."""
    assert isinstance(changed, type(PLAN))
    assert order_of(changed) != order_of(PLAN)


def test_a_key_is_the_same_with_or_without_its_last_line_end() -> None:
    """On the host it is a file of lines."""
    assert Origin("", "", "a key").key_digest == ORIGIN.key_digest


@given(st.text(min_size=1))
def test_no_text_makes_a_line_of_its_own(text: str) -> None:
    """A host, an address or a suite stays in its column, or there is no order."""
    plan = replace(PLAN, classes=(replace(WEB, hosts=(HostId(text), HostId("web-2"))),))
    try:
        document = write_order(plan, MANIFEST, Origin(text, text, ORIGIN.public_key))
    except InputError:
        return
    assert document.count(b"\n") == EXPECTED.count("\n")
    assert [len(line.split(b"\t")) for line in document.splitlines()] == [
        len(line.split("\t")) for line in EXPECTED.splitlines()
    ]


def test_a_host_counts_one_signature_of_each_of_its_approvers() -> None:
    """Neither strangers, nor a second one of the same key, nor one of another order."""
    document = order_of(PLAN)
    digest = digest_of_bytes(document)
    guard = Guard(2, ("SHA256:ann", "SHA256:bob"))
    ann, again = (OrderSignature("SHA256:ann", digest, text) for text in ("1", "2"))
    bob = OrderSignature("SHA256:bob", digest, "3")
    stranger = OrderSignature("SHA256:eve", digest, "4")
    other = OrderSignature("SHA256:bob", digest_of_bytes(b"another"), "5")
    assert signatures_for(guard, document, [ann, again, stranger, other]) == (again,)
    assert signatures_for(guard, document, [bob, ann]) == (ann, bob)


def test_hooks_on_hosts_are_in_it_word_for_word() -> None:
    """Those of the controller are not: no host runs them. What is no word of ASCII is octal."""
    smoke = replace(
        PLAN.hooks[0],
        name="try it",
        place=HookPlace.HOST,
        moment=HookMoment.AFTER,
        command=("/bin/sh", "-ec", "curl x\nü \\"),
        undo=("/bin/true",),
    )
    lines = order_of(replace(PLAN, hooks=(PLAN.hooks[0], smoke))).decode().splitlines()
    assert [line for line in lines if line.startswith("hook")] == [
        "hook\t2\tafter\t60\ttry\\0040it",
        "hook-do\t2\t/bin/sh",
        "hook-do\t2\t-ec",
        "hook-do\t2\tcurl\\0040x\\0012\\0303\\0274\\0040\\0134",
        "hook-undo\t2\t/bin/true",
        "hooked\t2\tweb-2",
    ]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_a_word_comes_back_from_octal(word: str) -> None:
    """As any shell's printf gives it back; on the way it is printable, and without spaces."""
    written = octal(word)
    assert written.isascii()
    assert all("!" <= c <= "~" for c in written)
    back = re.sub(rb"\\0([0-7]{3})", lambda m: bytes([int(m[1], 8)]), written.encode())
    assert back.decode() == word
