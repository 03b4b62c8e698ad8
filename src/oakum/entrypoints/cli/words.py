"""How values are put into words and rows; shared by several commands."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.risk.queue import QueueItem


def age_lines(
    feeds: Iterable[FeedState], limits: Mapping[FeedName, timedelta], now: datetime
) -> list[str]:
    """Return a line for each feed: its date, its age, and whether it is too old."""
    lines = []
    for state in feeds:
        days = state.age(now).days
        line = f"{state.feed.value}: as of {state.data_as_of:%Y-%m-%d}, {days} days old"
        if state.is_stale(now, limits[state.feed]):
            line += " - STALE: newer vulnerabilities are not in it; run `oakum advisories update`"
        lines.append(line)
    return lines


def queue_rows(items: Sequence[QueueItem]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Return headings and rows of a queue."""
    headings = ("patch", "fixed in", "hosts", "CVEs", "KEV", "lane", "due", "risk", "sum", "why")
    rows: list[tuple[object, ...]] = [
        (
            item.source_name,
            item.fixed_version,
            len(item.hosts),
            len(item.cves),
            len(item.kev),
            item.lane.value,
            item.due or "none",
            f"{item.share_ppm / 10_000:.1f} %",
            f"{item.cumulative_ppm / 10_000:.1f} %",
            "; ".join(part for part in (item.why, item.counterfactual) if part),
        )
        for item in items
    ]
    return headings, rows


def short(digest: str) -> str:
    """Return the head of a digest, enough to tell it from others."""
    return digest[:12]
