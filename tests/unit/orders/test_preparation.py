from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.core.errors import InputError
from oakum.core.ids import HostId
from oakum.core.orders.preparation import (
    Preparation,
    describe,
    host_files,
    read_approvers,
    require_sense,
)

ANN, BOB = "ssh-ed25519 AAAAann ann", "sk-ssh-ed25519@openssh.com AAAAbob bob"
SNAPSHOTS = "http://controller:8321/snapshots"
WANTED = Preparation(HostId("web-1"), "oakum", (BOB, ANN), 2, ("ssh-ed25519 AAAAme",), SNAPSHOTS)
PROGRAMS = {"verifier": "#!/bin/sh\n", "facts.sh": "true\n"}


def test_approvers_are_read_once_each() -> None:
    """Comments and blank lines are none; a key under two names is one approver."""
    text = f"# people\n\n{ANN}\nssh-ed25519 AAAAann again\n{BOB}\n"
    assert read_approvers(text) == (BOB, ANN)


@pytest.mark.parametrize(
    "line",
    [
        "ssh-rsa AAAA ann",
        "AAAA",
        "ann ssh-ed25519 AAAA",
        'from="*" ssh-ed25519 AAAA ann',
        "ssh-ed25519 AA$(id) ann",
        "ssh-ed25519 AAAA änn",
    ],
)
def test_what_is_no_approver_is_an_error(line: str) -> None:
    """A line that were skipped would be an approver lost."""
    with pytest.raises(InputError, match="no approver"):
        read_approvers(f"{ANN}\n{line}\n")


@given(st.text())
def test_approvers_are_lines_of_three_words_or_an_error(text: str) -> None:
    """Whatever the file holds, nothing but keys comes out of it."""
    try:
        found = read_approvers(text)
    except InputError:
        return
    assert all(line.isascii() and line.startswith("s") and "\n" not in line for line in found)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(WANTED, threshold=0),
        replace(WANTED, threshold=3),
        replace(WANTED, approvers=()),
        replace(WANTED, user="root"),
        replace(WANTED, user="oakum ALL"),
        replace(WANTED, user="-oakum"),
        replace(WANTED, login_keys=()),
        replace(WANTED, snapshots="file:///srv/snapshots"),
        replace(WANTED, snapshots="http://controller/a b"),
    ],
)
def test_a_preparation_that_guards_nothing_is_refused(wrong: Preparation) -> None:
    """None of none, more than there are, or root itself as the ordinary account."""
    require_sense(WANTED)
    with pytest.raises(InputError):
        require_sense(wrong)


def test_rights_come_last() -> None:
    """What grants the account its program is written when all that guards it is in place."""
    files = host_files(WANTED, PROGRAMS)
    assert [(file.path, file.mode) for file in files] == [
        ("/usr/lib/oakum/facts.sh", 0o644),
        ("/usr/lib/oakum/verifier", 0o755),
        ("/etc/oakum/approvers", 0o644),
        ("/etc/oakum/verifier.conf", 0o644),
        ("/home/oakum/.ssh/authorized_keys", 0o644),
        ("/etc/sudoers.d/oakum", 0o440),
    ]


def test_every_line_that_changes_is_shown() -> None:
    """New files whole, others by what differs, a mode by itself, and nothing for what is there."""
    wanted = host_files(WANTED, PROGRAMS)
    present = {file.path: file for file in wanted}
    assert describe(present, wanted) == ()
    shown = describe({}, wanted)
    for file in wanted:
        for line in file.content.splitlines():
            assert f"+{line}" in shown
    one_less = replace(wanted[2], content=f"{BOB}\n", mode=0o600)
    assert describe(present | {one_less.path: one_less}, wanted) == (
        "mode of /etc/oakum/approvers: 0600 becomes 0644",
        "--- /etc/oakum/approvers",
        "+++ /etc/oakum/approvers (mode 0644)",
        "@@ -1 +1,2 @@",
        f" {BOB}",
        f"+{ANN}",
    )
