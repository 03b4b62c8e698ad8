"""How long a changed host waits to be confirmed before it goes back by itself."""

from collections.abc import Iterable
from datetime import timedelta
from math import ceil

from oakum.core.planning.change import PackageChange
from oakum.core.planning.plan import Plan
from oakum.core.rollback.classes import goes_back_alone
from oakum.core.rollout.host_run import PATIENCE

SHORTEST = timedelta(minutes=30)
MINUTE = 60


def usual_seconds(slowest_host: int) -> int:
    """Return the time for a plan whose slowest host is predicted to take so many seconds.

    Longer than a controller waits for a silent host, and than the host may take, boot and checks
    included, at half the pace that is expected of it: a whole number of minutes.
    """
    seconds = max(SHORTEST.total_seconds(), PATIENCE.total_seconds() + 2 * slowest_host)
    return MINUTE * ceil(seconds / MINUTE)


def deadman_seconds(plan: Plan, changes: Iterable[PackageChange]) -> int:
    """Return how long a host with these changes waits; 0 when it never goes back by itself."""
    return plan.deadman_seconds if plan.deadman_seconds and goes_back_alone(changes) else 0
