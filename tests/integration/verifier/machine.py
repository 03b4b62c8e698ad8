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

from tests.conformance.transports.ssh_server import free_port, make_key, wait_until_it_answers

from oakum.adapters.facts.collector import SCRIPT
from oakum.adapters.hooks.records import SCRIPT as HOOK
from oakum.adapters.package_managers.host_scripts import host_programs
from oakum.core.ids import HostId
from oakum.core.orders.preparation import VERIFIER, Preparation, host_files
from oakum.core.text import one_line
from oakum.ports.transport import CommandResult

USER = "oakum-test"
PROGRAMS = host_programs() | {"facts.sh": SCRIPT, "hook.sh": HOOK}
HOST = HostId("web-1")
SNAPSHOTS = "http://127.0.0.1:9/snapshots"
"""Where a host may look for them, if nothing else is said; nobody listens there."""
SSHD = """ListenAddress 127.0.0.1:{port}
HostKey /etc/ssh/test_host_key
PidFile /run/test-sshd.pid
UsePAM yes
PermitRootLogin prohibit-password
PasswordAuthentication no
"""
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

    def prepare(
        self,
        approvers: tuple[str, ...],
        threshold: int,
        host: HostId = HOST,
        snapshots: str = SNAPSHOTS,
    ) -> None:
        """Put there what `oakum hosts prepare` puts there."""
        login = ("ssh-ed25519 AAAA nobody",)
        wanted = Preparation(host, USER, approvers, threshold, login, snapshots)
        for file in host_files(wanted, PROGRAMS):
            path = self.root / file.path.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.content)
            path.chmod(file.mode)


@contextmanager
def serving_ssh(machine: Machine, root_key: Path) -> Iterator[int]:
    """Run the host's own sshd, which lets root in with this key; give its port."""
    port = free_port("127.0.0.1")
    make_key(machine.root / "etc/ssh/test_host_key")
    (machine.root / "etc/ssh/test_config").write_text(SSHD.format(port=port))
    machine.as_root("mkdir -p -m 700 /root/.ssh; mkdir -p /run/sshd")
    keys = machine.root / "root/.ssh/authorized_keys"
    keys.write_text(root_key.with_suffix(".pub").read_text())
    keys.chmod(0o600)
    sshd = subprocess.Popen(
        ["chroot", machine.root, "/usr/sbin/sshd", "-D", "-f", "/etc/ssh/test_config"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_it_answers("127.0.0.1", port)
        yield port
    finally:
        sshd.terminate()
        sshd.wait(timeout=10)


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
