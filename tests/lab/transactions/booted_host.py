"""Throw-away Debian hosts: a booted nspawn container, or a chroot without systemd."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from oakum.adapters.machines.control_groups import (
    make_groups,
    needs_scope_of_its_own,
    remove_groups,
)
from oakum.core.errors import TimedOutError
from oakum.ports.transport import CommandResult

BOOT_SECONDS = 60.0
IMAGE_SECONDS = 420.0
ASKED_FOR_REBOOT = 133
PACKAGES = "systemd,systemd-sysv,dbus"
IN_GROUPS = """
while read -r group; do echo $$ >"$group/cgroup.procs"; done <"$1"
shift
exec "$@"
"""


def unpack_base_image(directory: Path, *more: str) -> Path:
    """Return a bookworm tree with these packages more; made once, kept in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "oakum"
    image = cache / f"{'-'.join(('tests-bookworm-systemd', *more))}.tar"
    if not image.exists():
        cache.mkdir(parents=True, exist_ok=True)
        partial = image.with_suffix(f".{os.getpid()}.tar")
        _run(
            "mmdebstrap",
            "--quiet",
            "--variant=apt",
            f"--include={','.join((PACKAGES, *more))}",
            "bookworm",
            str(partial),
        )
        partial.rename(image)
    tree = directory / "base"
    tree.mkdir()
    _run("tar", "-C", str(tree), "-xf", str(image))
    (tree / "etc/machine-id").write_text("uninitialized\n")
    return tree


@dataclass(slots=True)
class ThrowAwayHost:
    """One host over a shared base; `enter` is the command that runs something inside."""

    root: Path
    enter: tuple[str, ...] = ()
    container: "subprocess.Popen[bytes] | None" = None
    network: str = ""
    """A network namespace of its own; empty: this machine's."""
    groups: Path | None = None
    """Where its control groups are written down, while it has some."""

    def boot(self, name: str) -> None:
        """Boot systemd in it and wait until it has settled."""
        groups = self._own_groups(name)
        unit = () if needs_scope_of_its_own() else ("--keep-unit",)
        command = [
            *("sh", "-eu", "-c", IN_GROUPS, "sh", str(groups)),
            *("systemd-nspawn", "-q", "-D", str(self.root), f"--machine={name}", "--boot"),
            *("--register=no", *unit, "--resolv-conf=off", "--console=pipe"),
            *self._own_network(),
        ]
        self.container = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.wait_until_up()

    def _own_groups(self, name: str) -> Path:
        """Make control groups for it: hosts that share them kill each other's services."""
        self._leave_groups()
        self.groups = Path(tempfile.mkdtemp(prefix="oak-groups-"))
        return make_groups(self.groups, f"{os.getpid()}-{name}")

    def _leave_groups(self) -> None:
        if self.groups is not None:
            remove_groups(self.groups)
            shutil.rmtree(self.groups)
            self.groups = None

    def _own_network(self) -> tuple[str, ...]:
        """Return how to be in its network, and master of it as of a private one."""
        if not self.network:
            return ()
        return (
            f"--network-namespace-path=/run/netns/{self.network}",
            "--capability=CAP_NET_ADMIN",
        )

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < deadline:
            leader = self._leader()
            if leader:
                self.enter = (
                    "nsenter",
                    "-t",
                    leader,
                    "-m",
                    "-u",
                    "-i",
                    "-n",
                    "-p",
                    "-C",
                    "-r",
                    "-w",
                )
                said = self.try_shell("systemctl is-system-running")
                if said.strip() in {"running", "degraded"}:
                    return
            time.sleep(0.2)
        raise TimedOutError(f"{self.root} did not boot", hint="run systemd-nspawn by hand")

    def wait_for_file(self, path: str) -> None:
        """Wait until a file has appeared in it."""
        deadline = time.monotonic() + BOOT_SECONDS
        while not (self.root / path).exists():
            assert time.monotonic() < deadline, f"{path} never appeared"
            time.sleep(0.1)

    def finish_reboot(self, name: str) -> None:
        """Boot again after the host went down for a reboot, which nspawn leaves to us."""
        assert self.container is not None
        assert self.container.wait(BOOT_SECONDS) == ASKED_FOR_REBOOT
        self.boot(name)

    def shell(self, script: str) -> str:
        """Run a shell line inside and return what it prints; fail when it fails."""
        done = subprocess.run(
            [*self.enter, "sh", "-c", script], capture_output=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"{script}: {done.stdout!r} {done.stderr!r}"
        return done.stdout.decode()

    def try_shell(self, script: str) -> str:
        """Run a shell line inside, whatever it ends with."""
        done = subprocess.run(
            [*self.enter, "sh", "-c", script], capture_output=True, timeout=120, check=False
        )
        return done.stdout.decode()

    def cut_power(self) -> None:
        """Kill everything in it at once."""
        assert self.container is not None
        leader = self._leader()
        with contextlib.suppress(ProcessLookupError):
            if leader:
                os.kill(int(leader), signal.SIGKILL)
        self.container.kill()
        self.container.wait()

    def close(self) -> None:
        if self.container is not None and self.container.poll() is None:
            self.cut_power()
        self._leave_groups()

    def _leader(self) -> str:
        # systemd-nspawn's child is the first process of the container.
        assert self.container is not None
        children = Path(f"/proc/{self.container.pid}/task/{self.container.pid}/children")
        try:
            return children.read_text().split()[0]
        except (OSError, IndexError):
            return ""


class InsideSession:
    """A Session that enters a host's namespaces instead of logging in."""

    def __init__(self, host: ThrowAwayHost) -> None:
        self._host = host

    async def run(
        self, script: str, *arguments: str, stdin: bytes = b"", timeout_seconds: float
    ) -> CommandResult:
        """Run a script inside."""
        process = await asyncio.create_subprocess_exec(
            *(*self._host.enter, "sh", "-c", script, "oakum", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(stdin), timeout_seconds)
        assert process.returncode is not None
        return CommandResult(process.returncode, out, err)


def wait_until_unwatched(root: Path) -> None:
    """Wait until no deadman watches in a root any more, where no systemd does it."""
    deadline = time.monotonic() + BOOT_SECONDS
    while _watchers(root):
        assert time.monotonic() < deadline, _watchers(root)
        time.sleep(0.1)


def _watchers(root: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "root").readlink() == root:
                words = (process / "cmdline").read_bytes()
                if b"deadman" in words or words.startswith(b"sleep"):
                    found.append(process.name)
    return found


def overlay(base: Path, directory: Path) -> Path:
    """Mount a fresh writable layer over a tree."""
    for part in ("upper", "work", "root"):
        (directory / part).mkdir(parents=True)
    layers = f"lowerdir={base},upperdir={directory / 'upper'},workdir={directory / 'work'}"
    _run("mount", "-t", "overlay", "overlay", "-o", layers, str(directory / "root"))
    return directory / "root"


def drop_overlay(directory: Path) -> None:
    _run("umount", "-R", str(directory / "root"))
    shutil.rmtree(directory)


def mount_for_chroot(root: Path) -> None:
    for kind, place in (("proc", "proc"), ("sysfs", "sys"), ("tmpfs", "run")):
        _run("mount", "-t", kind, kind, str(root / place))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, timeout=IMAGE_SECONDS, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr.decode()}"
