"""Nothing is planned or rolled out on the word of advisories that are too old."""

from collections.abc import Mapping
from datetime import timedelta

from oakum.core.advisories.feed import FeedName
from oakum.core.errors import RefusedError
from oakum.ports.clock import Clock
from oakum.ports.stores import UnitOfWorkFactory


def require_freshness(
    begin: UnitOfWorkFactory, limits: Mapping[FeedName, timedelta], clock: Clock
) -> None:
    """Raise RefusedError when a feed that was loaded is older than its limit.

    A feed that was never loaded is not missed here: what nobody has judged is counted as such.
    """
    now = clock.now()
    with begin() as work:
        loaded = work.advisories.feeds().values()
    old = [
        f"{state.feed.value} is {state.age(now).days} days old (limit {limits[state.feed].days})"
        for state in loaded
        if state.feed in limits and state.is_stale(now, limits[state.feed])
    ]
    if old:
        raise RefusedError(
            f"the advisories are too old to act on: {'; '.join(sorted(old))}",
            hint="run `oakum advisories update`; or set refuse_after_hours of the feed in "
            "oakum.toml, 0 for never",
        )
