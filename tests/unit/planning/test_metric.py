"""Declared metrics, and what of them a plan takes up."""

from dataclasses import replace

import pytest
from tests.plans import NOW

from oakum.core.errors import InputError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Host
from oakum.core.planning.metric import MetricKind, MetricRule, MetricRules, Worse

RULE = MetricRule(
    name="latency",
    selector="role:web",
    kind=MetricKind.COMMAND,
    target="cat /run/latency",
    worse=Worse.HIGHER,
    is_required=False,
    timeout_seconds=5,
)
HOSTS = tuple(
    Host(HostId(name), name, f"host-{name}", 22, "root", "key", NOW, (f"role={name[:-1]}",))
    for name in ("web1", "web2", "web3", "db1")
)
ALIKE = [(HostId("web1"), HostId("web2")), (HostId("db1"),), (HostId("web3"),)]


def test_a_plan_takes_up_what_its_hosts_have() -> None:
    """Hosts that the selector does not name are left out; those that change alike stay together."""
    found = MetricRules((RULE,), 60, 5).measurement(HOSTS, ALIKE)
    assert found is not None
    (metric,) = found.metrics
    assert metric.alike == (("web1", "web2"), ("web3",))
    assert (found.interval_seconds, found.rounds_before) == (60, 5)
    assert found.of(HostId("web3")) == (metric,)
    assert found.of(HostId("db1")) == ()
    assert metric.in_words() == "latency (higher is worse): command cat /run/latency"


def test_a_group_is_named_once_and_a_host_is_counted_once() -> None:
    """A class that is one environment is no second group; one that is several, is."""
    web = ALIKE[0]
    found = MetricRules((RULE,), 60, 5).measurement(
        HOSTS, [web[:1], web[1:], ALIKE[2], web, ALIKE[2]]
    )
    assert found is not None
    (metric,) = found.metrics
    assert metric.alike == (web[:1], web[1:], ALIKE[2], web)
    assert metric.hosts == {"web1", "web2", "web3"}


def test_metrics_of_no_host_measure_nothing() -> None:
    """A plan without such hosts is as if there were no metrics: its digest does not change."""
    rules = MetricRules((replace(RULE, selector="role:mail"),))
    assert rules.measurement(HOSTS, ALIKE) is None


def test_what_is_required_must_be_measurable() -> None:
    """A soak without a round could never tell, and such a plan is refused."""
    required = MetricRules((replace(RULE, is_required=True),), 60, 5)
    found = required.measurement(HOSTS, ALIKE)
    assert found is not None
    with pytest.raises(InputError, match="soak of 59 s is too short"):
        found.require_time(59)
    found.require_time(60)
    optional = MetricRules((RULE,), 60, 5).measurement(HOSTS, ALIKE)
    assert optional is not None
    optional.require_time(0)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ((RULE, RULE), "two .* are called latency"),
        ((replace(RULE, kind=MetricKind.PROMETHEUS),), "has no url"),
        ((replace(RULE, source="http://prometheus.example"),), "has a url"),
        ((replace(RULE, selector="role:"),), "role:"),
    ],
)
def test_what_makes_no_sense_is_said(rules: tuple[MetricRule, ...], said: str) -> None:
    """Before any plan is made of it."""
    with pytest.raises(InputError, match=said):
        MetricRules(rules).require_sense()
