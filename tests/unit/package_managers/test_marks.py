"""Marks of packages are put back with one call of apt-mark: each reads all that apt knows."""

import subprocess
from importlib.resources import files
from pathlib import Path

HOST = files("oakum.adapters.package_managers") / "host"
APT_MARK = """#!/bin/sh
case $1 in show*) cat "$STATE/${1#show}"; exit ;; esac
shift
echo "$*" >>"$STATE/calls"
mark=$1; shift
case " $* " in *" unknown "*) exit 100 ;; esac
printf '%s\\n' "$@" >>"$STATE/$mark"
"""


def restore(tmp_path: Path, wanted: str, present: str) -> tuple[list[str], list[str]]:
    """Put automatic marks back; return the calls of apt-mark, and the marks that are then there."""
    programs, state, point = (tmp_path / name for name in ("bin", "state", "restore"))
    for place in (programs, state, point):
        place.mkdir()
    (programs / "apt-mark").write_text(APT_MARK)
    (programs / "apt-mark").chmod(0o755)
    for name, text in (("auto", wanted), ("manual", "")):
        (point / name).write_text(text)
        (state / name).write_text(present if name == "auto" else "")
    parts = "".join((HOST / f"{part}.sh").read_text() for part in ("common", "install"))
    script = f"{parts}\nexport STATE={state} PATH={programs}:$PATH\nR={point}\nrestore_marks\n"
    subprocess.run(["sh", "-c", script], check=True, timeout=20)
    calls = state / "calls"
    said = calls.read_text().splitlines() if calls.exists() else []
    return said, sorted((state / "auto").read_text().split())


def test_all_marks_come_back_with_one_call(tmp_path: Path) -> None:
    """Those that are there already are left alone."""
    assert restore(tmp_path, "a\nb\nc\nd\n", "b\n") == (["auto a c d"], ["a", "b", "c", "d"])


def test_nothing_lost_is_no_call(tmp_path: Path) -> None:
    """A host whose marks are as before is not written to."""
    assert restore(tmp_path, "a\n", "a\n") == ([], ["a"])


def test_a_name_that_apt_refuses_keeps_no_other_back(tmp_path: Path) -> None:
    """A package that went away meanwhile has no mark to be put back."""
    calls, marks = restore(tmp_path, "a\nunknown\nz\n", "")
    assert marks == ["a", "z"]
    assert calls == ["auto a unknown z", "auto a", "auto unknown", "auto z"]
