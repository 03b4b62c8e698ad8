"""What both runners of hooks must do: on the controller, and on a host without systemd.

On a booted host, as a unit: tests/lab/transactions/test_hooks.py.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.fakes.transport import FakeSession
from tests.integration.verifier.machine import machine_of_its_own
from tests.lab.transactions.booted_host import InsideSession, ThrowAwayHost

from oakum.adapters.hooks.on_controller import ControllerHooks
from oakum.adapters.hooks.on_host import HostHooks
from oakum.adapters.hooks.records import SCRIPT
from oakum.core.errors import ControllerError, InputError
from oakum.core.planning.hook import SHELL
from oakum.core.rollout.hooks import HookStatus, Progress
from oakum.ports.hooks import HookJob, HookRunner
from oakum.ports.transport import Session

ABSENT = HookStatus(Progress.ABSENT)


@dataclass(frozen=True, slots=True)
class Site:
    """A place to run hooks in."""

    runner: HookRunner
    session: Session | None
    root: Path
    """Where its own `/` is."""
    mark: str
    """A file that hooks may write, as they call it."""

    def start(self, job: HookJob) -> None:
        asyncio.run(self.runner.start(self.session, job))

    def status(self, job: HookJob) -> HookStatus:
        return asyncio.run(self.runner.status(self.session, job))

    def end(self, job: HookJob, seconds: float = 20) -> HookStatus:
        """Begin a hook and wait for its end."""
        self.start(job)
        return self.wait(job, seconds)

    def wait(self, job: HookJob, seconds: float = 20) -> HookStatus:
        until = time.monotonic() + seconds
        while (status := self.status(job)).progress is Progress.RUNNING:
            assert time.monotonic() < until
            time.sleep(0.1)
        return status

    @property
    def seen(self) -> Path:
        """Return the same file as we see it."""
        return self.root / self.mark.lstrip("/")


@pytest.fixture(params=["controller", "host"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    if request.param == "controller":
        yield Site(ControllerHooks(tmp_path / "hooks"), None, Path("/"), f"{tmp_path}/mark")
        return
    with machine_of_its_own() as machine:
        host = ThrowAwayHost(machine.root, ("chroot", str(machine.root)))
        yield Site(HostHooks(), InsideSession(host), machine.root, "/srv/mark")


def script(text: str, seconds: int = 10, name: str = "t1.hook-1") -> HookJob:
    return HookJob(name, (*SHELL, text), seconds, (("PATH", "/usr/bin:/bin"), ("OAKUM_HOST", "w")))


def test_nothing_is_known_of_a_hook_that_was_not_begun(site: Site) -> None:
    assert site.status(script("true")) == ABSENT


def test_how_it_ended_is_written_down(site: Site) -> None:
    """Its exit status, how long it took, and what it printed, made harmless."""
    status = site.end(script("echo on $OAKUM_HOST; printf '\\033[31mred' >&2; sleep 1; exit 3"))
    assert (status.progress, status.exit_status) == (Progress.ENDED, 3)
    assert status.said == "on w\n?[31mred"
    assert status.seconds in {1, 2, 3}


def test_words_arrive_as_they_are(site: Site) -> None:
    """No shell takes them apart, whatever they hold."""
    words = ("$(id)", "a b", "it's \\ \"\n", "-n", "ü", "%s", ";")
    job = replace(script(""), command=("/usr/bin/printf", "[%s]", *words))
    said = "".join(f"[{word}]" for word in words).replace("ü", "??")
    assert site.end(job).said == said


def test_it_is_told_no_more_than_it_is_given(site: Site) -> None:
    """Neither the controller's environment, nor the host's."""
    status = site.end(script("env | cut -d = -f 1 | sort | tr '\\n' ' '"))
    assert status.said.split() == ["OAKUM_HOST", "PATH", "PWD"]


def test_what_it_writes_others_may_read(site: Site) -> None:
    """The page that says so is shown by a web server of another account."""
    assert site.end(script(f"umask; echo away >{site.mark}")).said == "0022"
    assert site.seen.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("cut", [1, 2, 5])
def test_what_is_cut_off_is_not_run(tmp_path: Path, cut: int) -> None:
    """To the host a connection that is lost looks like the end of what it was given."""
    given = b"s exit\nc /bin/true\ne PATH=/bin\nt 30\n"
    text = SCRIPT.replace("HOOKS=/var/lib/oakum/hooks\n", f"HOOKS={tmp_path}/hooks\n")
    for content, code in ((given[:-cut], 3), (given, 0)):
        words = ["sh", "-c", text.replace("  begin ", "  : "), "sh"]
        done = subprocess.run(
            [*words, "deliver", "t1"], input=content, check=False, capture_output=True, timeout=20
        )
        assert done.returncode == code, done


def test_it_is_begun_once(site: Site) -> None:
    """However often it is asked for, also at the same time."""
    job = script(f"echo once >>{site.mark}; sleep 1")

    async def at_once() -> None:
        await asyncio.gather(*(site.runner.start(site.session, job) for _ in range(5)))

    asyncio.run(at_once())
    site.start(job)
    assert site.wait(job).exit_status == 0
    site.start(job)
    assert site.seen.read_text() == "once\n"


def test_its_time_is_over_for_all_that_it_started(site: Site) -> None:
    """Also for what does not obey."""
    loop = f"trap '' TERM; for i in $(seq 100); do sleep 0.2; date >{site.mark}; done"
    status = site.end(script(f"echo begun; sh -c {_quoted(loop)} & wait", 1))
    assert status.progress is Progress.TIMED_OUT
    assert status.said == "begun"
    site.seen.unlink(missing_ok=True)
    time.sleep(1)
    assert not site.seen.exists()


def test_what_it_leaves_running_is_ended(site: Site) -> None:
    """A hook that has ended does nothing more."""
    status = site.end(script(f"(sleep 2; date >{site.mark}) & echo done"))
    assert (status.exit_status, status.said) == (0, "done")
    time.sleep(2.5)
    assert not site.seen.exists()


def test_only_the_end_of_much_output_is_kept(site: Site) -> None:
    """A hook cannot fill the disk."""
    status = site.end(script("seq 300000"), 60)
    assert status.said.endswith("\n299999\n300000")
    assert len(status.said) <= 4096


def test_a_program_that_is_not_there(site: Site) -> None:
    """It failed, and says why."""
    status = site.end(replace(script(""), command=("/no/such/program",)))
    assert (status.progress, status.exit_status) == (Progress.ENDED, 127)
    assert "/no/such/program" in status.said


def test_one_that_was_killed_is_unknown_and_not_begun_again(site: Site, tmp_path: Path) -> None:
    """What ran it is gone, and nobody wrote down how it ended."""
    job = script(f"echo begun >>{site.mark}; sleep 30")
    site.start(job)
    place = next(iter(_records(site, tmp_path).glob("t1.hook-1")))
    until = time.monotonic() + 10
    while not site.seen.exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    shown = subprocess.run(
        ["fuser", str(place / "running")], capture_output=True, check=True, text=True
    )
    for process in shown.stdout.split():
        os.kill(int(process), signal.SIGKILL)
    assert site.wait(job).progress is Progress.INTERRUPTED
    site.start(job)
    assert site.wait(job).progress is Progress.INTERRUPTED
    assert site.seen.read_text() == "begun\n"


def _records(site: Site, tmp_path: Path) -> Path:
    there = site.root / "var/lib/oakum/hooks"
    return there if site.session is not None else tmp_path / "hooks"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


CONTROLLER = """
import asyncio, os, signal, sys
from pathlib import Path
from oakum.adapters.hooks.on_controller import ControllerHooks
from tests.conformance.test_hook_runners import script

