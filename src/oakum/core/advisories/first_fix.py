"""When a CVE was first fixed by an advisory, and in which source packages since then."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from oakum.core.ids import CveId


@dataclass(frozen=True, slots=True)
class AdvisoryFix:
    """One advisory's fix of one CVE in one source package of one release."""

    cve: CveId
    source_name: str
    release: str
    issued_on: date


@dataclass(frozen=True, slots=True)
class FirstFix:
    """What was known on a day about the fixes of one CVE."""

    on: date
    source_names: frozenset[str]


def first_fixes(fixes: Iterable[AdvisoryFix], on: date) -> dict[CveId, FirstFix]:
    """Return the CVEs that an advisory had fixed by that day; later advisories are not seen."""
    found: dict[CveId, FirstFix] = {}
    for fix in fixes:
        if fix.issued_on > on:
            continue
        known = found.get(fix.cve)
        earliest = min(known.on, fix.issued_on) if known else fix.issued_on
        names = known.source_names | {fix.source_name} if known else {fix.source_name}
        found[fix.cve] = FirstFix(earliest, frozenset(names))
    return found
