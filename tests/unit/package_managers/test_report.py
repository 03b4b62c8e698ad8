"""Asking how a transaction stands: its end is waited for on the host, and known at once."""

import os
import subprocess
import time
from importlib.resources import files
from pathlib import Path

from oakum.adapters.package_managers.bundle import bundle
from oakum.adapters.package_managers.host_scripts import HostScript, text_of

HOST = files("oakum.adapters.package_managers") / "host"
PLACE = "/var/lib/oakum"
WATCHES = "WATCH_SECONDS=9\n"


def report(transaction: Path, *, watch_seconds: float) -> tuple[list[str], float]:
    """Return what is reported of a transaction, and how long that took."""
    parts = ("common.sh", "deadman.sh", "report.sh")
    text = "".join((HOST / part).read_text() for part in parts)
    assert WATCHES in text
    script = text.replace(WATCHES, f"WATCH_SECONDS={watch_seconds}\n") + 'report "$1"\n'
    began = time.monotonic()
    done = subprocess.run(
        ["sh", "-c", script, "sh", str(transaction)],
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    return done.stdout.splitlines(), time.monotonic() - began


def at_work(transaction: Path, what: str) -> "subprocess.Popen[bytes]":
    """Hold a transaction's lock as it does itself, for as long as something runs."""
    words = ["flock", "-o", str(transaction / "running"), "sh", "-c", f"echo; {what}"]
    process = subprocess.Popen(words, cwd=transaction, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_the_end_of_a_transaction_is_waited_for(tmp_path: Path) -> None:
    """Whoever asks while it works is answered with its result, when that is there."""
    ending = "sleep 1; printf 'state\\tsucceeded\\n' >result"
    with at_work(tmp_path, ending):
        said, seconds = report(tmp_path, watch_seconds=50)
    assert said == ["running\tno", "deadman\toff", "result\tstate\tsucceeded"]
    assert seconds < 40


def test_one_that_goes_on_is_not_waited_for_for_long(tmp_path: Path) -> None:
    """A person who watches sees its steps, and a question over SSH is not given up."""
    os.mkfifo(tmp_path / "go-on")
    (tmp_path / "journal").write_text("now\tdownload\tstarted\t\n")
    with at_work(tmp_path, "read _ <go-on") as process:
        said, _ = report(tmp_path, watch_seconds=0.2)
        (tmp_path / "go-on").write_text("\n")
    assert process.returncode == 0
    assert said == [
        "running\tyes",
        "deadman\toff",
        "journal\tnow\tdownload\tstarted\t",
    ]


def test_what_is_not_at_work_is_not_waited_for(tmp_path: Path) -> None:
    """A transaction that ended or was interrupted, or that nobody knows, is told at once."""
    (tmp_path / "running").touch()
    said, seconds = report(tmp_path, watch_seconds=50)
    assert said == ["running\tno", "deadman\toff"]
    absent, more = report(tmp_path / "absent", watch_seconds=50)
    assert absent == ["absent\t"]
    assert max(seconds, more) < 40


def test_a_line_that_there_was_no_room_for_ends_all_the_same(tmp_path: Path) -> None:
    """A full disk cuts a line of the journal off: what comes after it is still told apart."""
    (tmp_path / "journal").write_text("now\tinstall\tfai")
    (tmp_path / "result").write_text("state\tfailed\n")
    said, _ = report(tmp_path, watch_seconds=0)
    assert said[2:] == ["journal\tnow\tinstall\tfai", "result\tstate\tfailed"]


def test_a_transaction_that_is_cut_off_between_two_files_is_not_taken(tmp_path: Path) -> None:
    """A tar without its end is good enough for tar; what lacks a file would hold the name."""
    whole = bundle({"settings": "x\n", "transaction.sh": "exit\n"})
    script = text_of(HostScript.START).replace(f"OAKUM={PLACE}\n", f"OAKUM={tmp_path}\n")
    done = subprocess.run(
        ["sh", "-c", script.replace("is_taken ||", ": ||"), "sh", "t1"],
        input=whole[:1024],
        capture_output=True,
        check=False,
        timeout=20,
    )
    assert (done.returncode, done.stderr) == (3, b"what was handed over is cut off\n")
    assert list((tmp_path / "transactions").iterdir()) == []
