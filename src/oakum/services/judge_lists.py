"""Judge hosts by copies of their lists of packages: many in one run, none of them asked."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oakum.core.advisories.feed import FeedState
from oakum.core.ids import HostId
from oakum.core.inventory.facts import Facts
from oakum.core.matching.component import Topic, made_of
from oakum.core.matching.coverage import Coverage, coverage, outline_of
from oakum.core.matching.finding import Finding
from oakum.core.matching.matcher import AdvisoryIndex, match_open

if TYPE_CHECKING:
    from oakum.ports.advisory_feed import Rulings


@dataclass(frozen=True, slots=True)
class JudgedList:
    """What can be said of a host by its list of packages."""

    host: str
    system: str
    packages: int
    findings: tuple[Finding, ...]
    """The open ones, sorted by source and CVE."""
    coverage: Coverage
    """What could not be judged: the booted kernel and memory never can, without asking."""
    feeds: tuple[FeedState, ...]


def judge_lists(lists: Iterable[Facts], source: "Rulings") -> Iterator[JudgedList]:
    """Give each host as it comes. What an earlier one has as well is not compared again.

    Raises StorageError when the advisories cannot be read.
    """
    index = AdvisoryIndex(source.feeds(), {})
    states, asked = tuple(index.feeds.values()), set[Topic]()
    for facts in lists:
        made = made_of(facts)
        new = {t for c, _ in made if not index.has_judged(c) for t in c.topics} - asked
        if new:
            asked |= new
            index.learn(source.rulings(new))
        findings = match_open(HostId(facts.hostname), made, index)
        yield JudgedList(
            facts.hostname, facts.distribution.label, len(facts.packages), findings,
            coverage(outline_of(facts), index.covered), states,
        )  # fmt: skip
