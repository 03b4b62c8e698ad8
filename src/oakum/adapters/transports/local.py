"""This machine, without SSH."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from oakum.adapters.transports.command_line import feed, read_capped, reader, shell_words, timed_out
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
        process = await asyncio.create_subprocess_exec(
            *shell_words(script, arguments, as_root=False),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._finish(process, stdin)
        except TimeoutError as error:
            raise timed_out(self._host, timeout_seconds) from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _finish(self, process: asyncio.subprocess.Process, stdin: bytes) -> CommandResult:
        feeding = asyncio.create_task(feed(process, stdin))
        stdout, stderr = await asyncio.gather(
            read_capped(reader(process.stdout), self._host),
            read_capped(reader(process.stderr), self._host),
        )
        status = await process.wait()
        await feeding
        return CommandResult(status, stdout, stderr)
