"""Metrics of booted hosts: a change that makes one slower than its neighbour is put back."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.lab.signals.rolling import FIRST, LATER, Trial
from tests.lab.transactions.booted_host import (
    ThrowAwayHost,
    drop_overlay,
    overlay,
    unpack_base_image,
)
from tests.lab.transactions.small_archive import SmallArchive, SmallPackage

from oakum.core.planning.metric import Measurement, Metric, MetricKind, Worse
from oakum.core.rollout.state import Phase, RunState
from oakum.services import run_rollout

pytestmark = pytest.mark.lab

DELAY = "/usr/share/oak/delay"
NOISY = f"echo $(( 1$(date +%N) % 50 + $(cat {DELAY}) ))"
"""A number that jumps about, as latencies do."""
old = SmallPackage("oak-delay", "1.0", {DELAY: "100\n"})
slower = SmallPackage("oak-delay", "1.1", {DELAY: "300\n"})
SOAK_SECONDS = 150


def measurement(target: str, *, is_required: bool = False) -> Measurement:
    metric = Metric(
        "latency", MetricKind.COMMAND, target, Worse.HIGHER, is_required,
        timeout_seconds=5, source="", alike=((FIRST, LATER),),
    )  # fmt: skip
    return Measurement((metric,), 1, 30)


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trial]:
    """Boot a host for each ring."""
    monkeypatch.setattr(run_rollout, "TICK_SECONDS", 0.2)
    base = unpack_base_image(tmp_path, "iproute2")
    archive = SmallArchive(tmp_path / "archive")
    hosts = {}
    with ExitStack() as stack:
        stack.callback(archive.close)
        for name in (FIRST, LATER):
            layers = tmp_path / name
            host = ThrowAwayHost(overlay(base, layers))
            stack.callback(drop_overlay, layers)
            stack.callback(host.close)
            host.boot(f"oak{name}{tmp_path.name[-12:].replace('_', '')}")
            hosts[name] = host
        yield Trial(hosts, archive, archive.access, tmp_path)


def test_a_slower_host_stops_its_ring_and_is_put_back(trial: Trial) -> None:
    """The numbers of one pair are enough for a change that triples them."""
    ended = trial.roll_out(
        old, slower, soak_seconds=SOAK_SECONDS, measurement=measurement(NOISY, is_required=True)
    )
    assert ended.phase is Phase.ROLLED_BACK, ended.reason
    assert "changed hosts are worse than unchanged ones: latency worse in" in ended.reason
    assert ended.measuring.rounds_before == 30
    assert ended.run_of(LATER).state is RunState.SKIPPED
    assert trial.hosts[FIRST].shell(f"cat {DELAY}") == "100\n"


def test_a_number_that_a_change_takes_away_is_missed(trial: Trial) -> None:
    """The second ring is not begun when the metric is required and its command fails now."""
    gone = SmallPackage("oak-delay", "1.1", {"/usr/share/oak/other": "x\n"})
    ended = trial.roll_out(
        old, gone, soak_seconds=20, measurement=measurement(NOISY, is_required=True)
    )
    assert ended.phase is Phase.PAUSED, ended.reason
    assert "too few numbers from after the change: latency: 0 of" in ended.reason
    assert "No such file" in ended.reason
    assert ended.run_of(LATER).state is RunState.PENDING
