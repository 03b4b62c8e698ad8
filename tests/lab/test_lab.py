"""The lab goes up, and nothing of it is left when it is taken down, whatever happened before."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo.fleet import Fleet
from tests.lab.leftovers import leftovers, orphaned_groups

UP = ("lab", "up", "--hosts", "3")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Fleet]:
    fleet, before = Fleet(tmp_path / "home"), orphaned_groups()
    try:
        yield fleet
    finally:
        fleet.run("lab", "down")
    assert leftovers(fleet.home / "lab") == []
    assert set(orphaned_groups()) <= set(before)


@pytest.mark.parametrize("provider", ["nspawn", "chroot"])
@pytest.mark.parametrize("said", ["building 3 hosts", "web-1 is built", "waiting until 3 hosts"])
def test_a_lab_that_was_killed_on_its_way_up_is_taken_down(
    lab: Fleet, provider: str, said: str
) -> None:
    """While hosts are built, between two of them, and while they boot."""
    begun = lab.popen(
        *UP, "--provider", provider, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert begun.stderr is not None
    for line in begun.stderr:
        if line.decode().startswith(said):
            break
    begun.send_signal(signal.SIGKILL)
    begun.communicate()
    assert leftovers(lab.home / "lab")
    lab.run("lab", "down")
    assert leftovers(lab.home / "lab") == []
    assert not (lab.home / "lab").exists()


def test_a_lab_that_was_killed_goes_on_where_it_stopped(lab: Fleet) -> None:
    """Going up again builds what is missing, and keeps what is there."""
    begun = lab.popen(*UP, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert begun.stderr is not None
    for line in begun.stderr:
        if b"is built (1 of 3" in line:
            break
    begun.send_signal(signal.SIGKILL)
    begun.communicate()
    lab.run(*UP)
    machines = json.loads(lab.run("lab", "status", "--json").out)
    assert {machine["name"]: machine["state"] for machine in machines} == {
        "db-1": "running", "plain-1": "running", "web-1": "running",
    }  # fmt: skip
    assert "its hosts are: db-1" in lab.run("lab", "break", "hold", "nobody", expect=1).out
    assert "there are: apt-lock" in lab.run("lab", "break", "fire", "web-1", expect=1).out


def test_interrupting_it_says_so_and_nothing_else(lab: Fleet) -> None:
    """Ctrl-C while it waits for hosts to boot: one line, no complaint of Python's."""
    begun = lab.popen(*UP, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert begun.stderr is not None
    for line in begun.stderr:
        if line.startswith(b"waiting until"):
            break
    time.sleep(0.2)
    begun.send_signal(signal.SIGINT)
    _, said = begun.communicate(timeout=60)
    assert begun.returncode == 130
    assert said.decode().splitlines() == [
        "interrupted; what was stored before stays, and the command can be run again"
    ]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("lab break apt-lock web-1", "there is no lab"),
        ("lab mend apt-lock web-1", "there is no lab"),
        ("lab kill web-1", "there is no lab"),
        ("lab up --hosts 2", "a lab has 3 to 40 hosts, not 2"),
        ("lab up --provider docker", "'docker' is no provider"),
    ],
)
def test_what_cannot_be_done_is_said(lab: Fleet, command: str, said: str) -> None:
    """With a next step, and without making anything."""
    answer = lab.run(*command.split(), expect=1)
    assert said in answer.out
    assert "hint: " in answer.out
    assert not (lab.home / "lab/machines").exists()
