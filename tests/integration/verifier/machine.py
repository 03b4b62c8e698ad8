"""A prepared host: this machine's own system under a layer of its own, entered by chroot.

It has a real sudo, a real ssh-keygen, a real dpkg, and no systemd of its own.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from oakum.adapters.package_managers.host_scripts import host_programs
from oakum.core.ids import HostId
from oakum.core.orders.preparation import VERIFIER, Preparation, host_files
from oakum.core.text import one_line
from oakum.ports.transport import CommandResult

USER = "oakum-test"
HOST = HostId("web-1")
TRANSACTIONS = "var/lib/oakum/transactions"


@dataclass(frozen=True, slots=True)
class Machine:
    """One host."""

    root: Path

    def as_root(self, script: str) -> str:
        """Run a shell line as root and return what it prints; fail when it fails."""
        done = subprocess.run(
            ["chroot", self.root, "sh", "-c", script], capture_output=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{script}: {done.stdout!r} {done.stderr!r}"
        return done.stdout.decode()

    def as_user(self, *words: str, stdin: bytes = b"") -> CommandResult:
        """Run a program as the ordinary account."""
        inside = ["runuser", "-u", USER, "--", *words]
        done = subprocess.run(
            ["chroot", self.root, *inside],
            input=stdin,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return CommandResult(done.returncode, done.stdout, done.stderr)

    def ask(self, *words: str, stdin: bytes = b"") -> CommandResult:
        """Ask the verifier as the ordinary account does."""
        return self.as_user("sudo", "-n", "--", VERIFIER, *words, stdin=stdin)

    def refusal(self, *words: str, stdin: bytes = b"") -> str:
        """Return why the verifier refused; fail when it did not, or when a transaction began."""
        before = self.transactions()
        done = self.ask(*words, stdin=stdin)
        assert done.exit_status == 6, done
        assert self.transactions() == before
        return one_line(done.stderr.decode()).removeprefix("refused: ")

    def transactions(self) -> set[str]:
        """Return the names of the transactions that the host knows."""
        place = self.root / TRANSACTIONS
        return {path.name for path in place.iterdir()} if place.exists() else set()

    def prepare(self, approvers: tuple[str, ...], threshold: int, host: HostId = HOST) -> None:
        """Put there what `oakum hosts prepare` puts there."""
        wanted = Preparation(host, USER, approvers, threshold, ("ssh-ed25519 AAAA nobody",))
        for file in host_files(wanted, host_programs()):
            path = self.root / file.path.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.content)
            path.chmod(file.mode)


@contextmanager
def machine_of_its_own() -> Iterator[Machine]:
    """Make a host, and leave nothing of it behind."""
    layers = Path(mkdtemp(prefix="oakum-machine-"))
    layers.chmod(0o755)
    root = layers / "root"
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", layers)
    try:
        for part in ("upper", "work", "root"):
            (layers / part).mkdir()
        parts = f"lowerdir=/,upperdir={layers / 'upper'},workdir={layers / 'work'}"
        _run("mount", "-t", "overlay", "overlay", "-o", parts, root)
        _run("mount", "-t", "proc", "proc", root / "proc")
        _run("mount", "--bind", "/dev", root / "dev")
        _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", root / "run")
        _run("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", root / "tmp")
        for remains in ("etc/oakum", "usr/lib/oakum", "var/lib/oakum"):
            shutil.rmtree(root / remains, ignore_errors=True)
        _run("chroot", root, "useradd", "--create-home", "--shell", "/bin/sh", USER)
        yield Machine(root)
    finally:
        subprocess.run(["umount", "-R", root], check=False, capture_output=True)
        _run("umount", "-l", layers)
        layers.rmdir()


def _run(*words: str | Path) -> None:
    done = subprocess.run(words, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, f"{words}: {done.stderr.decode()}"
