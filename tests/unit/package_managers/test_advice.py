import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

APT_LOCK = "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 119 (perl)"
CLOCK = "E: Release file for x is not valid yet (invalid for another 23h 59min 3s)."
EXPIRED = "E: Release file for x is expired (invalid since 12h 2min). Updates will not be applied."
DNS = "E: Failed to fetch x Temporary failure resolving 'snapshot.lab'"
SCRIPT = (
    "dpkg: error processing package a new a package pre-installation script subprocess returned"
)


PARTS = ("common", "apt", "problems", "advice", "journal")


def in_host_shell(line: str, *arguments: str) -> str:
    """Run a line of shell after the functions of a transaction."""
    host = files("oakum.adapters.package_managers") / "host"
    parts = [(host / f"{part}.sh").read_text() for part in PARTS]
    done = subprocess.run(
        ["sh", "-c", "\n".join((*parts, "T=/", line)), "sh", *arguments],
        capture_output=True,
        check=True,
        text=True,
        timeout=20,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("words", "step"),
    [
        (APT_LOCK, "wait until that process has ended"),
        ("no restore point: is the disk full?", "make room"),
        ("dpkg: error: unable to create 'x': No space left on device", "make room"),
        ("W: Failed to write x (30: Read-only file system)", "remount"),
        (CLOCK, "clock"),
        (EXPIRED, "clock"),
        (DNS, "name resolution"),
        ("E: Failed to fetch x Hash Sum mismatch", "verify the snapshot"),
        ("E: Failed to fetch x Could not connect to 127.0.0.1:1", "reach the snapshot"),
        ("E: Held packages were changed and -y was used without", "unhold"),
        (SCRIPT, "leave it out"),
        ("E: Sub-process /x/dpkg exited unexpectedly", "dmesg"),
    ],
)
def test_words_of_apt_are_followed_by_the_next_step(words: str, step: str) -> None:
    """However long they are: what is cut is their middle."""
    said = in_host_shell('with_advice "$1"', words)
    assert said.startswith(f"{words}; ")
    assert step in said
    assert in_host_shell('with_advice "$1"', f"{words} {'x' * 2000}").endswith(said[len(words) :])


def test_a_reason_of_our_own_stays_as_it_is() -> None:
    """It names its next step itself."""
    own = "/var has 3 MB free and 35 MB are needed; make room"
    assert in_host_shell('with_advice "$1"', own) == own


LOG = """Waiting for cache lock: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7 (perl)... 0s
Waiting for cache lock: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7 (perl)... 1s
dpkg: error processing archive /x/a_1.1_amd64.deb (--unpack):
 new a package pre-installation script subprocess returned error exit status 1
dpkg: unrecoverable fatal error, aborting:
 failed to write status database record about 'a': No space left on device
E: Unable to acquire the dpkg frontend lock
"""  # noqa: E501


def test_the_holder_of_a_lock_and_the_failing_script_are_named(tmp_path: Path) -> None:
    """The holder is told only while apt waits, the script on a line of its own."""
    (tmp_path / "log").write_text(LOG)
    said = in_host_shell('errors_of "$1"', str(tmp_path / "log"))
    assert said.count("It is held by process 7 (perl)") == 1
    assert "dpkg: a_1.1_amd64.deb: new a package pre-installation script subprocess" in said
    assert "dpkg: fatal error: failed to write status database record" in said
    assert said.strip().endswith("E: Unable to acquire the dpkg frontend lock")


def test_a_log_that_there_was_no_room_for_is_no_silence(tmp_path: Path) -> None:
    """On a full file system it is named, whatever of the log there is; elsewhere it is not."""
    (tmp_path / "log").touch()
    full = "free_bytes() { echo 0; }; "
    assert "No space left on device" in in_host_shell(f'{full}errors_of "$1"', f"{tmp_path}/log")
    said = in_host_shell(f'{full}with_advice "$1"', "drift: ; scan and plan again")
    assert "No space left on device" in said
    assert "make room" in said
    assert in_host_shell('errors_of "$1" || :', f"{tmp_path}/log") == ""
