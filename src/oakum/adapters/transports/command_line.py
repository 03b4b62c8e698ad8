"""From a constant script and its arguments to one command line, and back to a result."""

import asyncio
import contextlib
import shlex
from collections.abc import Awaitable, Callable

from oakum.core.errors import HostError, TimedOutError
from oakum.core.inventory.host import Host
from oakum.ports.transport import MAX_OUTPUT_BYTES

CHUNK = 65536
Read = Callable[[int], Awaitable[bytes]]


def shell_words(script: str, arguments: tuple[str, ...], *, as_root: bool) -> list[str]:
    """Return the words of the command; every argument stays one word, whatever is in it."""
    return [*(("sudo", "-n", "--") if as_root else ()), "sh", "-c", script, "sh", *arguments]


def remote_line(script: str, arguments: tuple[str, ...], *, as_root: bool) -> str:
    """Return the words quoted for the login shell of a remote host."""
    return shlex.join(shell_words(script, arguments, as_root=as_root))


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


def reader(stream: asyncio.StreamReader | None) -> Read:
    """Return how to read a pipe of a child process, which is always there by construction."""
    if stream is None:
        message = "a child process without pipes"
        raise ValueError(message)
    return stream.read


async def feed(process: asyncio.subprocess.Process, content: bytes) -> None:
    """Write a child's standard input and close it; a child may end without reading it."""
    if process.stdin is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(content)
        await process.stdin.drain()
    process.stdin.close()
