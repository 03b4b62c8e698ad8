"""SSH in this process: one connection a host, thousands at once."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from oakum.adapters.transports.command_line import (
    after_mark,
    new_mark,
    read_both,
    remote_line,
    timed_out,
)
from oakum.adapters.transports.fingerprint import key_changed
from oakum.adapters.transports.own_fault import SHORTAGES, identity_unusable, no_key
from oakum.adapters.transports.ssh_library import asyncssh
from oakum.core.errors import (
    ControllerError,
    HostKeyError,
    InputError,
    LoginError,
    OakumError,
    TimedOutError,
    TransportError,
    UnreachableError,
)
from oakum.core.inventory.host import Host
from oakum.core.text import one_line
from oakum.ports.transport import CommandResult, Session

KEY_EXCHANGE = "^curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256"
"""Fast ones first: with hundreds of hosts the key exchange is the controller's main cost."""
CIPHERS = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"
"""One call a packet; chacha20-poly1305, the usual first, costs this process several."""
KEEPALIVE_SECONDS = 15
KILLED = 128
"""The exit status of a shell that ended by a signal."""
HOST_KEY_KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256")
"""In the order in which they are asked for: the host shows the first that it has."""

logging.getLogger("asyncssh").setLevel(logging.CRITICAL)


class AsyncsshTransport:
    """Opens sessions with asyncssh; the host must show its pinned key."""

    def __init__(self, connect_timeout_seconds: float) -> None:
        self._timeout = connect_timeout_seconds

    def connect(self, host: Host) -> AbstractAsyncContextManager[Session]:
        """Open a session."""
        return self._connect(host)

    async def read_host_key(self, address: str, port: int, *, timeout_seconds: float) -> str:
        """Return the public key that a host shows, ed25519 where it has one."""
        try:
            key = await asyncio.wait_for(
                asyncssh.get_server_host_key(
                    address, port, server_host_key_algs=HOST_KEY_KINDS, config=None
                ),
                timeout_seconds,
            )
        except TimeoutError as error:
            raise TimedOutError(
                f"{address} port {port} did not answer within {timeout_seconds:.0f} s",
                hint="is the address right, and does a firewall let you through?",
            ) from error
        except (OSError, asyncssh.Error) as error:
            raise _unreachable(address, port, error) from error
        if key is None:
            raise UnreachableError(f"{address} port {port} shows no host key")
        algorithm, blob = key.export_public_key("openssh").decode().split()[:2]
        return f"{algorithm} {blob}"

    @asynccontextmanager
    async def _connect(self, host: Host) -> AsyncIterator[Session]:
        connection = await self._open(host)
        try:
            yield AsyncsshSession(
                connection, host, as_root=await _may_become_root(connection, host)
            )
        finally:
            connection.abort()
            await connection.wait_closed()

    async def _open(self, host: Host) -> asyncssh.SSHClientConnection:
        try:
            pinned = asyncssh.import_public_key(host.host_key)
        except asyncssh.KeyImportError as error:
            raise InputError(f"the pinned key of {host.name} cannot be read: {error}") from error
        keys = _identity(host)
        algorithms = [name.decode() for name in (pinned.sig_algorithms or (pinned.algorithm,))]
        # Other kinds as well: a host without the pinned kind shall show what it has.
        algorithms += [kind for kind in HOST_KEY_KINDS if kind not in algorithms]
        try:
            return await asyncssh.connect(
                host.address,
                host.port,
                username=host.user,
                known_hosts=([pinned], [], []),
                server_host_key_algs=algorithms,
                client_keys=keys,
                tunnel=host.proxy_jump or (),
                config=None,
                kex_algs=KEY_EXCHANGE,
                encryption_algs=CIPHERS,
                connect_timeout=self._timeout,
                login_timeout=0,  # connect_timeout covers it, and is told apart from a hang-up
                keepalive_interval=KEEPALIVE_SECONDS,
                agent_forwarding=False,
            )
        except asyncssh.HostKeyNotVerifiable as error:
            raise await self._key_error(host) from error
        except TimeoutError as error:
            raise TimedOutError(
                f"{host.name} did not answer at {host.address} port {host.port} "
                f"within {self._timeout:.0f} s",
                hint="is it up, and does a firewall let you through?",
            ) from error
        except asyncssh.DisconnectError as error:
            refused = _refused(host, error)
            if isinstance(refused, LoginError) and not host.identity_file:
                refused = await self._without_key(host) or refused
            raise refused from error
        except (OSError, asyncssh.Error, ValueError) as error:
            is_key = isinstance(error, asyncssh.KeyImportError) and not host.identity_file
            damaged = _damaged_key(host) if is_key else None
            unreachable = _unreachable(f"{host.name} at {host.address}", host.port, error)
            raise damaged or unreachable from error

    async def _without_key(self, host: Host) -> ControllerError | None:
        """Return why a login could not but be refused: this machine has no key at all to offer.

        Where it has any, nobody knows whether that was the one that the host knows.
        """
        try:
            options = asyncssh.SSHClientConnectionOptions(config=None)
            if options.client_keys:
                return None
            async with asyncio.timeout(self._timeout):
                why = await _why_no_key(options.agent_path)
        except (TimeoutError, asyncssh.KeyImportError):
            return None
        return no_key(host, f"{why}, and ~/.ssh has none without a passphrase") if why else None

    async def _key_error(self, host: Host) -> HostKeyError:
        try:
            shown = await self.read_host_key(host.address, host.port, timeout_seconds=self._timeout)
        except TransportError:
            shown = None
        return key_changed(host, shown)


