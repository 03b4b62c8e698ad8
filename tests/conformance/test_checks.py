"""Checks asked of real servers on loopback: a check never raises, whatever it is asked."""

import asyncio
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conformance.stores import examples
from tests.fakes.transport import Answer, FakeSession
from tests.integration.upstream import WebServer, serving

from oakum.adapters.checks.probes import Probes
from oakum.adapters.transports.local import LocalSession
from oakum.core.errors import TimedOutError, UnreachableError
from oakum.core.inventory.host import Host
from oakum.core.staging.check import Check, CheckKind, CheckResult, Verdict
from oakum.core.text import is_plain
from oakum.ports.transport import CommandResult, Session


def host(address: str = "127.0.0.1") -> Host:
    return replace(examples.host(), address=address)


def ask(
    kind: CheckKind,
    target: str,
    *,
    status: int = 200,
    text: str = "",
    seconds: int = 5,
    address: str = "127.0.0.1",
    session: Session | None = None,
) -> CheckResult:
    check = Check("a check", kind, "*", target, status, text, seconds)
    used = session or LocalSession(host())
    (result,) = asyncio.run(Probes().run([check], host(address), used))
    assert result.check == "a check"
    assert is_plain(result.detail)
    return result


@pytest.fixture(scope="module")
def site() -> Iterator[WebServer]:
    with serving(WebServer()) as served:
        served.files["page"] = "Grüße from the shop".encode()
        served.files["hostile"] = b"\x1b]0;owned\x07" * 10
        served.files["big"] = b"x" * 3_000_000
        served.status["broken"] = 500
        served.files["broken"] = b""
        yield served


@pytest.mark.parametrize(
    ("path", "status", "text", "expected"),
    [
        ("page", 200, "", (Verdict.PASSED, "status 200")),
        ("page", 200, "Grüße", (Verdict.PASSED, "status 200")),
        ("page", 200, "Goodbye", (Verdict.FAILED, "'Goodbye' is not in the page")),
        ("page", 204, "", (Verdict.FAILED, "status 200")),
        ("gone", 200, "", (Verdict.FAILED, "status 404")),
        ("gone", 404, "", (Verdict.PASSED, "status 404")),
        ("broken", 200, "", (Verdict.FAILED, "status 500")),
        ("big", 200, "", (Verdict.PASSED, "status 200")),
    ],
)
def test_http(
    site: WebServer, path: str, status: int, text: str, expected: tuple[Verdict, str]
) -> None:
    """A page passes by its status and its text, and the detail says what was wrong."""
    port = site.url.rpartition(":")[2]
    target = f"http://{{address}}:{port}/{path}"
    result = ask(CheckKind.HTTP, target, status=status, text=text)
    verdict, detail = expected
    assert (result.verdict, detail in result.detail) == (verdict, True)


@pytest.mark.parametrize("kind", [CheckKind.HTTP, CheckKind.TCP])
def test_a_host_of_ipv6_is_asked(kind: CheckKind) -> None:
    """An address with colons is put into a target as URLs want it."""

    async def scenario() -> CheckResult:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(answer, "::1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            target = (
                f"http://{{address}}:{port}/" if kind is CheckKind.HTTP else f"{{address}}:{port}"
            )
            check = Check("a check", kind, "*", target)
            return (await Probes().run([check], host("::1"), LocalSession(host())))[0]

    assert asyncio.run(scenario()).verdict is Verdict.PASSED


@pytest.fixture
def silent() -> Iterator[int]:
    """Listen and say nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_server_that_says_nothing_fails_in_time(silent: int) -> None:
    """A slow page is a failed check, within its own time."""
    result = ask(CheckKind.HTTP, f"http://{{address}}:{silent}/", seconds=1)
    assert result.verdict is Verdict.FAILED
    assert result.milliseconds < 3_000


def test_tcp_passes_where_somebody_listens(silent: int) -> None:
    """A port that accepts connections is open."""
    assert ask(CheckKind.TCP, f"{{address}}:{silent}").verdict is Verdict.PASSED


@pytest.mark.parametrize("kind", [CheckKind.HTTP, CheckKind.TCP])
def test_a_refused_connection_is_a_failed_check(kind: CheckKind) -> None:
    """Nobody listens: the service is down, and that is an answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    target = f"http://{{address}}:{port}/" if kind is CheckKind.HTTP else f"{{address}}:{port}"
    result = ask(kind, target)
    assert result.verdict is Verdict.FAILED
    assert str(port) in result.detail


