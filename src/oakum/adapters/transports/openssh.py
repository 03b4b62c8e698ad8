"""SSH through the system's own client, for set-ups that only it understands."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import mkdtemp

from oakum.adapters.transports.command_line import (
    after_mark,
    finish_child,
    new_mark,
    remote_line,
    start_child,
    timed_out,
)
from oakum.adapters.transports.fingerprint import key_changed
from oakum.adapters.transports.own_fault import done_here, missing_identity
from oakum.core.errors import (
    LoginError,
    OakumError,
    TimedOutError,
    UnreachableError,
)
from oakum.core.inventory.host import Host
from oakum.core.text import one_line
from oakum.ports.transport import CommandResult, Session

SSH_FAILED = 255
"""ssh(1): the exit status of the remote command, or 255 if an error occurred."""
CLOSING_SECONDS = 10
HOST_KEY_ALIAS = "oakum-pinned"
"""known_hosts spells addresses differently at port 22, in IPv6 and behind aliases; this is one."""
SHOWN = re.compile(r"SHA256:[A-Za-z0-9+/]+")
POLL_SECONDS = 0.05
MAX_COMPLAINT = 65536


class OpensshTransport:
    """Opens a master connection a host, and runs every command over it."""

    def __init__(self, connect_timeout_seconds: float) -> None:
        self._timeout = connect_timeout_seconds

    def connect(self, host: Host) -> AbstractAsyncContextManager[Session]:
        """Open a session."""
        return self._connect(host)

    @asynccontextmanager
    async def _connect(self, host: Host) -> AsyncIterator[Session]:
        # A control socket's path may hold some 100 bytes, so it stands in a short directory.
        with done_here(host):
            directory = Path(mkdtemp(prefix="oakum-ssh-"))
        try:
            with done_here(host):
                (directory / "known_hosts").write_text(f"{HOST_KEY_ALIAS} {host.host_key}\n")
            options = _options(host, directory, self._timeout)
            session = OpensshSession(host, options, directory / "control")
            await session.open(self._timeout)
            try:
                yield session
            finally:
                await session.close()
        finally:
            shutil.rmtree(directory, ignore_errors=True)


class OpensshSession:
    """One master connection."""

    def __init__(self, host: Host, options: list[str], control: Path) -> None:
        self._host = host
        self._options = [*options, "-o", f"ControlPath={control}"]
        self._control = control
        self._master: asyncio.subprocess.Process | None = None
        self._as_root = False

    async def open(self, timeout_seconds: float) -> None:
        """Connect, log in and see whether root is to be had."""
        with done_here(self._host):
            self._master = await asyncio.create_subprocess_exec(
                "ssh", "-N", "-o", "ControlMaster=yes", "-o", "LogLevel=INFO", *self._options,
                "--", self._host.address,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
        try:
            async with asyncio.timeout(timeout_seconds + CLOSING_SECONDS):
                await self._wait_for_master(self._master)
        except TimeoutError as error:
            await self.close()
            raise timed_out(self._host, timeout_seconds) from error
        # On a prepared host sudo would refuse, and log an attempt of every connection.
        if self._host.user != "root" and self._host.guard is None:
            root = await self._ssh("sudo -n true", b"", timeout_seconds)
            self._as_root = root.exit_status == 0

    async def _wait_for_master(self, master: asyncio.subprocess.Process) -> None:
        while not self._control.exists():
            if master.returncode is not None:
                words = await master.stderr.read(MAX_COMPLAINT) if master.stderr else b""
                raise explain(self._host, words.decode(errors="replace"))
            await asyncio.sleep(POLL_SECONDS)

    async def close(self) -> None:
        """End the master connection."""
        if self._master is not None and self._master.returncode is None:
            self._master.terminate()
            await self._master.wait()

    async def run(
        self, script: str, *arguments: str, stdin: bytes = b"", timeout_seconds: float
    ) -> CommandResult:
        """Run a script to its end."""
        mark = new_mark()
        line = remote_line(script, arguments, mark, as_root=self._as_root)
        result = await self._ssh(line, stdin, timeout_seconds)
        if result.exit_status == SSH_FAILED:
            raise UnreachableError(
                f"the connection to {self._host.name} was lost: "
                f"{_last_words(result.stderr.decode(errors='replace'))}",
                hint="what was handed over goes on there; run the command again to take it up",
            )
        return after_mark(result, mark, self._host)

    async def _ssh(self, line: str, stdin: bytes, timeout_seconds: float) -> CommandResult:
        with done_here(self._host):
            process = await start_child(["ssh", *self._options, "--", self._host.address, line])
        try:
            async with asyncio.timeout(timeout_seconds):
                return await finish_child(process, stdin, self._host)
        except TimeoutError as error:
            raise timed_out(self._host, timeout_seconds) from error


KEY_SIGNS = (
    "HOST IDENTIFICATION HAS CHANGED",
    "Host key verification failed",
)


def explain(host: Host, words: str) -> OakumError:
    """Return what ssh's complaint means."""
    last = _last_words(words)
    if any(sign in words for sign in KEY_SIGNS):
        shown = SHOWN.search(words)
        return key_changed(host, shown[0] if shown else None)
    if "Permission denied" in words or "Too many authentication failures" in words:
        return missing_identity(host) or LoginError(
            f"{host.name} does not let {host.user} in: {last}",
            hint="is the key in its authorized_keys, and the identity file right?",
        )
    if "timed out" in words:
        return TimedOutError(f"{host.name} did not answer: {last}", hint="is it up?")
    return UnreachableError(
        f"{host.name} at {host.address} port {host.port} cannot be reached: {last}",
        hint="is it up, is the address right, is its sshd running?",
    )


def _last_words(words: str) -> str:
    lines = [line for line in words.splitlines() if line.strip()]
    return one_line(lines[-1]) if lines else "ssh said nothing"


def _options(host: Host, directory: Path, timeout_seconds: float) -> list[str]:
    settings = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "HostKeyAlias": HOST_KEY_ALIAS,
        "UserKnownHostsFile": str(directory / "known_hosts"),
        "GlobalKnownHostsFile": "/dev/null",
        "UpdateHostKeys": "no",
        "CheckHostIP": "no",
        # First the pinned kind; a host without it shall show what it has, and be refused.
        "HostKeyAlgorithms": f"^{_algorithms(host.host_key)}",
        "KexAlgorithms": "^curve25519-sha256",
        "ForwardAgent": "no",
        "ForwardX11": "no",
        "PermitLocalCommand": "no",
        "RemoteCommand": "none",
        "RequestTTY": "no",
        "ControlPersist": "no",
        "ClearAllForwardings": "yes",
        "PreferredAuthentications": "publickey",
        "ConnectTimeout": str(int(timeout_seconds)),
        "ServerAliveInterval": "15",
        "ServerAliveCountMax": "4",
        "LogLevel": "ERROR",
    }
    if host.identity_file:
        settings |= {"IdentityFile": host.identity_file, "IdentitiesOnly": "yes"}
    if host.proxy_jump:
        settings["ProxyJump"] = host.proxy_jump
    options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
    return ["-p", str(host.port), "-l", host.user, *options]


def _algorithms(host_key: str) -> str:
    kind = host_key.split(maxsplit=1)[0]
    return "rsa-sha2-512,rsa-sha2-256" if kind == "ssh-rsa" else kind
