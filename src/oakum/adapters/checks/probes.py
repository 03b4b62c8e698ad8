"""Checks over HTTP and TCP from here, and over commands and units on the host."""

import asyncio
import contextlib
import time
from collections.abc import Sequence

import httpx

from oakum.adapters.checks import vital_signs
from oakum.core.errors import OakumError, TimedOutError
from oakum.core.inventory.host import Host
from oakum.core.staging.check import Check, CheckKind, CheckResult, Verdict
from oakum.core.staging.vitals import VitalQuestions, Vitals
from oakum.core.text import one_line
from oakum.ports.transport import CommandResult, Session

Answer = tuple[Verdict, str]

RUN_COMMAND = 'exec sh -c "$1" </dev/null'
ASK_UNIT = """
if [ -d /run/systemd/system ]; then
  systemctl is-active -- "$1"
else
  service "${1%.service}" status
fi </dev/null
"""
MAX_BODY_BYTES = 1024 * 1024
MAX_PORT = 65535


class Probes:
    """Asks the checks of a host one after the other: a check must not disturb the next."""

    async def run(
        self, checks: Sequence[Check], host: Host, session: Session
    ) -> tuple[CheckResult, ...]:
        """Return one result for every check, in their order."""
        return tuple([await _ask(check, host, session) for check in checks])

    async def look(self, questions: VitalQuestions, session: Session) -> Vitals:
        """Return the host's vital signs."""
        return await vital_signs.look(questions, session)


async def _ask(check: Check, host: Host, session: Session) -> CheckResult:
    begun = time.monotonic()
    try:
        async with asyncio.timeout(check.timeout_seconds):
            verdict, detail = await _probe(check, host, session)
    except (TimeoutError, TimedOutError):
        verdict, detail = Verdict.FAILED, f"no answer within {check.timeout_seconds} s"
    except OakumError as error:
        verdict, detail = Verdict.ERROR, error.message
    except (ValueError, OverflowError, OSError) as error:
        # A target that the system cannot take: a NUL in a command, a port of eight digits.
        verdict, detail = Verdict.ERROR, f"{check.target}: {error}"
    milliseconds = round(1000 * (time.monotonic() - begun))
    return CheckResult(check.name, verdict, one_line(detail), milliseconds)


async def _probe(check: Check, host: Host, session: Session) -> Answer:
    match check.kind:
        case CheckKind.HTTP:
            return await _probe_http(check, host)
        case CheckKind.TCP:
            return await _probe_tcp(check, host)
        case CheckKind.COMMAND:
            return await _probe_by_script(RUN_COMMAND, check, session)
        case CheckKind.UNIT:
            return await _probe_by_script(ASK_UNIT, check, session)


async def _probe_by_script(script: str, check: Check, session: Session) -> Answer:
    seconds = check.timeout_seconds
    return judge_command(check, await session.run(script, check.target, timeout_seconds=seconds))


def judge_command(check: Check, result: CommandResult) -> Answer:
    """Tell from exit status and output whether a command or unit check passed."""
    output = (result.stdout + result.stderr).decode(errors="replace").strip()
    last = output.splitlines()[-1] if output else "no output"
    if result.exit_status != 0:
        return Verdict.FAILED, f"exit status {result.exit_status}: {last}"
    if check.expect_text not in output:
        return Verdict.FAILED, f"{check.expect_text!r} is not in the output: {last}"
    return Verdict.PASSED, last


async def _probe_http(check: Check, host: Host) -> Answer:
    # In a URL, IPv6 addresses stand in brackets.
    address = f"[{host.address}]" if ":" in host.address else host.address
    url = check.target.replace("{address}", address)
    try:
        if (httpx.URL(url).port or 0) > MAX_PORT:
            return Verdict.ERROR, f"{url}: there is no such port"
        async with (
            httpx.AsyncClient(trust_env=False) as client,
            client.stream("GET", url, timeout=check.timeout_seconds) as response,
        ):
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    break
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Verdict.FAILED, f"{url}: {str(error) or type(error).__name__}"
    if response.status_code != check.expect_status:
        return Verdict.FAILED, f"{url}: status {response.status_code}"
    if check.expect_text not in body.decode(errors="replace"):
        return Verdict.FAILED, f"{url}: {check.expect_text!r} is not in the page"
    return Verdict.PASSED, f"{url}: status {response.status_code}"


async def _probe_tcp(check: Check, host: Host) -> Answer:
    target = check.target.replace("{address}", host.address)
    address, _, port = target.rpartition(":")
    try:
        _, writer = await asyncio.open_connection(address.strip("[]"), int(port))
    except OSError as error:
        return Verdict.FAILED, f"{target}: {error}"
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return Verdict.PASSED, f"{target} accepts connections"