class AsyncsshSession:
    """One open connection."""

    def __init__(
        self, connection: asyncssh.SSHClientConnection, host: Host, *, as_root: bool
    ) -> None:
        self._connection = connection
        self._host = host
        self._as_root = as_root

    async def run(
        self, script: str, *arguments: str, stdin: bytes = b"", timeout_seconds: float
    ) -> CommandResult:
        """Run a script to its end."""
        mark = new_mark()
        line = remote_line(script, arguments, mark, as_root=self._as_root)
        try:
            async with asyncio.timeout(timeout_seconds):
                result = await self._run(line, stdin)
        except TimeoutError as error:
            raise timed_out(self._host, timeout_seconds) from error
        except (OSError, asyncssh.Error) as error:
            raise _lost(self._host, error) from error
        return after_mark(result, mark, self._host)

    async def _run(self, line: str, stdin: bytes) -> CommandResult:
        process = await self._connection.create_process(line, encoding=None)
        feeding = asyncio.create_task(_feed(process, stdin))
        try:
            stdout, stderr = await read_both(process.stdout.read, process.stderr.read, self._host)
            await process.wait_closed()
        finally:
            feeding.cancel()
            # Closes without waiting: a command that hangs would keep its channel open.
            process.close()
        if process.exit_status is not None:
            return CommandResult(process.exit_status, stdout, stderr)
        if process.exit_signal:
            return CommandResult(KILLED, stdout, stderr)
        message = "the connection was closed in the middle"
        raise ConnectionResetError(message)


async def _feed(process: "asyncssh.SSHClientProcess[bytes]", content: bytes) -> None:
    try:
        process.stdin.write(content)
        await process.stdin.drain()
        process.stdin.write_eof()
    except (OSError, asyncssh.Error):
        return  # the command ended without reading; its exit status says what that means


async def _may_become_root(connection: asyncssh.SSHClientConnection, host: Host) -> bool:
    if host.user == "root" or host.guard is not None:
        return False  # sudo would refuse, and log an attempt of every connection
    try:
        answer = await asyncio.wait_for(connection.run("sudo -n true", check=False), 15)
    except (OSError, asyncssh.Error, TimeoutError):
        return False
    return answer.exit_status == 0


def _identity(host: Host) -> "list[asyncssh.SSHKeyPair] | tuple[()]":
    if not host.identity_file:
        return ()
    try:
        return list(asyncssh.load_keypairs(host.identity_file))
    except (OSError, asyncssh.KeyImportError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise identity_unusable(host, why) from error


def _damaged_key(host: Host) -> ControllerError | None:
    """Return why nothing was sent to the host: a key in ~/.ssh that asyncssh cannot read."""
    try:
        asyncssh.SSHClientConnectionOptions(config=None)
    except asyncssh.KeyImportError as error:
        return no_key(host, f"one in ~/.ssh cannot be read: {error}")
    return None


async def _why_no_key(agent_path: str | None) -> str:
    """Return why the agent has no key, in words; empty when it has one."""
    if not agent_path:
        return "there is no ssh agent (SSH_AUTH_SOCK is not set)"
    try:
        agent = await asyncssh.connect_agent(agent_path)
    except OSError as error:
        return f"the ssh agent at {agent_path} does not answer: {error.strerror or error}"
    try:
        return "" if await agent.get_keys() else f"the ssh agent at {agent_path} holds no key"
    except ValueError as error:
        return f"the ssh agent at {agent_path} does not answer: {error}"
    finally:
        agent.close()
        await agent.wait_closed()


def _refused(host: Host, error: asyncssh.DisconnectError) -> OakumError:
    """Tell a refused login from a connection that ended."""
    is_login = isinstance(error, asyncssh.PermissionDenied)
    if is_login or "authentication failures" in error.reason:
        return LoginError(
            f"{host.name} does not let {host.user} in: {one_line(error.reason)}",
            hint="is the key in its authorized_keys, and the identity file right?",
        )
    return _unreachable(f"{host.name} at {host.address}", host.port, error)


def _unreachable(what: str, port: int, error: Exception) -> OakumError:
    number = error.errno if isinstance(error, OSError) else None
    # asyncio puts words of its own in place of the system's; those of name look-ups are good.
    words = os.strerror(number) if number and number > 0 else str(error)
    if number in SHORTAGES:
        return ControllerError(
            f"no connection to {what} port {port} can be opened here: {words}",
            hint="give Oakum more files and memory (`ulimit -n`), or drive fewer hosts at once",
        )
    return UnreachableError(
        f"{what} port {port} cannot be reached: {one_line(words) or type(error).__name__}",
        hint="is it up, is the address right, is its sshd running?",
    )


def _lost(host: Host, error: Exception) -> UnreachableError:
    return UnreachableError(
        f"the connection to {host.name} was lost: {one_line(str(error) or type(error).__name__)}",
        hint="what was handed over goes on there; run the command again to take it up",
    )
