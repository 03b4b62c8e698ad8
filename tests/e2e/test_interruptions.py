"""The controller killed, SSH cut, two commands at once: nothing is lost or done twice."""

import signal
import subprocess

import pytest
from demo.fleet import Fleet, UnexpectedError
from tests.e2e.loop import (
    WAIT_SECONDS,
    approved_plan,
    rolled_back,
    rollout,
    run_of,
    states,
    wait_until,
)
from tests.lab.leftovers import leftovers

CUT_CONNECTIONS = """
for pid in $(pgrep -x sshd); do
  [ "$(tr '\\0' ' ' <"/proc/$pid/cmdline" | cut -c 1-14)" = "sshd: root@not" ] && kill "$pid"
done
true
"""
"""End sshd's sessions that have no terminal, ours included: that is how Oakum is logged in."""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_controller_that_dies_while_apt_runs_is_followed(
    fleet: Fleet, how: signal.Signals
) -> None:
    """SSH is cut, the controller ends: the transaction goes on, and the next takes it up."""
    before = fleet.state_of("plain-1")
    approved_plan(fleet, "--package", "perl", "--limit", "plain-1")
    controller = fleet.popen(
        "rollout", "start", "latest", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    wait_until(lambda: "install\tstarted" in _journal(fleet), "apt begins on plain-1")
    with pytest.raises(UnexpectedError, match="closed by remote host"):
        fleet.ssh("plain-1", CUT_CONNECTIONS)
    controller.send_signal(how)
    _, said = controller.communicate()
    assert controller.returncode != 0
    assert (b"interrupted" in said) is (how is signal.SIGINT)

    fleet.run("rollout", "watch", "latest")

    assert run_of(fleet, "plain-1")["state"] == "succeeded"
    fleet.require_planned()
    journal = _journal(fleet)
    assert journal.count("begin\tstarted") == 1
    assert journal.count("install\tstarted") == 1
    rolled_back(fleet)
    assert fleet.state_of("plain-1") == before


def test_a_second_controller_looks_on(fleet: Fleet) -> None:
    """Two commands drive one rollout: one acts, the other shows; the change happens once."""
    approved_plan(fleet, "--package", "xz-utils", "--limit", "plain-1", "--soak", "20")
    first = fleet.popen(
        "rollout", "start", "latest", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: "begin\tstarted" in _journal(fleet), "the first controller is at work")
    said = fleet.run("rollout", "watch", "latest").out
    assert first.wait() == 0
    assert "looking on" in said
    assert _journal(fleet).count("begin\tstarted") == 1
    rolled_back(fleet)


def test_a_pause_lets_what_runs_end_and_begins_nothing(fleet: Fleet) -> None:
    """The host that is at work ends well, the next one is not begun; resuming changes it too."""
    before = fleet.states(("plain-1", "web-1"))
    approved_plan(
        fleet, "--package", "perl", "--limit", "plain-1,web-1", "--rings", "100",
        "--concurrency", "1",
    )  # fmt: skip
    controller = fleet.popen(
        "rollout", "start", "latest", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: "upgrading" in states(fleet), "a host is being changed")
    fleet.run("rollout", "pause", "latest")
    assert controller.wait(WAIT_SECONDS) == 1
    assert rollout(fleet)["phase"] == "paused"
    assert states(fleet) == ["pending", "succeeded"]
    fleet.run("rollout", "resume", "latest")
    assert states(fleet) == ["succeeded", "succeeded"]
    rolled_back(fleet)
    assert fleet.states(("plain-1", "web-1")) == before


def test_twins_of_a_rehearsal_that_was_killed_are_removed_by_the_next(fleet: Fleet) -> None:
    """They run on when the controller dies; nothing of either is left at the end."""
    machines = fleet.home / "twins/machines"
    fleet.run("plan", "create", "--package", "xz-utils", "--limit", "plain-1")
    killed = fleet.popen("rehearse", "latest", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert killed.stderr is not None
    for line in killed.stderr:
        if b"plain-1: build" in line:
            break
    killed.kill()
    killed.communicate()
    assert any("process" in left for left in leftovers(machines))
    assert "rehearsal: passed" in fleet.run("rehearse", "latest").out
    assert leftovers(machines) == []


def test_two_snapshots_at_once_do_not_meet(fleet: Fleet) -> None:
    """The second command is told who is at work."""
    first = fleet.popen("snapshots", "create", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    who = fleet.home / "locks/snapshots.who"
    wait_until(lambda: who.exists() or first.poll() is not None, "the first has the lock")
    said = fleet.run("snapshots", "create", expect=1).out
    assert f"process {first.pid} (oakum snapshots create)" in said
    assert first.wait() == 0


def _journal(fleet: Fleet) -> str:
    transaction = run_of(fleet, "plain-1")["transaction"] if _has_rollout(fleet) else "none"
    path = f"/var/lib/oakum/transactions/{transaction}/journal"
    return fleet.ssh("plain-1", f"cat {path} 2>/dev/null || true")


def _has_rollout(fleet: Fleet) -> bool:
    listed = fleet.data("rollout", "list", "--json")
    plan = str(fleet.plan()["id"])
    return plan in listed
