"""How a command ends: by itself, by Ctrl-C, or because it is asked to."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import asyncio, sys
from oakum.entrypoints.cli.context import run

async def hold():
    print("holding", flush=True)
    try:
        await asyncio.sleep(60)
    finally:
        print("given back", flush=True)

try:
    run(hold())
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(130)
"""


FILES = """
import resource
from oakum.entrypoints.cli.context import run

async def limits():
    return resource.getrlimit(resource.RLIMIT_NOFILE)

resource.setrlimit(resource.RLIMIT_NOFILE, (200, 400))
print(*run(limits()))
"""


def test_a_process_may_open_as_many_files_as_it_is_allowed() -> None:
    """A connection is one: at a shell's usual limit a thousand hosts at once would end it."""
    done = subprocess.run(
        [sys.executable, "-c", FILES], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["400", "400"]


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_what_is_held_is_given_back(asked: signal.Signals) -> None:
    """A lease that nobody releases keeps every other controller away until it runs out."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,  # noqa: PLW1509 (a parent that ignores Ctrl-C hands that on)
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        os.kill(process.pid, asked)
        out, err = process.communicate(timeout=30)
    assert (out, err) == ("given back\ninterrupted\n", "")
    assert process.returncode == 130


def test_nothing_complains_when_it_is_interrupted_before_it_begins(tmp_path: Path) -> None:
    """Python's own warning about it would frighten a person at 3 a.m."""
    program = tmp_path / "program.py"
    program.write_text(
        PROGRAM.replace("run(hold())", "asyncio.Runner.run = interrupt; run(hold())").replace(
            "async def hold", "def interrupt(*_):\n    raise KeyboardInterrupt\n\nasync def hold", 1
        )
    )
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.stdout, done.stderr, done.returncode) == ("interrupted\n", "", 130)


WRITES_NOTHING = """
import signal
from oakum.entrypoints.cli.context import run

class Facts:
    def __repr__(self):
        print("written out")
        return ""

async def scan():
    return Facts()

signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent may have had it ignored
assert isinstance(run(scan()), Facts)
"""


def test_a_result_is_not_written_out_for_nobody() -> None:
    """The facts of a fleet are millions of words, and Python's own runner asks for all of them."""
    done = subprocess.run([sys.executable, "-c", WRITES_NOTHING], check=True, capture_output=True)
    assert done.stdout == b""
