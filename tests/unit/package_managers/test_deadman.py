"""The deadman's decision on the host: of all who try, exactly one decides."""

import shutil
import subprocess
import time
from importlib.resources import files
from pathlib import Path

import pytest

from oakum.adapters.package_managers.answers import parse_confirmation, parse_status
from oakum.core.errors import HostError
from oakum.core.rollout.transaction import DeadmanState

PARTS = (
    "common",
    "launch",
    "apt",
    "problems",
    "journal",
    "deadman",
    "watch",
    "snapshot",
    "confirming",
)
NOBODY = "find_lock_holder() { :; }; has_systemd() { false; }; go_back_unasked() { echo back; }; "


def script(oakum: Path, line: str) -> str:
    host = files("oakum.adapters.package_managers") / "host"
    parts = [(host / f"{part}.sh").read_text() for part in PARTS]
    return "\n".join((*parts, NOBODY, f"OAKUM={oakum}; T=$OAKUM/transactions/t1", line))


def in_host_shell(oakum: Path, line: str) -> str:
    """Run a line of shell after the functions of a host, with no systemd and an idle dpkg."""
    done = subprocess.run(
        ["sh", "-c", script(oakum, line)], capture_output=True, text=True, timeout=20, check=False
    )
    assert "not found" not in done.stderr, done.stderr
    return done.stdout


@pytest.fixture
def oakum(tmp_path: Path) -> Path:
    """Lay out a transaction that has ended, and whose deadman is armed and due."""
    place = tmp_path / "transactions" / "t1"
    place.mkdir(parents=True)
    (place / "settings").write_text("deadman\t30\nback\tt1.undo\n")
    (place / "deadman.armed").touch()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    (place / "deadman.since").write_text(f"{boot} 0\n")
    return tmp_path


def state(oakum: Path) -> str:
    return in_host_shell(oakum, 'deadman_state "$T"').strip()


def test_it_fires_when_its_time_is_over(oakum: Path) -> None:
    """And is not settled before its way back has ended: a power cut may come in between."""
    place = oakum / "transactions" / "t1"
    assert in_host_shell(oakum, "is_settled || echo waits") == "waits\n"
    assert state(oakum) == "fired"
    assert "nobody" not in (place / "journal").read_text()
    assert "\tdeadman\tfired\tno controller confirmed within 30" in (place / "journal").read_text()
    (oakum / "transactions" / "t1.undo").mkdir()
    (oakum / "transactions" / "t1.undo" / "result").touch()
    assert in_host_shell(oakum, "is_settled && echo settled") == "settled\n"


def test_what_was_decided_stays(oakum: Path) -> None:
    """Confirmed, it never fires; fired, no word helps any more."""
    assert in_host_shell(oakum, "confirm t1; is_settled && echo settled") == (
        "deadman\tconfirmed\nsettled\n"
    )
    assert in_host_shell(oakum, "confirm t1") == "deadman\tconfirmed\n"
    shutil.move(
        oakum / "transactions/t1/deadman.confirmed", oakum / "transactions/t1/deadman.fired"
    )
    assert in_host_shell(oakum, "confirm t1") == "deadman\tfired\n"


@pytest.mark.parametrize(
    "hold",
    [
        'exec 8>"$T/running"; flock 8; ',
        'exec 8>"$OAKUM/lock"; flock 8; ',
        'find_lock_holder() { echo "E: Could not get lock"; }; ',
    ],
)
def test_nothing_fires_beside_anybody_at_work(oakum: Path, hold: str) -> None:
    """The transaction itself, another one, or an administrator's dpkg."""
    in_host_shell(oakum, f"{hold}is_settled")
    assert state(oakum) == "armed"
    # Of its own transaction's end on the time is counted anew.
    in_host_shell(oakum, "is_settled")
    assert state(oakum) == ("armed" if "running" in hold else "fired")


@pytest.mark.parametrize("since", ["another-boot 0\n", "", "garbage\n"])
def test_after_a_boot_it_is_counted_anew(oakum: Path, since: str) -> None:
    """The controller may have to find the host first; a file that cannot be read is no reason."""
    (oakum / "transactions/t1/deadman.since").write_text(since)
    (oakum / "transactions/t1/settings").write_text("deadman\t1\nback\tt1.undo\n")
    in_host_shell(oakum, "is_settled")
    assert state(oakum) == "armed"
    time.sleep(2.1)
    in_host_shell(oakum, "is_settled")
    assert state(oakum) == "fired"


def test_of_all_who_decide_at_once_one_has_decided(oakum: Path) -> None:
    """Confirming, firing and rolling back, many times: one wins, and each knows which."""
    words = 'until [ -e "$OAKUM/go" ]; do :; done; '
    winners = set()
    for _ in range(12):
        ways = ("is_settled", "confirm t1", 'settle_deadman "$T" withdrawn')
        started = [
            subprocess.Popen(
                ["sh", "-c", script(oakum, f'{words}{way} >/dev/null; deadman_state "$T"')],
                stdout=subprocess.PIPE,
                text=True,
            )
            for way in ways
        ]
        time.sleep(0.1)
        (oakum / "go").touch()
        said = {process.communicate(timeout=20)[0].strip() for process in started}
        place = oakum / "transactions/t1"
        left = [file.name for file in place.glob("deadman.*") if file.suffix != ".since"]
        assert len(left) == 1
        assert said == {left[0].removeprefix("deadman.")}
        winners |= said
        (place / left[0]).replace(place / "deadman.armed")
        (oakum / "go").unlink()
    assert "armed" not in winners


def test_a_host_of_before_says_nothing_of_it() -> None:
    """A transaction of an earlier Oakum has none; a state that we do not know is an error."""
    assert parse_status(b"running\tno\nend\tok\n").deadman is DeadmanState.OFF
    assert parse_confirmation(b"deadman\tfired\nend\tok\n") is DeadmanState.FIRED
    with pytest.raises(HostError, match="unknown state"):
        parse_status(b"running\tno\ndeadman\tasleep\nend\tok\n")
    journal = b"journal\tnow\tdeadman\tstarted\tno controller\n"
    assert parse_status(b"running\tno\n" + journal + b"end\tok\n").begun_by_host
