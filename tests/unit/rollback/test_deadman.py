"""How long a host waits to be confirmed, and which host does not wait at all."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plans import CHANGE, PLAN

from oakum.core.planning.change import PackageChange, RollbackClass
from oakum.core.rollback.deadman import deadman_seconds, usual_seconds
from oakum.core.rollout.host_run import PATIENCE


@given(st.integers(0, 500_000))
def test_the_usual_time_is_longer_than_the_host_and_the_patience(slowest: int) -> None:
    """At half the expected pace the controller is still in time."""
    seconds = usual_seconds(slowest)
    assert seconds >= PATIENCE.total_seconds() + 2 * slowest
    assert seconds >= 1800
    assert seconds % 60 == 0


def _of(rollback_class: RollbackClass, old: str, new: str, source: str) -> PackageChange:
    return replace(
        CHANGE,
        rollback_class=rollback_class,
        old_version=old,
        new_version=new,
        source_name=source,
    )


@pytest.mark.parametrize(
    ("change", "waits"),
    [
        (CHANGE, True),
        (_of(RollbackClass.SERVICE, "1.22.0-1", "1.22.1-1", "nginx"), True),
        (_of(RollbackClass.CORE, "2.36-9", "2.36-10", "glibc"), True),
        (_of(RollbackClass.CORE, "2.36-9", "2.37-1", "glibc"), False),
        (_of(RollbackClass.STATEFUL, "15.4-1", "15.5-1", "postgresql-15"), True),
        (_of(RollbackClass.STATEFUL, "10.5.1-1", "10.6.1-1", "mariadb"), False),
        (_of(RollbackClass.KERNEL, "6.1.1-1", "6.1.2-1", "linux"), False),
        (_of(RollbackClass.ONE_WAY, "1.1", "1.2", "shim"), False),
    ],
)
def test_only_a_way_back_that_is_safe_alone_is_taken_alone(
    change: PackageChange, *, waits: bool
) -> None:
    """One change that needs a person keeps the whole host from it."""
    assert deadman_seconds(PLAN, (CHANGE, change)) == (1800 if waits else 0)
    assert deadman_seconds(replace(PLAN, deadman_seconds=0), (CHANGE, change)) == 0
