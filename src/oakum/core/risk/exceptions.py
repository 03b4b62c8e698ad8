"""Exceptions: somebody answers for not patching something for a while, and says why.

An exception takes work out of the queue; it closes no finding. It ends by itself: after its last
day what it covered is due again, from the date on which it would have been due without it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from oakum.core.errors import InputError
from oakum.core.ids import CveId
from oakum.core.inventory.selector import parse_selector
from oakum.core.matching.fleet import Exposed, Fix, Holding, HostSet, Rung
from oakum.core.text import is_plain

LONGEST_DAYS = 366


@dataclass(frozen=True, slots=True)
class RiskException:
    """One decision not to patch."""

    id: str
    """`exception-1`."""
    cve: CveId | None
    """None: every CVE of the package."""
    source_name: str
    """Empty: the CVE in every package."""
    hosts: str
    """A selector; empty for the whole fleet, also for hosts that are added later."""
    owner: str
    """Who answers for it."""
    reason: str
    created_at: datetime
    created_by: str
    until: date
    """The last day on which it holds."""

    def holds(self, today: date) -> bool:
        """Tell whether it has not run out."""
        return today <= self.until

    def covers(self, source_name: str, cve: CveId) -> bool:
        """Tell whether a CVE in a package is excepted, on the hosts that it is about."""
        return self.cve in (None, cve) and self.source_name in ("", source_name)

    @property
    def what(self) -> str:
        """Return what is excepted, in words."""
        return " in ".join(str(part) for part in (self.cve, self.source_name) if part)


def require_sense(exception: RiskException, today: date) -> None:
    """Raise InputError for an exception that nobody could answer for."""
    if exception.cve is None and not exception.source_name:
        raise InputError("name a CVE, a package or both: an exception for everything is none")
    for name, words in (("owner", exception.owner), ("reason", exception.reason)):
        if not words.strip() or not is_plain(words):
            raise InputError(f"the {name} must be one plain line", hint="who reads it later?")
    if not exception.holds(today):
        raise InputError(f"{exception.until} has passed: the exception would never hold")
    if (exception.until - today).days > LONGEST_DAYS:
        raise InputError(
            f"{exception.until} is more than a year away",
            hint="an exception is looked at again at least once a year",
        )
    parse_selector(exception.hosts)


@dataclass(frozen=True, slots=True)
class Excepted:
    """An exception that holds, with the hosts that it is about today."""

    exception: RiskException
    hosts: HostSet


def without(exposed: Iterable[Exposed], excepted: Sequence[Excepted]) -> Iterator[Exposed]:
    """Give what is left to patch."""
    for found in exposed:
        left = [found]
        for entry in excepted:
            left = [part for whole in left for part in _parts(whole, entry)]
        yield from left


def _parts(whole: Exposed, entry: Excepted) -> Iterator[Exposed]:
    """Give those hosts that it is not about, with all they lack, and the others with what stays."""
    covered = [f for f in whole.fixes if entry.exception.covers(whole.source, f.statement.cve)]
    if not covered:
        yield whole
        return
    others = _only(whole, [(r, r.hosts - entry.hosts) for r in whole.rungs], whole.fixes)
    staying = [fix for fix in whole.fixes if fix not in covered]
    theirs = _only(whole, [(r, r.hosts & entry.hosts) for r in whole.rungs], staying)
    yield from (part for part in (others, theirs) if part is not None)


def _only(
    whole: Exposed, rungs: Sequence[tuple[Rung, HostSet]], fixes: Sequence[Fix]
) -> Exposed | None:
    """Return a part of the hosts with some of the fixes; None when nothing is left to do."""
    if not any(hosts for _, hosts in rungs) or not fixes:
        return None
    lowest = max(fix.lacking for fix in fixes)
    kept = tuple(
        replace(rung, hosts=hosts, holdings=tuple(_held(rung.holdings, hosts)))
        for rung, hosts in rungs[:lowest]
    )
    if not any(rung.hosts for rung in kept):
        return None
    # A fix that only rungs without hosts lack is nobody's.
    used = [fix for fix in fixes if any(rung.hosts for rung in kept[: fix.lacking])]
    return replace(whole, rungs=kept, fixes=tuple(used)) if used else None


def _held(holdings: Iterable[Holding], hosts: HostSet) -> Iterator[Holding]:
    for held in holdings:
        if of_those := held.hosts & hosts:
            yield replace(held, hosts=of_those)
