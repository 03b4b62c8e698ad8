"""Running the system's programs while building machines."""

import subprocess
from collections.abc import Sequence

from oakum.core.errors import OakumError
from oakum.core.text import one_line

TAIL_LINES = 12


class MachineError(OakumError):
    """A machine could not be built, started or removed."""


def run(
    command: Sequence[str], *, what: str, stdin: bytes = b"", timeout_seconds: float = 900
) -> bytes:
    """Run a program that must succeed; return its output.

    Raises MachineError with the last lines that it printed.
    """
    try:
        done = subprocess.run(
            command, input=stdin, capture_output=True, timeout=timeout_seconds, check=False
        )
    except FileNotFoundError as error:
        raise MachineError(
            f"{what}: the program {command[0]} is not installed",
            hint="run `make setup`, or install the packages that docs/guides/lab.md lists",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise MachineError(f"{what}: not done after {timeout_seconds:.0f} s") from error
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").splitlines()[-TAIL_LINES:]
        told = "\n  ".join(one_line(word) for word in words) or f"exit status {done.returncode}"
        raise MachineError(
            f"{what} failed:\n  {told}",
            hint="is the Debian archive reachable, and the disk not full?",
        )
    return done.stdout


def succeeds(command: Sequence[str], *, timeout_seconds: float = 30) -> str | None:
    """Try a program; return None when it succeeded, else why not."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_seconds,
            check=False,
        )
    except FileNotFoundError:
        return f"{command[0]} is not installed"
    except subprocess.TimeoutExpired:
        return f"{command[0]} did not end within {timeout_seconds:.0f} s"
    if done.returncode == 0:
        return None
    last = done.stderr.decode(errors="replace").strip().splitlines()
    return one_line(last[-1]) if last else f"{command[0]} ended with status {done.returncode}"
