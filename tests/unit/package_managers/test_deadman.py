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
    "snapshot_btrfs",
    "snapshot_lvm",
    "confirming",
)
NOBODY = "find_lock_holder() { :; }; has_systemd() { false; }; go_back_unasked() { echo back; }; "
QUIET = "advice() { :; }; why_unwritten() { :; }; R=$T/restore; "
HOST = files("oakum.adapters.package_managers") / "host"


def script(oakum: Path, line: str) -> str:
    parts = [(HOST / f"{part}.sh").read_text() for part in PARTS]
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
    (place / "result").write_text("state\tsucceeded\n")
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


@pytest.mark.parametrize("end", ["", "failed", "refused"])
@pytest.mark.parametrize("before", ["armed", "withdrawn", "off"])
def test_only_what_succeeded_is_confirmed(oakum: Path, end: str, before: str) -> None:
    """At work, or ended badly, it needs its way back: nothing is decided, and nothing dropped."""
    place = oakum / "transactions/t1"
    (place / "deadman.armed").rename(place / f"deadman.{before}")
    (place / "result").write_text(f"state\t{end}\n") if end else (place / "result").unlink()
    dropping = "drop_snapshots() { echo dropped; }; "
    said = in_host_shell(oakum, f"{dropping}(confirm t1 2>&1); echo $?")
    assert said == f"only what has succeeded is confirmed; its result: {end or 'none yet'}\n4\n"
    assert state(oakum) == before


def test_one_that_goes_back_by_itself_says_so(oakum: Path) -> None:
    """Also when it has no result: the power went in the middle, and after the boot it was due."""
    place = oakum / "transactions/t1"
    (place / "deadman.armed").rename(place / "deadman.fired")
    (place / "result").unlink()
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


WORDS_OF_APT = """
echo 'E: The package lockfile-progs needs to be reinstalled, but I can not find an archive for it.'
echo ' libblockdev2 : Depends: libblockdev-utils2 (>= 2.29) but it is not going to be installed'
exit 100
"""


def program(oakum: Path, name: str, text: str) -> str:
    """Put a program of this name before the real one; return the line of shell that does it."""
    place = oakum / "bin" / name
    place.parent.mkdir(exist_ok=True)
    place.write_text(f"#!/bin/sh\n{text}\n")
    place.chmod(0o755)
    return f"PATH={place.parent}:$PATH; "


def test_a_package_with_a_lock_in_its_name_is_no_lock(oakum: Path) -> None:
    """A host whose dependencies are broken goes back: nobody is at work on it."""
    real = (HOST / "problems.sh").read_text() + program(oakum, "apt-get", WORDS_OF_APT)
    assert "libblockdev2" in in_host_shell(oakum, f"{real}find_lock_holder 0")
    in_host_shell(oakum, f"{real}is_settled")
    assert state(oakum) == "fired"


@pytest.mark.parametrize(
    "said",
    [
        "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 9 (apt)",
        "E: Could not open lock file /var/lib/dpkg/lock - open (30: Read-only file system)",
        "E: Unable to acquire the dpkg frontend lock (/x), is another process using it?",
        "E: Unable to lock the administration directory (/x), is another process using it?",
    ],
)
def test_what_apt_says_about_a_lock_is_known(oakum: Path, said: str) -> None:
    """As libapt-pkg words it."""
    assert in_host_shell(oakum, f"echo '{said}' | about_a_lock") == f"{said}\n"


def test_who_asks_for_its_status_is_not_at_work(oakum: Path) -> None:
    """A question holds the transaction's lock for a moment: the time is not counted anew for it."""
    in_host_shell(oakum, 'flock "$T/running" sleep 0.3 & sleep 0.1; is_settled')
    assert state(oakum) == "fired"


def armed_by(oakum: Path, watching: str, how: str) -> int:
    """Arm it under a systemd in which this unit is so; return how often one was begun."""
    place = oakum / "transactions/t1"
    (place / "back.tsv").write_text("x\n")
    (place / "back.settings").write_text("x\n")
    path = program(oakum, "systemd-run", f"echo run >>{oakum}/asked")
    states = f"{watching}) echo {how} ;; oakum-*) echo inactive ;;"
    path += program(oakum, "systemctl", f'for unit; do case "$unit" in {states} esac; done')
    units = f"DEADMAN_UNITS={oakum}/units; WANTED_AT_BOOT=$DEADMAN_UNITS/wants; "
    (oakum / "units").mkdir(exist_ok=True)
    in_host_shell(oakum, f"{path}{units}has_systemd() {{ :; }}; arm_deadman")
    asked = oakum / "asked"
    return asked.read_text().count("run") if asked.exists() else 0


@pytest.mark.parametrize("how", ["active", "activating"])
def test_one_that_was_armed_before_anything_watched_is_watched(oakum: Path, how: str) -> None:
    """The power went between the two: what goes on after the boot is watched all the same."""
    unit = "oakum-deadman-t1.service"
    assert armed_by(oakum, "another.service", "active") == 1
    assert (oakum / "units/wants" / unit).is_symlink()
    assert state(oakum) == "armed"
    # The unit of the boot watches, or is about to be begun anew: a second one would be too many.
    assert armed_by(oakum, unit, how) == 1


