"""From a constant script and its arguments to one command line, and back to a result."""

import asyncio
import contextlib
import os
import secrets
import shlex
import signal
from collections.abc import Awaitable, Callable

from oakum.core.errors import HostError, TimedOutError
from oakum.core.inventory.host import Host
from oakum.core.text import one_line
from oakum.ports.transport import MAX_OUTPUT_BYTES, CommandResult

CHUNK = 65536
ENDING_SECONDS = 1
"""A killed child's pipes are soon read empty, unless ssh's master connection holds them too."""
Read = Callable[[int], Awaitable[bytes]]


def shell_words(script: str, arguments: tuple[str, ...], *, as_root: bool) -> list[str]:
    """Return the words of the command; every argument stays one word, whatever is in it."""
    return [*(("sudo", "-n", "--") if as_root else ()), "sh", "-c", script, "sh", *arguments]


BEGIN = "printf '%s\\n' \"$1\"; shift\n"
"""A login may print before our script does; what comes after the mark is ours."""


def new_mark() -> str:
    """Return a word that no host can know beforehand."""
    return secrets.token_hex(16)


def remote_line(script: str, arguments: tuple[str, ...], mark: str, *, as_root: bool) -> str:
    """Return the words quoted for the login shell of a remote host; the mark is printed first."""
    return shlex.join(shell_words(BEGIN + script, (mark, *arguments), as_root=as_root))


def after_mark(result: CommandResult, mark: str, host: Host) -> CommandResult:
    """Return the result without what the login printed. Raises HostError when nothing is ours."""
    before, found, ours = result.stdout.partition(f"{mark}\n".encode())
    if not found:
        said = one_line((before + b" " + result.stderr).decode(errors="replace"))
        raise HostError(
            f"{host.name} did not run our command (exit status {result.exit_status}): "
            f"{said or 'it said nothing'}",
            hint="has the account a login shell, and does nothing force another command on it?",
        )
    return CommandResult(result.exit_status, ours, result.stderr)


async def read_capped(read: Read, host: Host) -> bytes:
    """Read to the end; a host that prints without end is stopped, not obeyed."""
    parts, size = list[bytes](), 0
    while part := await read(CHUNK):
        parts.append(part)
        size += len(part)
        if size > MAX_OUTPUT_BYTES:
            raise HostError(
                f"{host.name} printed more than {MAX_OUTPUT_BYTES // 1024**2} MiB",
                hint="log in and see what its shell start-up files print",
            )
    return b"".join(parts)


def timed_out(host: Host, seconds: float) -> TimedOutError:
    """Return the error for a command that did not end."""
    return TimedOutError(
        f"{host.name} did not answer within {seconds:.0f} s",
        hint="is it overloaded, or does a file system hang? the command was given up, not repeated",
    )


async def read_both(stdout: Read, stderr: Read, host: Host) -> tuple[bytes, bytes]:
    """Read both outputs at once; when one of them fails, the other is not read on."""
    tasks = [asyncio.create_task(read_capped(read, host)) for read in (stdout, stderr)]
    try:
        out, err = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return out, err


async def start_child(words: list[str]) -> asyncio.subprocess.Process:
    """Start a program with pipes, in a group of its own: what it starts ends with it."""
    return await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


async def finish_child(
    process: asyncio.subprocess.Process, stdin: bytes, host: Host
) -> CommandResult:
    """Feed a child, read all that it prints and wait for its end; otherwise end it and its own."""
    if process.stdout is None or process.stderr is None:
        message = "a child process without pipes"
        raise ValueError(message)
    feeding = asyncio.create_task(_feed(process, stdin))
    try:
        out, err = await read_both(process.stdout.read, process.stderr.read, host)
        return CommandResult(await process.wait(), out, err)
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    pipes = [pipe for pipe in (process.stdout, process.stderr) if pipe is not None]
    if process.returncode is not None and all(pipe.at_eof() for pipe in pipes):
        return
    # Also what a shell that has ended left behind, and what holds its pipes.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # asyncio sees the end of a child only once its pipes are read empty.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ENDING_SECONDS):
            await process.communicate()


async def _feed(process: asyncio.subprocess.Process, content: bytes) -> None:
    """Write a child's standard input and close it; a child may end without reading it."""
    if process.stdin is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(content)
        await process.stdin.drain()
    process.stdin.close()