@pytest.mark.parametrize(
    ("command", "text", "verdict", "detail"),
    [
        ("echo well", "", Verdict.PASSED, "well"),
        ("echo one; echo two", "one", Verdict.PASSED, "two"),
        ("true", "", Verdict.PASSED, "no output"),
        ("echo no >&2; exit 3", "", Verdict.FAILED, "exit status 3: no"),
        ("echo well", "better", Verdict.FAILED, "'better' is not in the output: well"),
        ("no-such-program-of-oakum", "", Verdict.FAILED, "exit status 127"),
        ("cat; echo end", "", Verdict.PASSED, "end"),
        ('echo "it\'s $((6 * 7))"', "", Verdict.PASSED, "it's 42"),
        ("sleep 20", "", Verdict.FAILED, "no answer within 1 s"),
    ],
)
def test_command(command: str, text: str, verdict: Verdict, detail: str) -> None:
    """A command passes by its exit status and its output."""
    result = ask(CheckKind.COMMAND, command, text=text, seconds=1)
    assert (result.verdict, detail in result.detail) == (verdict, True), result


def test_a_unit_that_does_not_exist_fails() -> None:
    """A service that nobody knows does not run."""
    result = ask(CheckKind.UNIT, "oakum-no-such-thing.service")
    assert result.verdict is Verdict.FAILED


def test_a_unit_that_runs_passes() -> None:
    """The unit's name is an argument of ours, never part of a script."""
    session = FakeSession(lambda _: CommandResult(0, b"active\n", b""))
    result = ask(CheckKind.UNIT, "a'; rm -rf /.service", session=session)
    assert (result.verdict, result.detail) == (Verdict.PASSED, "active")
    assert session.asked[0].arguments == ("a'; rm -rf /.service",)
    assert "rm -rf" not in session.asked[0].script


@pytest.mark.parametrize(
    "output",
    [b"\x1b[2J\x1b[31mred", b"\xff\xfe\x00", "\u202egnirts".encode(), b"a\rb", b"x" * 9_000],
)
@pytest.mark.parametrize("status", [0, 1])
def test_hostile_output_is_harmless(output: bytes, status: int) -> None:
    """What a host prints cannot reach a terminal as more than text."""
    session = FakeSession(lambda _: CommandResult(status, output, b""))
    result = ask(CheckKind.COMMAND, "x", session=session)
    assert len(result.detail) <= 400


def test_a_hostile_page_is_harmless(site: WebServer) -> None:
    """Neither is what a page holds."""
    ask(CheckKind.HTTP, f"{site.url}/hostile", text="\x1b[31mnot there")


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (UnreachableError("the connection to web-1 was lost"), Verdict.ERROR),
        (TimedOutError("web-1 did not answer within 5 s"), Verdict.FAILED),
    ],
)
def test_no_connection_is_no_evidence(answer: Answer, verdict: Verdict) -> None:
    """A host that is lost could not be asked; a command that hangs has answered by hanging."""
    session = FakeSession(lambda _: answer)
    assert ask(CheckKind.COMMAND, "x", session=session).verdict is verdict


def test_results_come_in_the_order_of_the_checks() -> None:
    """One result for every check, also where some fail."""
    commands = ["true", "false", "echo third"]
    checks = [Check(c, CheckKind.COMMAND, "*", c) for c in commands]
    results = asyncio.run(Probes().run(checks, host(), LocalSession(host())))
    assert [result.check for result in results] == commands
    assert [result.verdict for result in results] == [
        Verdict.PASSED, Verdict.FAILED, Verdict.PASSED,
    ]  # fmt: skip


def test_nothing_is_left_open(tmp_path: Path) -> None:
    """What a command left in the background holds the check only so long, and ends with it."""
    result = ask(CheckKind.COMMAND, f"sleep 20 & echo $! >{tmp_path}/pid", seconds=2)
    assert result.verdict is Verdict.FAILED
    left = Path("/proc") / (tmp_path / "pid").read_text().strip() / "cmdline"
    end = time.monotonic() + 10  # long before it would end by itself
    while _is_alive(left):
        assert time.monotonic() < end, f"{left} is still there"
        time.sleep(0.05)


def _is_alive(process: Path) -> bool:
    """Tell whether it runs: one that was killed stays for a moment, without a command line."""
    try:
        return process.read_bytes() != b""
    except OSError:
        return False


NASTY = st.sampled_from(
    ["", ":", "::", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:99999999", "127.0.0.1:-1", ":0",
     "http://", "http://[::1", "http://127.0.0.1:99999/", "ftp://x/", "http://\x00/", "\x00",
     "http://a b/", "http://" + "a" * 300 + ".invalid/", "-" * 70 + ".invalid:1", "{address}"]
)  # fmt: skip


@given(kind=st.sampled_from(CheckKind), target=NASTY | st.text(max_size=20))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_check_never_raises(kind: CheckKind, target: str) -> None:
    """Whatever stands in the configuration, the answer is a result."""
    session = FakeSession(lambda _: CommandResult(1, b"", b""))
    result = ask(kind, target, session=session, seconds=2)
    assert result.verdict in {Verdict.FAILED, Verdict.ERROR}


def test_a_command_that_no_shell_can_take_is_an_error() -> None:
    """A NUL in a command cannot be handed to any program."""
    assert ask(CheckKind.COMMAND, "echo \x00").verdict is Verdict.ERROR
