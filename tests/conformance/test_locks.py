"""One long command at a time, over all processes that share a home."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.tiny_disk import run_without_privilege

from oakum.adapters.locks.files import FileLocks
from oakum.core.errors import ConflictError

HOLD = """
import sys
from pathlib import Path
from oakum.adapters.locks.files import FileLocks
with FileLocks(Path(sys.argv[1])).hold("snapshots", "oakum snapshots create"):
    print("held", flush=True)
    sys.stdin.read()
"""
TRY = """
import sys
from pathlib import Path
from oakum.adapters.locks.files import FileLocks
from oakum.core.errors import StorageError
try:
    with FileLocks(Path(sys.argv[1]) / "locks").hold("x", "test"):
        pass
except StorageError as error:
    print(error.message)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run another process that holds the lock."""
    process = subprocess.Popen(
        # Shells have SIGINT ignored in what they put behind; here it must reach the holder.
        ["env", "--default-signal=INT", sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def _take(tmp_path: Path, name: str = "snapshots") -> None:
    with FileLocks(tmp_path).hold(name, "a test"):
        pass


def test_a_second_process_is_told_who_holds_it(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    """The message names process and command, and is there at once."""
    with pytest.raises(ConflictError) as caught:
        _take(tmp_path)
    assert f"process {holder.pid} (oakum snapshots create)" in caught.value.message
    assert caught.value.hint


def test_another_name_is_free(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    """Commands on different things do not wait for each other."""
    assert holder.poll() is None
    _take(tmp_path, "advisories")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_dead_holder_holds_nothing(
    tmp_path: Path, holder: subprocess.Popen[str], how: signal.Signals
) -> None:
    """However the other process ended, the next one gets the lock without help."""
    holder.send_signal(how)
    holder.wait(timeout=10)
    _take(tmp_path)


def test_a_lock_is_freed_by_an_error(tmp_path: Path) -> None:
    """A command that fails does not keep the next one out."""
    with pytest.raises(RuntimeError), FileLocks(tmp_path).hold("x", "fails"):
        raise RuntimeError
    _take(tmp_path, "x")


def test_a_lock_is_not_taken_twice_in_one_process(tmp_path: Path) -> None:
    """Two parts of one process exclude each other as well, and the first keeps its lock."""
    with FileLocks(tmp_path).hold("x", "first"):
        for _ in range(2):
            with pytest.raises(ConflictError, match="first"):
                _take(tmp_path, "x")


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """No lock can be kept there: the place is named."""
    tmp_path.chmod(0o500)
    done = run_without_privilege(TRY, str(tmp_path))
    tmp_path.chmod(0o700)
    assert str(tmp_path) in done.stdout, done.stderr
