"""How values are put into words and rows; shared by several commands."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.ids import HostId
from oakum.core.inventory.host import Host
from oakum.core.inventory.support import Supported, ended_or_ending
from oakum.core.matching.coverage import Covered, Outline, coverage
from oakum.core.risk.exceptions import RiskException
from oakum.core.risk.queue import MILLION, QueueItem
from oakum.core.risk.weakness import WeaknessGroup
from oakum.core.text import counted
from oakum.ports.stores import ScanFailure, UnitOfWork
from oakum.services.match_fleet import MatchResult

SHOWN_LINES = 100
"""Of what is not judged; a fleet in which nothing was scanned yet has a line for each host."""


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


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known of hosts, and so what an answer about them leaves out."""

    hosts: Sequence[Host]
    outlines: Mapping[HostId, Outline]
    failures: Mapping[HostId, ScanFailure]
    covered: Covered

    @classmethod
    def of(cls, hosts: Sequence[Host], work: UnitOfWork) -> "Knowledge":
        """Read what is known."""
        return cls(hosts, work.facts.outlines(), work.facts.failures(), work.advisories.covered())

    def gaps(self, each: int, releases: Supported, today: date) -> list[str]:
        """Return a line for what is not judged: whole hosts, and so many parts of each other.

        And for releases that get no fixes any more: there is little to judge them by.
        """
        lines = [line for host in self.hosts for line in self._gaps_of(host, each)]
        more = len(lines) - SHOWN_LINES
        known = (self.outlines.get(host.id) for host in self.hosts)
        releases_run = (outline.distribution.named for outline in known if outline is not None)
        return [
            *ended_or_ending(releases_run, releases, today),
            *lines[:SHOWN_LINES],
            *([f"and {more} more lines like these: choose fewer hosts to see theirs"] * (more > 0)),
        ]

    def _gaps_of(self, host: Host, each: int) -> Iterator[str]:
        known, failure = self.outlines.get(host.id), self.failures.get(host.id)
        if failure is not None:
            yield f"{host.name} is judged by older facts: its last scan failed: {failure.reason}"
        if known is None:
            yield f"not judged: {host.name}: never scanned"
            return
        answer = coverage(known, self.covered)
        shown = answer.unknown if answer.judged == 0 else answer.unknown[:each]
        for what, why in shown:
            yield f"not judged on {host.name}: {what}: {why}"


def queue_rows(items: Sequence[QueueItem]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Return headings and rows of a queue."""
    headings = (
        *("patch", "fixed in", "hosts", "restarts", "reboots", "CVEs", "KEV", "lane", "due"),
        *("risk", "share", "sum", "weakness", "why"),
    )
    rows: list[tuple[object, ...]] = [
        (
            item.source_name,
            item.fixed_version,
            item.hosts,
            item.restarts,
            item.reboots,
            len(item.cves),
            len(item.kev),
            item.lane.value,
            item.due or "none",
            f"{item.risk / MILLION:.1f}",
            f"{item.share_ppm / 10_000:.1f} %",
            f"{item.cumulative_ppm / 10_000:.1f} %",
            ", ".join(f"{weakness.cwe} ({weakness.cves})" for weakness in item.weaknesses[:1]),
            "; ".join(part for part in (item.why, item.counterfactual) if part),
        )
        for item in items
    ]
    return headings, rows


def weakness_rows(
    groups: Sequence[WeaknessGroup],
) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Return headings and rows of what is to be patched, by its kind."""
    rows: list[tuple[object, ...]] = [
        (
            group.cwe or "not known",
            len(group.cves),
            len(group.kev),
            group.hosts,
            len(group.patches),
            ", ".join(group.patches),
        )
        for group in groups
    ]
    return ("weakness", "CVEs", "KEV", "hosts", "patches", "of"), rows


def exception_lines(exceptions: Iterable[RiskException], today: date) -> list[str]:
    """Return a line for each exception: what the queue leaves out, or no longer does."""
    return [
        f"not in the queue until {e.until}: {e.what} ({e.hosts or 'all hosts'}), by {e.owner}"
        if e.holds(today)
        else f"{e.id} ran out on {e.until}: {e.what} is due again"
        for e in exceptions
    ]


def tally_line(matched: MatchResult) -> str:
    """Return how many findings are open on how many hosts, by their states."""
    counts = {
        state: count for state, count in matched.tally.by_state.items() if count and state.is_open
    }
    each = ", ".join(f"{count} {state.value}" for state, count in counts.items())
    total = counted(sum(counts.values()), "open finding")
    return f"{total} on {counted(matched.hosts, 'host')}" + (f": {each}" if each else "")


def short(digest: str) -> str:
    """Return the head of a digest, enough to tell it from others."""
    return digest[:12]


def group_in_words(group: str) -> str:
    """Return which hosts a worker of a group drives."""
    return f"of {group}" if group else "without a zone"
