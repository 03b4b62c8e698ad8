"""This machine, without SSH."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from oakum.adapters.transports.command_line import finish_child, shell_words, start_child, timed_out
from oakum.core.inventory.host import Host
from oakum.ports.transport import CommandResult, Session


class LocalTransport:
    """Runs scripts here, as whoever runs Oakum."""

    def connect(self, host: Host) -> AbstractAsyncContextManager[Session]:
        """Open a session; nothing has to be opened."""
        return self._connect(host)

    @asynccontextmanager
    async def _connect(self, host: Host) -> AsyncIterator[Session]:
        yield LocalSession(host)


class LocalSession:
    """Runs scripts as child processes."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def run(
        self, script: str, *arguments: str, stdin: bytes = b"", timeout_seconds: float
    ) -> CommandResult:
        """Run a script to its end."""
        process = await start_child(shell_words(script, arguments, as_root=False))
        try:
            async with asyncio.timeout(timeout_seconds):
                return await finish_child(process, stdin, self._host)
        except TimeoutError as error:
            raise timed_out(self._host, timeout_seconds) from error
