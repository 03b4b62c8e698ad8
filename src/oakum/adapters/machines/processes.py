"""The processes of machines: found by what they are, never by a number alone."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from oakum.adapters.machines.programs import MachineError

PROC = Path("/proc")
GONE_SECONDS = 20.0
START_SECONDS = 20.0


NOTE_AND_BE = """
echo "$$ $(cut -d ' ' -f 22 "/proc/$$/stat")" >"$1/pid.new"
mv "$1/pid.new" "$1/pid"
shift
exec "$@"
"""
"""The process notes its own number and birth: it is known even if we are killed at this moment."""


def start_detached(command: Sequence[str], directory: Path) -> None:
    """Start a machine's first process in a session of its own, which it notes in `pid`."""
    (directory / "pid").unlink(missing_ok=True)
    with (directory / "console.log").open("ab") as console:
        process = subprocess.Popen(
            ["sh", "-eu", "-c", NOTE_AND_BE, "sh", str(directory), *command],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
        )
    _children.append(process)
    end = time.monotonic() + START_SECONDS
    while not (directory / "pid").exists():
        if process.poll() is not None or time.monotonic() > end:
            raise MachineError(
                f"{directory.name} does not start",
                hint=f"its console is in {directory / 'console.log'}",
            )
        time.sleep(0.005)


_children: list["subprocess.Popen[bytes]"] = []
"""Machines outlive us on purpose; kept so that their end is waited for while we live."""


def running_pid(directory: Path) -> int | None:
    """Return the first process of a machine, if it still lives: a number reused is not it."""
    for child in _children:
        child.poll()
    try:
        pid, born = (directory / "pid").read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    alive = _born(int(pid)) == born and _state(int(pid)) not in {"Z", "X"}
    return int(pid) if alive else None


def terminate(directory: Path, *, timeout_seconds: float) -> bool:
    """Ask the first process to shut the machine down; tell whether it did in time."""
    pid = running_pid(directory)
    if pid is None:
        return True
    with contextlib.suppress(ProcessLookupError):
        os.kill(_first_inside(pid), signal.SIGTERM)
    return _wait_until_gone(directory, timeout_seconds)


def _first_inside(pid: int) -> int:
    """Return whom to ask: unshare only waits for its child, and would take it along unasked."""
    is_waiting = (PROC / str(pid) / "comm").read_text().strip() == "unshare"
    return next(iter(_children_of(pid)), pid) if is_waiting else pid


def kill(directory: Path) -> None:
    """End every process of a machine at once: first the one that would start others anew."""
    pid = running_pid(directory)
    if pid is None:
        return
    for victim in (pid, *_below(pid)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    if not _wait_until_gone(directory, GONE_SECONDS):
        raise MachineError(f"process {pid} of {directory.name} does not end")


def kill_all_in(root: Path) -> None:
    """End whatever still has this root: processes of a chroot that had no namespace."""
    end = time.monotonic() + GONE_SECONDS
    while left := _processes_in(root):  # they may start others while we look
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > end:
            raise MachineError(f"processes {left} of {root.parent.name} do not end")
        time.sleep(0.02)


def _processes_in(root: Path) -> list[int]:
    """Return who has this root; one that has ended, and nobody waited for, has none."""
    numbered = (process for process in PROC.iterdir() if process.name.isdigit())
    return [int(process.name) for process in numbered if _root_of(process) == str(root)]


def _root_of(process: Path) -> str:
    try:
        return str((process / "root").readlink())
    except OSError:
        return ""


def _children_of(pid: int) -> tuple[int, ...]:
    try:
        listed = (PROC / str(pid) / "task" / str(pid) / "children").read_text()
    except OSError:
        return ()
    return tuple(int(child) for child in listed.split())


def _below(pid: int) -> tuple[int, ...]:
    """Return its children and theirs; those in a container go with its init in any case."""
    return tuple(each for child in _children_of(pid) for each in (child, *_below(child)))


def _wait_until_gone(directory: Path, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while running_pid(directory) is not None:
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _born(pid: int) -> str:
    fields = _stat(pid)
    return fields[19] if fields else ""


def _state(pid: int) -> str:
    fields = _stat(pid)
    return fields[0] if fields else "X"


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the command's name (proc(5))."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