def test_an_upgrade_that_is_refused_has_no_deadman(oakum: Path) -> None:
    """It was armed, interrupted before it changed anything, and then refused: nothing goes back."""
    (oakum / "transactions/t1/settings").write_text("mode\tupgrade\ndeadman\t30\nback\tt1.undo\n")
    in_host_shell(oakum, f"{QUIET}STEP=compare; refuse drift")
    assert "state\trefused" in (oakum / "transactions/t1/result").read_text()
    assert state(oakum) == "withdrawn"


@pytest.mark.parametrize(
    ("end", "left"), [("succeeded", "withdrawn"), ("failed", "withdrawn"), ("refused", "armed")]
)
def test_a_way_back_is_watched_over_until_it_has_ended(oakum: Path, end: str, left: str) -> None:
    """The power may go in the middle of it; and one that was refused has put nothing back."""
    way = oakum / "transactions/t1.undo"
    way.mkdir()
    (way / "settings").write_text("mode\troll-back\nundoes\tt1\n")
    text = (HOST / "transaction.sh").read_text().partition("roll_back() {")[2].partition("\n}\n")[0]
    roll_back = f"roll_back() {{{text}\n}}\n"
    steps = (
        "compare_way_back() { deadman_state $OAKUM/transactions/t1 >$OAKUM/meanwhile; }; "
        "wait_for_lock() { :; }; go_back() { :; }; settle_back() { :; }; "
        f"check_self() {{ finish {end} why; }}; "
    )
    in_host_shell(oakum, f"{QUIET}{roll_back}{steps}T=$OAKUM/transactions/t1.undo; roll_back")
    assert (oakum / "meanwhile").read_text() == "armed\n"
    assert state(oakum) == left


def test_a_way_back_that_was_refused_is_tried_again(oakum: Path) -> None:
    """A lock or a full disk just then must not be the end of it; nor is it tried for ever."""
    way = oakum / "transactions/t1.undo"
    refusing = "go_back_unasked() { mkdir $OAKUM/transactions/$1; "
    refusing += "printf 'state\\trefused\\n' >$OAKUM/transactions/$1/result; }; NEXT_TRY=0; "
    look = "is_settled && echo settled; "
    assert in_host_shell(oakum, refusing + look * 11) == ""
    assert in_host_shell(oakum, refusing + look) == "settled\n"
    assert (way / "result").exists()
    assert len(list(way.parent.glob("t1.undo.refused.*"))) == 5


@pytest.mark.parametrize(
    ("changes", "said"),
    [("the same", "taken up\n"), ("others", "exit status 4: it has another changes.tsv there\n")],
)
def test_a_way_back_that_the_controller_ordered_is_taken_up(
    oakum: Path, changes: str, said: str
) -> None:
    """A power cut stopped it, its settings are others by now, and no controller is there."""
    place, way = oakum / "transactions/t1", oakum / "transactions/t1.undo"
    for name in ("transaction.sh", "key.asc"):
        (place / name).touch()
    (place / "back.settings").write_text("url\thttp://snapshots.example\n")
    (place / "back.tsv").write_text("the same\n")
    way.mkdir()
    (way / "settings").write_text("url\thttp://another.example\n")
    (way / "changes.tsv").write_text(f"{changes}\n")
    launch = "launch() { echo taken up; }; wait_until_taken() { :; }; "
    tell = '|| echo "exit status $?: $(cat $OAKUM/said)"'
    look = f". {HOST / 'watch.sh'}; {launch}(go_back_unasked t1.undo) 2>$OAKUM/said {tell}"
    assert in_host_shell(oakum, look) == said
    assert (way / "settings").read_text() == "url\thttp://another.example\n"


@pytest.mark.parametrize(("end", "may"), [("refused", "yes"), ("failed", "no"), ("", "no")])
def test_a_way_back_that_was_refused_has_not_used_the_order(
    oakum: Path, end: str, may: str
) -> None:
    """Under another name it changed nothing: the deadman's own is still to come."""
    place = oakum / "transactions/t1"
    (place / "order").touch()
    (place / "settings").write_text("plan\tp1\nback\tt1.undo\n")
    (oakum / "orders/p1").mkdir(parents=True)
    (oakum / "orders/p1/roll-back").write_text("t2.undo\n")
    (oakum / "transactions/t2.undo").mkdir()
    if end:
        (oakum / "transactions/t2.undo/result").write_text(f"state\t{end}\n")
    said = in_host_shell(oakum, "if claim_order t1.undo; then echo yes; else echo no; fi")
    assert said == f"{may}\n"


def test_a_host_of_before_says_nothing_of_it() -> None:
    """A transaction of an earlier Oakum has none; a state that we do not know is an error."""
    assert parse_status(b"running\tno\nend\tok\n").deadman is DeadmanState.OFF
    assert parse_confirmation(b"deadman\tfired\nend\tok\n") is DeadmanState.FIRED
    with pytest.raises(HostError, match="unknown state"):
        parse_status(b"running\tno\ndeadman\tasleep\nend\tok\n")
    journal = b"journal\tnow\tdeadman\tstarted\tno controller\n"
    assert parse_status(b"running\tno\n" + journal + b"end\tok\n").begun_by_host
