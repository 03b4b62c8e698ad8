"""How a command reaches a host."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from oakum.core.inventory.host import Host

MAX_OUTPUT_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command printed and how it ended. Bytes: a host may print anything."""

    exit_status: int
    stdout: bytes
    stderr: bytes


class Session(Protocol):
    """One open connection to one host, kept for a whole task."""

    async def run(
        self, script: str, *arguments: str, stdin: bytes = b"", timeout_seconds: float
    ) -> CommandResult:
        """Run a POSIX shell script with arguments, as root where the host allows it.

        The script is a constant of ours; arguments are quoted here, never by the caller.
        Output beyond MAX_OUTPUT_BYTES is an error. Raises TransportError when the script did
        not run to its end; a non-zero exit is a result.
        """
        ...


class Transport(Protocol):
    """Opens sessions. Implementations: asyncssh, the system's OpenSSH client, local."""

    def connect(self, host: Host) -> AbstractAsyncContextManager[Session]:
        """Open a session; the host must show its pinned key.

        Raises UnreachableError, HostKeyError, LoginError or TimedOutError.
        """
        ...


class HostKeyReader(Protocol):
    """Asks a host for its public key before it is trusted."""

    async def read_host_key(self, address: str, port: int, *, timeout_seconds: float) -> str:
        """Return `ssh-ed25519 AAAA…` as the host shows it. Nothing is sent but the handshake."""
        ...
