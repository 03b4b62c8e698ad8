"""Whose word counts, where several sources speak of one CVE in one package of one release.

1. Debian's security tracker: the security team makes it from all that follows, and it is the only
   one that says that a release is not affected, or that an issue is open.
2. A DSA or DLA, where the tracker has no word on the CVE; or where it was issued after our copy of
   the tracker was made, and the tracker calls the issue open or undetermined, or knows only a lower
   version: that fix was not enough.

Nothing is lost by that: every statement is kept, and `oakum explain` shows each with its source.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from functools import cmp_to_key

from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.versions.deb import compare

TRACKER = "debian-tracker"


def decide(statements: Iterable[VendorStatement], tracker_made_on: date) -> list[VendorStatement]:
    """Return the statement that counts for each (release, source package, CVE), in their order."""
    groups: dict[tuple[str, str, str], list[VendorStatement]] = defaultdict(list)
    for statement in statements:
        groups[statement.release, statement.source_name, statement.cve].append(statement)
    return [
        group[0] if len(group) == 1 else _decide(group, tracker_made_on)
        for group in groups.values()
    ]


def _decide(group: Sequence[VendorStatement], tracker_made_on: date) -> VendorStatement:
    tracker = next((said for said in group if said.source == TRACKER), None)
    advisories = [said for said in group if said.source != TRACKER]
    highest = max(advisories, key=cmp_to_key(_by_version)) if advisories else None
    if tracker is None or highest is None:
        return tracker or highest or group[0]
    return highest if _overrules(highest, tracker, tracker_made_on) else tracker


def _overrules(advisory: VendorStatement, tracker: VendorStatement, tracker_made_on: date) -> bool:
    if advisory.issued_on is None or advisory.issued_on <= tracker_made_on:
        return False
    match tracker.status:
        case VendorStatus.OPEN | VendorStatus.UNDETERMINED:
            return True
        case VendorStatus.FIXED:
            return compare(advisory.fixed_version, tracker.fixed_version) > 0
        case VendorStatus.NOT_AFFECTED:
            return False  # an advisory names every CVE of an upload, for all releases together


def _by_version(one: VendorStatement, other: VendorStatement) -> int:
    return compare(one.fixed_version, other.fixed_version)
