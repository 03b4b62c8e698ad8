"""Metrics read from real commands and from a real HTTP server: one number, or a reason why not."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conformance.stores import examples

from oakum.adapters.metrics.readings import NoNumberError, ShellAndHttpMetrics, number_of
from oakum.adapters.transports.local import LocalSession
from oakum.core.inventory.host import Host
from oakum.core.planning.metric import Metric, MetricKind, Worse
from oakum.core.rollout.measuring import Reading
from oakum.core.text import is_plain

LATENCY = Metric(
    name="latency",
    kind=MetricKind.COMMAND,
    target="echo 1",
    worse=Worse.HIGHER,
    is_required=False,
    timeout_seconds=2,
    source="",
    alike=(),
)


def host() -> Host:
    return replace(examples.host(), address="127.0.0.1", name="web-1")


def read(*metrics: Metric) -> tuple[Reading, ...]:
    return asyncio.run(ShellAndHttpMetrics().read(metrics, host(), LocalSession(host())))


@pytest.mark.parametrize(
    ("command", "value", "why"),
    [
        ("echo 12.5", 12.5, ""),
        ("printf '  7e-3\\n\\n'", 0.007, ""),
        ("echo twelve", None, "'twelve' is no number"),
        ("echo 1; echo 2", None, "is no number"),
        ("echo nan", None, "no number that can be compared"),
        ("true", None, "'' is no number"),
        ("echo 3; echo 'cannot connect' >&2; exit 4", None, "exit status 4: cannot connect"),
        ("cat", None, "'' is no number"),  # it is given nothing to read
        ("sleep 30", None, "no answer within 1 s"),
        ("printf '\\033]0;owned\\007'", None, "is no number"),
    ],
)
def test_a_command_prints_one_number(command: str, value: float | None, why: str) -> None:
    """Anything else is no number, and the reason is one plain line."""
    (found,) = read(replace(LATENCY, target=command, timeout_seconds=1))
    assert found.value == value
    assert why in found.why
    assert is_plain(found.why)


def test_metrics_are_read_at_the_same_time() -> None:
    """They come back in their order, and the slow one does not make the others old."""
    slow = replace(LATENCY, name="slow", target="sleep 0.3; echo 2")
    assert [(r.metric, r.value) for r in read(slow, LATENCY)] == [("slow", 2.0), ("latency", 1.0)]


class _Prometheus(BaseHTTPRequestHandler):
    """Answers queries as its server was told."""

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        query = parse_qs(self.rfile.read(length).decode())["query"][0]
        server = self.server
        assert isinstance(server, _Server)
        server.asked.append((self.path, query))
        status, body = server.answers[query]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is inherited
        pass


class _Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Prometheus)
        self.asked: list[tuple[str, str]] = []
        self.answers: dict[str, tuple[int, bytes]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def prometheus() -> Iterator[_Server]:
    server = _Server()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def vector(*values: str) -> bytes:
    result = [{"metric": {"instance": "web-1"}, "value": [1795660185.781, v]} for v in values]
    return json.dumps(
        {"status": "success", "data": {"resultType": "vector", "result": result}}
    ).encode()


SCALAR = b'{"status":"success","data":{"resultType":"scalar","result":[1795660185.7,"4"]}}'
MATRIX = b'{"status":"success","data":{"resultType":"matrix","result":[]}}'
FAILED = b'{"status":"error","errorType":"bad_data","error":"parse error at char 1"}'


@pytest.mark.parametrize(
    ("status", "body", "value", "why"),
    [
        (200, vector("0.25"), 0.25, ""),
        (200, SCALAR, 4.0, ""),
        (200, vector(), None, "the query gives 0 series"),
        (200, vector("1", "2"), None, "the query gives 2 series"),
        (200, vector("NaN"), None, "no number that can be compared"),
        (200, MATRIX, None, "not Prometheus'"),
        (400, FAILED, None, "status 400"),
        (200, FAILED, None, "the query failed: parse error at char 1"),
        (200, b"<html>", None, "not Prometheus'"),
        (200, b"x" * 2_000_000, None, "more than a megabyte"),
    ],
)
def test_a_query_gives_one_number(status: int, body: bytes, value: float | None, why: str) -> None:
    """Several series are no number of one host; what a server says in its trouble is shown."""
    with prometheus() as server:
        server.answers["up"] = (status, body)
        metric = replace(LATENCY, kind=MetricKind.PROMETHEUS, target="up", source=server.url)
        (found,) = read(metric)
    assert found.value == value
    assert why in found.why
    assert is_plain(found.why)


def test_a_query_names_its_host() -> None:
    """The name and the address of the host are put in, and the query is sent as it is."""
    query = 'rate(errors{instance=~"{host}:.*",ip="{address}"}[5m])'
    sent = 'rate(errors{instance=~"web-1:.*",ip="127.0.0.1"}[5m])'
    with prometheus() as server:
        server.answers[sent] = (200, vector("1"))
        metric = replace(LATENCY, kind=MetricKind.PROMETHEUS, target=query, source=server.url + "/")
        (found,) = read(metric)
    assert found.value == 1.0
    assert server.asked == [("/api/v1/query", sent)]


def test_a_server_that_is_not_there_is_a_reason() -> None:
    """Nothing is raised: the gate has to hear of it."""
    metric = replace(LATENCY, kind=MetricKind.PROMETHEUS, source="http://127.0.0.1:9")
    (found,) = read(metric)
    assert found.value is None
    assert found.why


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_no_answer_is_too_strange(body: bytes) -> None:
    """Whatever a server sends is a number, or none."""
    with suppress(NoNumberError):
        assert isinstance(number_of(body), float)
