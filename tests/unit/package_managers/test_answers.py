from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.adapters.package_managers.answers import (
    parse_diffs,
    parse_repacked,
    parse_simulation,
    parse_status,
)
from oakum.core.errors import HostError
from oakum.core.planning.change import ChangeKind
from oakum.core.rollout.transaction import KeptConffile, TransactionState
from oakum.core.text import is_plain

SIMULATION = b"""problem\t/boot has 10 MB free and 250 MB are needed; make room
change\tinstall\toak-extra:amd64\t-\t1.0
change\tupgrade\toak-auto:all\t1:1.0\t1:1.1
change\t?\tInst what is this
conffile\t/etc/oak/config
restart\toak-service.service
reboot\tdbus.service runs /usr/bin/dbus-daemon
kept\toak-library:amd64\theld by the administrator at 1.0
end\tok
"""
STATUS = b"""running\tno
journal\t2026-11-23T09:00:00Z\tbegin\tstarted\tboot
journal\t2026-11-23T09:00:01Z\tinstall\tstarted\t
journal\t2026-11-23T09:00:02Z\tinstall\tdone
result\tstate\tsucceeded
result\tstep\tself-check
result\treason\t
result\trestarted\tnginx.service
result\tkept\t3\t/etc/nginx/mime types
result\treboot\tdbus.service maps old libexpat
end\tok
"""


def test_simulation_loses_no_line() -> None:
    """Every line arrives: changes sorted, and what cannot be read as a problem."""
    found = parse_simulation(SIMULATION)
    assert [(c.kind, c.key, c.old_version, c.new_version) for c in found.changes] == [
        (ChangeKind.UPGRADE, "oak-auto:all", "1:1.0", "1:1.1"),
        (ChangeKind.INSTALL, "oak-extra:amd64", "", "1.0"),
    ]
    assert found.kept_back == (("oak-library:amd64", "held by the administrator at 1.0"),)
    assert found.conffile_prompts == ("/etc/oak/config",)
    assert found.restarts == ("oak-service.service",)
    assert found.reboot_reason == "dbus.service runs /usr/bin/dbus-daemon"
    assert found.problems == (
        "/boot has 10 MB free and 250 MB are needed; make room",
        "apt printed what cannot be read: ? Inst what is this",
    )


@pytest.mark.parametrize("line", ["problem", "chnage\tupgrade\ta:all\t1\t2", "\t", "kept"])
def test_a_line_of_no_known_kind_is_a_problem(line: str) -> None:
    """A plan is not made of an answer of which a part was passed over."""
    (problem,) = parse_simulation(f"{line}\nend\tok\n".encode()).problems
    assert problem.startswith("the host printed what cannot be read")


def test_status_reads_journal_and_result() -> None:
    """The result decides; the beginning is counted."""
    found = parse_status(STATUS)
    assert (found.state, found.step, found.starts) == (TransactionState.SUCCEEDED, "self-check", 1)
    assert found.restarted == ("nginx.service",)
    assert found.kept == (KeptConffile("/etc/nginx/mime types", 3),)
    assert found.reboot_reason == "dbus.service maps old libexpat"
    assert [entry.outcome for entry in found.journal] == ["started", "started", "done"]


def test_differences_are_read_as_they_are_and_colour_nothing() -> None:
    """Tabs, spaces and letters of any language stay; an answer that is cut off is an error."""
    said = "diff\t--- /etc/a\ndiff\t+\tdüster  \x1b[31m\ndiff\t\nend\tok\n".encode()
    assert parse_diffs(said) == "--- /etc/a\n+\tdüster  \\x1b[31m\n\n"
    assert parse_diffs(b"end\tok\n") == ""
    with pytest.raises(HostError, match="cut off"):
        parse_diffs(said[:20])


def test_status_without_result() -> None:
    """Without a result it runs, or was interrupted, or was never heard of."""
    journal = b"journal\tt\tinstall\tstarted\t\nend\tok\n"
    assert parse_status(b"running\tyes\n" + journal).state is TransactionState.RUNNING
    assert parse_status(b"running\tno\n" + journal).state is TransactionState.INTERRUPTED
    assert parse_status(b"absent\t\nend\tok\n").state is TransactionState.ABSENT


def test_escapes_do_not_get_through() -> None:
    """What a host prints never colours a terminal."""
    found = parse_status(b"journal\tt\tinstall\tfailed\t\x1b[31mred\x07\nend\tok\n")
    assert "\x1b" not in found.journal[0].detail
    assert "\x07" not in found.journal[0].detail


def test_an_unknown_result_is_an_error() -> None:
    """A result that we did not write is not guessed at."""
    with pytest.raises(HostError, match="unknown result"):
        parse_status(b"result\tstate\tfine\nend\tok\n")


@given(st.binary(), st.sampled_from([parse_simulation, parse_status, parse_repacked]))
def test_a_foreign_answer_is_a_host_error(garbage: bytes, parse: Callable[[bytes], object]) -> None:
    """Without our last line nothing is taken for an answer, and the error says what to do."""
    with pytest.raises(HostError) as caught:
        parse(garbage + b"\nend\tof something else\n")
    assert caught.value.hint


@given(st.binary())
def test_garbage_inside_an_answer_is_kept_out_of_values(garbage: bytes) -> None:
    """Whatever stands before our last line: no exception, and no control character in a value."""
    found = parse_simulation(b"problem\t" + garbage + b"\nend\tok\n")
    assert is_plain("".join(found.problems))


def test_a_cut_answer_is_an_error() -> None:
    """Half a simulation would be a smaller plan: it is refused."""
    for length in range(len(SIMULATION) - 1):
        with pytest.raises(HostError):
            parse_simulation(SIMULATION[:length])
