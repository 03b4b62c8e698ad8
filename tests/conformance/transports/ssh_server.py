"""A real sshd of the tests' own: on loopback, with throw-away keys."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp

from oakum.core.ids import HostId
from oakum.core.inventory.host import Host

ORDINARY_USER = "postgres"
"""An account with a shell that the packages of the tests bring."""
PRIVILEGE_SEPARATION = Path("/run/sshd")
SSH_PORT = 22


@dataclass(frozen=True, slots=True)
class SshServer:
    """A running sshd, and the host that it is to Oakum."""

    directory: Path
    host: Host
    process: "subprocess.Popen[bytes]"

    @property
    def as_user(self) -> Host:
        """Return the host reached as one who is not root."""
        return replace(self.host, user=ORDINARY_USER)

    @property
    def stranger(self) -> Host:
        """Return the host reached with a key that it does not know."""
        return replace(self.host, identity_file=str(self.directory / "stranger"))


@contextmanager
def running_sshd(*settings: str, address: str = "127.0.0.1", port: int = 0) -> Iterator[SshServer]:
    """Run sshd with these further settings."""
    # Its users read their keys there, which pytest's own directories forbid them.
    directory = Path(mkdtemp(prefix="oakum-sshd-"))
    directory.chmod(0o755)
    PRIVILEGE_SEPARATION.mkdir(exist_ok=True)
    try:
        port = port or free_port(address)
        for name in ("host_key", "user", "stranger"):
            make_key(directory / name)
        shutil.copy(directory / "user.pub", directory / "authorized_keys")
        (directory / "authorized_keys").chmod(0o644)
        config = directory / "sshd_config"
        config.write_text("\n".join([*_settings(directory, address, port), *settings, ""]))
        process = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-E", str(directory / "log"), "-f", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until_it_answers(address, port)
            yield SshServer(directory, _host(directory, address, port), process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=10)
    finally:
        shutil.rmtree(directory)


def make_key(path: Path, kind: str = "ed25519") -> None:
    """Make a pair of keys."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(path)], check=True)


def free_port(address: str) -> int:
    """Return a port that nobody listens on."""
    with socket.create_server((address, 0)) as server:
        return int(server.getsockname()[1])


def public_key(path: Path) -> str:
    """Return `kind blob` of a public key file."""
    return " ".join(path.read_text().split()[:2])


def _settings(directory: Path, address: str, port: int) -> list[str]:
    return [
        f"ListenAddress {address}:{port}",
        f"HostKey {directory}/host_key",
        f"AuthorizedKeysFile {directory}/authorized_keys",
        f"PidFile {directory}/pid",
        "StrictModes no",
        "UsePAM yes",
        "PermitRootLogin prohibit-password",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
    ]


def _host(directory: Path, address: str, port: int) -> Host:
    return Host(
        id=HostId("web-1"),
        name="web-1",
        address=address,
        port=port,
        user=pwd.getpwuid(os.geteuid()).pw_name,
        host_key=public_key(directory / "host_key.pub"),
        added_at=datetime(2026, 1, 1, tzinfo=UTC),
        identity_file=str(directory / "user"),
    )


def wait_until_it_answers(address: str, port: int) -> None:
    """Return once an sshd greets; fail when none does."""
    for _ in range(200):
        try:
            with socket.create_connection((address, port), timeout=1) as connection:
                if connection.recv(4) == b"SSH-":
                    return
        except OSError:
            pass
        time.sleep(0.02)
    raise RuntimeError(f"sshd does not answer at {address} port {port}")
