"""Numbers from commands on the host, and from servers that speak Prometheus' HTTP API."""

import asyncio
import math
from collections.abc import Sequence

import httpx
import msgspec

from oakum.core.errors import OakumError
from oakum.core.inventory.host import Host
from oakum.core.planning.metric import Metric, MetricKind
from oakum.core.rollout.measuring import Reading
from oakum.core.text import one_line
from oakum.ports.transport import CommandResult, Session

RUN_COMMAND = 'exec sh -c "$1" </dev/null'
MAX_BODY_BYTES = 1024 * 1024
GOOD = 200


class NoNumberError(OakumError):
    """There is an answer, and no number in it."""


class _Result(msgspec.Struct):
    metric: dict[str, str]
    value: tuple[float, str]


class _Vector(msgspec.Struct, tag_field="resultType", tag="vector"):
    result: list[_Result]


class _Scalar(msgspec.Struct, tag_field="resultType", tag="scalar"):
    result: tuple[float, str]


class _Answer(msgspec.Struct):
    """Of /api/v1/query: https://prometheus.io/docs/prometheus/latest/querying/api/."""

    status: str
    data: _Vector | _Scalar | None = None
    error: str = ""


class ShellAndHttpMetrics:
    """Reads the metrics of a host at the same time: they are to be of one moment."""

    async def read(
        self, metrics: Sequence[Metric], host: Host, session: Session
    ) -> tuple[Reading, ...]:
        """Return one reading for every metric, in their order."""
        return tuple(await asyncio.gather(*(_read(metric, host, session) for metric in metrics)))


async def _read(metric: Metric, host: Host, session: Session) -> Reading:
    try:
        async with asyncio.timeout(metric.timeout_seconds):
            value = await _value_of(metric, host, session)
    except TimeoutError:
        return Reading(metric.name, None, f"no answer within {metric.timeout_seconds} s")
    except OakumError as error:
        return Reading(metric.name, None, one_line(error.message))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
        return Reading(metric.name, None, one_line(f"{error!s}" or type(error).__name__))
    return Reading(metric.name, value)


async def _value_of(metric: Metric, host: Host, session: Session) -> float:
    match metric.kind:
        case MetricKind.COMMAND:
            seconds = metric.timeout_seconds
            return number_in(await session.run(RUN_COMMAND, metric.target, timeout_seconds=seconds))
        case MetricKind.PROMETHEUS:
            return number_of(await _ask(metric, host))


def number_in(result: CommandResult) -> float:
    """Return the number that a command printed. Raises NoNumberError for anything else."""
    printed = result.stdout.decode(errors="replace").strip()
    if result.exit_status != 0:
        said = one_line(result.stderr.decode(errors="replace")) or one_line(printed) or "nothing"
        raise NoNumberError(f"exit status {result.exit_status}: {said}")
    return _number(printed)


async def _ask(metric: Metric, host: Host) -> bytes:
    query = metric.target.replace("{host}", host.name).replace("{address}", host.address)
    url = f"{metric.source.rstrip('/')}/api/v1/query"
    async with (
        httpx.AsyncClient(trust_env=False, timeout=metric.timeout_seconds) as client,
        client.stream("POST", url, data={"query": query}) as response,
    ):
        body = b""
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise NoNumberError(f"{metric.source} answers with more than a megabyte")
    if response.status_code != GOOD:
        said = one_line(body.decode(errors="replace"), 120)
        raise NoNumberError(f"{metric.source}: status {response.status_code}: {said}")
    return body


def number_of(body: bytes) -> float:
    """Return the one number of an instant query. Raises NoNumberError for none or several."""
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoNumberError(f"the answer is not Prometheus': {error}") from error
    match answer.data:
        case _Scalar(result=(_, value)) if answer.status == "success":
            return _number(value)
        case _Vector(result=found) if answer.status == "success":
            pass
        case _:
            raise NoNumberError(f"the query failed: {one_line(answer.error) or answer.status}")
    if len(found) != 1:
        raise NoNumberError(
            f"the query gives {len(found)} series", hint="write it so that it gives one a host"
        )
    return _number(found[0].value[1])


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise NoNumberError(f"{one_line(text, 60)!r} is no number") from error
    if not math.isfinite(value):
        raise NoNumberError(f"{text} is no number that can be compared")
    return value