async def main():
    await ControllerHooks(Path(sys.argv[1])).start(None, script(sys.argv[2]))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_a_hook_outlives_the_controller_that_is_killed(tmp_path: Path) -> None:
    """The next controller on the same machine reads how it ended; it was run once."""
    text = f"echo once >>{tmp_path}/log; sleep 2; exit 7"
    command = [sys.executable, "-c", CONTROLLER, str(tmp_path / "hooks"), text]
    killed = subprocess.run(command, check=False)
    assert killed.returncode == -signal.SIGKILL
    next_one = Site(ControllerHooks(tmp_path / "hooks"), None, Path("/"), f"{tmp_path}/mark")
    assert next_one.status(script(text)).progress is Progress.RUNNING
    status = next_one.end(script(text))
    assert (status.progress, status.exit_status) == (Progress.ENDED, 7)
    assert (tmp_path / "log").read_text() == "once\n"


def test_the_record_has_a_name_of_its_own(tmp_path: Path) -> None:
    """The same for everybody who uses the directory; another for one that was lost."""
    first = ControllerHooks(tmp_path / "a").record
    assert ControllerHooks(tmp_path / "a").record == first
    assert ControllerHooks(tmp_path / "b").record not in {first, ""}
    assert HostHooks().record == ""


def test_records_that_cannot_be_kept_are_the_controllers_fault(tmp_path: Path) -> None:
    """The host was not asked, and what was not begun has not failed."""
    (tmp_path / "hooks").write_text("no directory")
    runner = ControllerHooks(tmp_path / "hooks")
    with pytest.raises(ControllerError, match="cannot hold the records of hooks"):
        _ = runner.record
    with pytest.raises(ControllerError, match="cannot be begun here"):
        asyncio.run(runner.start(None, script("true")))


def test_a_record_that_cannot_be_read_is_the_controllers_fault(tmp_path: Path) -> None:
    """Its script is gone from the disk."""
    (tmp_path / "hooks" / "t1.hook-1").mkdir(parents=True)
    with pytest.raises(ControllerError, match="cannot be read here"):
        asyncio.run(ControllerHooks(tmp_path / "hooks").status(None, script("true")))


def test_an_id_that_is_no_name_reaches_no_host() -> None:
    """It becomes part of a path."""
    session = FakeSession(lambda asked: pytest.fail(f"asked: {asked}"))
    for bad in ("../x", "a b", "", "a\n", "-x"):
        with pytest.raises(InputError):
            asyncio.run(HostHooks().start(session, script("true", name=bad)))
