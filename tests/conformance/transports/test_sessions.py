"""What every session does with a script, its arguments, its input and its output."""

import asyncio
import hashlib
import time
from pathlib import Path

import pytest
from tests.conformance.transports.ssh_server import SshServer

from oakum.core.errors import HostError, TimedOutError
from oakum.ports.transport import MAX_OUTPUT_BYTES, CommandResult, Transport

SECONDS = 20


def run(
    transport: Transport,
    sshd: SshServer,
    script: str,
    *arguments: str,
    stdin: bytes = b"",
    timeout_seconds: float = SECONDS,
) -> CommandResult:
    async def ask() -> CommandResult:
        async with transport.connect(sshd.host) as session:
            return await session.run(
                script, *arguments, stdin=stdin, timeout_seconds=timeout_seconds
            )

    return asyncio.run(ask())


def test_output_comes_back_byte_for_byte(transport: Transport, sshd: SshServer) -> None:
    """Bytes that are no text, and a missing last newline, are what the host printed."""
    result = run(transport, sshd, r"printf '\377\000\033[31m\nx'; printf 'y\200' >&2")
    assert result == CommandResult(0, b"\xff\x00\x1b[31m\nx", b"y\x80")


@pytest.mark.parametrize("status", [0, 1, 42, 126])
def test_exit_status_is_a_result(transport: Transport, sshd: SshServer, status: int) -> None:
    """A command that fails has answered."""
    assert run(transport, sshd, f"exit {status}").exit_status == status


def test_every_argument_stays_one_word(transport: Transport, sshd: SshServer) -> None:
    """Whatever is in an argument, no shell on the way reads it."""
    arguments = (
        "", " ", "two words", "a'b\"c`d", "$(touch /tmp/oakum-was-here)", "${HOME} $1",
        "line\nline\n",
        "-n", "--", "*", "\\", "ümlaut 😀", "; exit 3", "~", "a\tb", "!!", "#",
    )  # fmt: skip
    result = run(transport, sshd, r"""printf '%s\000' "$@" """, *arguments)
    assert result.stdout == b"".join(argument.encode() + b"\0" for argument in arguments)
    assert not Path("/tmp/oakum-was-here").exists()  # noqa: S108 (what an attacker would have made)


def test_a_script_is_plain_posix_shell(transport: Transport, sshd: SshServer) -> None:
    """Comments, quotes and here-documents of our scripts arrive as they are written."""
    script = '# first\nname() { printf \'[%s]\' "$1"; }\nname "$1"\ncat <<END\n$2 it\'s\nEND\n'
    assert run(transport, sshd, script, "a", "b").stdout == b"[a]b it's\n"


def test_megabytes_of_input_arrive(transport: Transport, sshd: SshServer) -> None:
    """A package that is handed over on standard input arrives whole."""
    content = bytes(range(256)) * 4096 * 5
    result = run(transport, sshd, "sha256sum", stdin=content)
    assert result.stdout.split()[0].decode() == hashlib.sha256(content).hexdigest()


def test_input_and_output_flow_at_the_same_time(transport: Transport, sshd: SshServer) -> None:
    """A command that answers while it reads does not wait for us, nor we for it."""
    content = b"x" * 4 * 1024 * 1024
    assert run(transport, sshd, "cat", stdin=content).stdout == content


def test_a_command_need_not_read_its_input(transport: Transport, sshd: SshServer) -> None:
    """Input that nobody wants is no error."""
    result = run(transport, sshd, "echo done; exit 7", stdin=bytes(3 * 1024 * 1024))
    assert result == CommandResult(7, b"done\n", b"")


def test_no_input_is_an_end_and_not_a_wait(transport: Transport, sshd: SshServer) -> None:
    """A command that asks a question is answered with the end of its input."""
    assert run(transport, sshd, "cat; echo end").stdout == b"end\n"


def test_a_session_runs_many_commands_also_at_once(transport: Transport, sshd: SshServer) -> None:
    """One connection is kept for a whole task, and its answers are not mixed up."""

    async def ask() -> list[CommandResult]:
        async with transport.connect(sshd.host) as session:
            first = await session.run("echo first", timeout_seconds=SECONDS)
            others = await asyncio.gather(
                *(session.run('echo "$1"', f"{n}", timeout_seconds=SECONDS) for n in range(5))
            )
            return [first, *others]

    results = asyncio.run(ask())
    assert [result.stdout for result in results] == [b"first\n", *(b"%d\n" % n for n in range(5))]


def test_output_without_end_is_stopped(transport: Transport, sshd: SshServer) -> None:
    """A host that prints more than any answer of ours holds is an error that names it."""
    began = time.monotonic()
    with pytest.raises(HostError, match=r"web-1 printed more than 32 MiB") as caught:
        run(transport, sshd, "cat /dev/zero")
    assert caught.value.hint
    assert time.monotonic() - began < SECONDS


def test_output_up_to_the_limit_is_taken(transport: Transport, sshd: SshServer) -> None:
    """An answer just below the limit is not cut; some room is left for what a login prints."""
    nearly = MAX_OUTPUT_BYTES - 1024
    result = run(transport, sshd, 'head -c "$1" /dev/zero', f"{nearly}")
    assert len(result.stdout) == nearly


@pytest.mark.parametrize("script", ["sleep 30", "sleep 30; true", "exec sleep 30 >/dev/null 2>&1"])
def test_a_command_that_hangs_is_given_up(
    transport: Transport, sshd: SshServer, script: str
) -> None:
    """The time is kept whether or not the hanging program is the shell itself."""
    began = time.monotonic()
    with pytest.raises(TimedOutError, match=r"web-1 did not answer within 1 s") as caught:
        run(transport, sshd, script, timeout_seconds=0.7)
    assert "given up" in (caught.value.hint or "")
    assert time.monotonic() - began < 5


def test_a_session_survives_a_command_that_was_given_up(
    transport: Transport, sshd: SshServer
) -> None:
    """After a time-out the same session can ask what became of it."""

    async def ask() -> bytes:
        async with transport.connect(sshd.host) as session:
            with pytest.raises(TimedOutError):
                await session.run("sleep 30", timeout_seconds=0.3)
            return (await session.run("echo still here", timeout_seconds=SECONDS)).stdout

    assert asyncio.run(ask()) == b"still here\n"


def test_a_cancelled_command_ends_at_once(transport: Transport, sshd: SshServer) -> None:
    """A person who interrupts does not wait for the host."""

    async def ask() -> None:
        async with transport.connect(sshd.host) as session:
            task = asyncio.create_task(session.run("sleep 30", timeout_seconds=SECONDS))
            await asyncio.sleep(0.3)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    began = time.monotonic()
    asyncio.run(ask())
    assert time.monotonic() - began < 5
