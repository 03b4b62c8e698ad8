"""How a command reaches a host."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from oakum.core.inventory.host import Host
from oakum.core.orders.preparation import VERIFIER

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


ASK_VERIFIER = f'exec sudo -n -- {VERIFIER} "$@"'


@dataclass(frozen=True, slots=True)
class GuardedSession:
    """A session with a prepared host: an ordinary login, beside which one program runs as root."""

    inner: Session

    async def run(
        self, script: str, *arguments: str, stdin: bytes = b"", timeout_seconds: float
    ) -> CommandResult:
        """Run a script as the ordinary login."""
        return await self.inner.run(
            script, *arguments, stdin=stdin, timeout_seconds=timeout_seconds
        )

    async def ask(
        self, verb: str, *arguments: str, stdin: bytes = b"", timeout_seconds: float
    ) -> CommandResult:
        """Ask the host's verifier. Its refusals are results; their exit status is REFUSED."""
        return await self.inner.run(
            ASK_VERIFIER, verb, *arguments, stdin=stdin, timeout_seconds=timeout_seconds
        )


REFUSED = 6
"""The exit status with which a verifier refuses; sudo's own is 1."""


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
