"""Metrics: numbers by which changed hosts are held against unchanged ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from oakum.core.canonical import Json
from oakum.core.errors import InputError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Host
from oakum.core.inventory.selector import parse_selector, require_selector


class MetricKind(Enum):
    """Where a number comes from."""

    COMMAND = "command"
    """A command line that prints it, run on the host as whoever logs in."""
    PROMETHEUS = "prometheus"
    """An instant query to a server that speaks Prometheus' HTTP API."""


class Worse(Enum):
    """Which way is worse."""

    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True, slots=True)
class Metric:
    """One number that a host has at a moment; never negative, so that shares of it can be taken."""

    name: str
    kind: MetricKind
    target: str
    """A command line, or a query with `{host}` and `{address}`."""
    worse: Worse
    is_required: bool
    """Whether nothing goes on without it."""
    timeout_seconds: int
    source: str
    """URL of the server that is queried; empty where none is."""
    alike: tuple[tuple[HostId, ...], ...]
    """Hosts that have it, in the groups in which they are paired, those that are most alike first:
    of one environment, then of one class. A host may be in several; its first pair counts."""

    @property
    def hosts(self) -> frozenset[HostId]:
        """Return the hosts that have it."""
        return frozenset(host for hosts in self.alike for host in hosts)

    def is_of(self, host: HostId) -> bool:
        """Tell whether a host has it."""
        return any(host in hosts for hosts in self.alike)

    def in_words(self) -> str:
        """Return it as people read it."""
        need = ", required" if self.is_required else ""
        where = f" at {self.source}" if self.source else ""
        return (
            f"{self.name} ({self.worse.value} is worse{need}): "
            f"{self.kind.value} {self.target}{where}"
        )


@dataclass(frozen=True, slots=True)
class Measurement:
    """What is measured in the course of a plan, and how often."""

    metrics: tuple[Metric, ...]
    interval_seconds: int
    rounds_before: int
    """How often the hosts of a ring are measured before it is changed."""

    def of(self, host: HostId) -> tuple[Metric, ...]:
        """Return the metrics of a host."""
        return tuple(metric for metric in self.metrics if metric.is_of(host))

    def require_time(self, soak_seconds: int) -> None:
        """Raise InputError when the shortest soak is too short for what is required."""
        required = [metric.name for metric in self.metrics if metric.is_required]
        if required and soak_seconds < self.interval_seconds:
            raise InputError(
                f"{', '.join(required)} is required, and a soak of {soak_seconds} s is too short "
                f"to measure every {self.interval_seconds} s",
                hint="soak longer (--soak), or measure more often ([rollout] measure_seconds)",
            )

    def to_json(self) -> Json:
        """Return the canonical form that a plan's digest is made of."""
        return {
            "interval": self.interval_seconds,
            "rounds_before": self.rounds_before,
            "metrics": [
                {
                    "name": metric.name,
                    "kind": metric.kind.value,
                    "target": metric.target,
                    "worse": metric.worse.value,
                    "required": metric.is_required,
                    "timeout": metric.timeout_seconds,
                    "source": metric.source,
                    "alike": [list(hosts) for hosts in metric.alike],
                }
                for metric in self.metrics
            ],
        }


@dataclass(frozen=True, slots=True)
class MetricRule:
    """A metric as it is declared, for the hosts that a selector names."""

    name: str
    selector: str
    kind: MetricKind
    target: str
    worse: Worse
    is_required: bool
    timeout_seconds: int
    source: str = ""

    def applied(self, hosts: Sequence[Host], alike: Iterable[Sequence[HostId]]) -> Metric:
        """Return the metric of those of these hosts that the selector names."""
        selector = parse_selector(self.selector)
        named = {host.id for host in hosts if selector.matches(host)}
        groups = (tuple(host for host in group if host in named) for group in alike)
        # A class that is one environment would be the same group again.
        distinct = {frozenset(group): group for group in groups if group}
        return Metric(
            self.name,
            self.kind,
            self.target,
            self.worse,
            self.is_required,
            self.timeout_seconds,
            self.source,
            tuple(distinct.values()),
        )


@dataclass(frozen=True, slots=True)
class MetricRules:
    """All that is declared about metrics."""

    metrics: tuple[MetricRule, ...] = ()
    interval_seconds: int = 30
    rounds_before: int = 20

    def require_sense(self) -> None:
        """Raise InputError for what could never be measured."""
        names = [metric.name for metric in self.metrics]
        for metric in self.metrics:
            require_selector(metric.selector, f"the metric {metric.name}")
            if names.count(metric.name) > 1:
                raise InputError(
                    f"two [[metrics]] are called {metric.name}", hint="give each its own name"
                )
            if (metric.kind is MetricKind.PROMETHEUS) is not bool(metric.source):
                raise InputError(
                    f"the metric {metric.name} is a {metric.kind.value} and "
                    f"{'has a' if metric.source else 'has no'} url",
                    hint="a prometheus metric needs the server's url, a command has none",
                )

    def measurement(
        self, hosts: Sequence[Host], alike: Sequence[Sequence[HostId]]
    ) -> Measurement | None:
        """Return what is measured on these hosts; None when no metric is of any of them."""
        applied = (metric.applied(hosts, alike) for metric in self.metrics)
        metrics = tuple(metric for metric in applied if metric.alike)
        if not metrics:
            return None
        return Measurement(metrics, self.interval_seconds, self.rounds_before)


NO_METRICS = MetricRules()
