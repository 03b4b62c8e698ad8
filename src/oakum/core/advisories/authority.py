"""Whose word counts, where several sources speak of one CVE in one package of one release.

1. The vendor's own tracker, VEX or secdb: made from all that follows, and the only one that says
   that a release is not affected, or that an issue is open.
2. An advisory of the vendor (DSA, DLA, errata), where the tracker has no word on the CVE; or where
   it was issued after our copy of the tracker was made, and the tracker calls the issue open or
   undetermined, or knows only a lower version: that fix was not enough.
3. The tracker's list, where the tracker's own decision is not here or silent. It says little of a
   release itself, so an advisory for the release counts more; unless the list calls it still not
   fixed enough, by a higher version, or no longer supported.
4. A copy that somebody else made of the above, where the vendor's own is not here or silent.

Of several of one kind the highest fix counts. Nothing is lost by that: every statement is kept, and
`oakum explain` shows each with its source.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import IntEnum
from functools import reduce

from oakum.core.advisories.feed import FeedName
from oakum.core.advisories.statement import Subject, Urgency, VendorStatement, VendorStatus
from oakum.core.versions.scheme import scheme_of


class Authority(IntEnum):
    """What kind of source a feed is; the lowest counts first."""

    TRACKER = 1
    ADVISORIES = 2
    LIST = 3
    COPY = 4


AUTHORITY = {
    FeedName.DEBIAN_TRACKER: Authority.TRACKER,
    FeedName.DEBIAN_DSA: Authority.ADVISORIES,
    FeedName.DEBIAN_DLA: Authority.ADVISORIES,
    FeedName.DEBIAN_CVE: Authority.LIST,
    FeedName.UBUNTU_TRACKER: Authority.TRACKER,
    FeedName.ALPINE_SECDB: Authority.TRACKER,
    FeedName.REDHAT_VEX: Authority.TRACKER,
    FeedName.SUSE_VEX: Authority.TRACKER,
    FeedName.OPENVEX: Authority.COPY,
    FeedName.OSV_ALMALINUX: Authority.ADVISORIES,
    FeedName.OSV_ROCKY: Authority.ADVISORIES,
    FeedName.OSV_REDHAT: Authority.ADVISORIES,
    FeedName.OSV_SUSE: Authority.ADVISORIES,
    FeedName.UPDATEINFO: Authority.ADVISORIES,
    FeedName.OSV_DEBIAN: Authority.COPY,
    FeedName.OSV_UBUNTU: Authority.COPY,
}
"""Every feed that speaks of packages."""

DATED = frozenset({FeedName.DEBIAN_DSA, FeedName.DEBIAN_DLA})
"""Lists of advisories that leave out what is open: of a release that only they name, nothing may
be called judged."""
COVERING = frozenset(feed.value for feed in AUTHORITY if feed not in DATED)
"""The feeds that speak for a whole release."""

MadeOn = Mapping[str, date]
"""By the name of a feed, the day of its data."""


def decide(statements: Iterable[VendorStatement], made_on: MadeOn) -> list[VendorStatement]:
    """Return the statement that counts on each subject."""
    groups: dict[Subject, list[VendorStatement]] = defaultdict(list)
    for said in statements:
        groups[said.subject].append(said)
    return [group[0] if len(group) == 1 else _decide(group, made_on) for group in groups.values()]


def _decide(group: Sequence[VendorStatement], made_on: MadeOn) -> VendorStatement:
    trackers = [said for said in group if authority(said) is Authority.TRACKER]
    tracker = next(iter(trackers), None)
    advisories = [said for said in group if authority(said) is Authority.ADVISORIES]
    listed = next((said for said in group if authority(said) is Authority.LIST), None)
    advisory = _highest(advisories) if advisories else None
    if tracker is None:
        return _undecided(advisory, listed) or _highest(group)
    if advisory is None:
        return tracker
    return advisory if _overrules(advisory, tracker, made_on[tracker.source]) else tracker


def _undecided(
    advisory: VendorStatement | None, listed: VendorStatement | None
) -> VendorStatement | None:
    """Return what counts without the tracker's own decision: what the tracker makes of the two."""
    if advisory is None or listed is None:
        return advisory or listed
    match listed.status:
        case VendorStatus.FIXED:
            return listed if supersedes(listed, advisory) else advisory
        case VendorStatus.OPEN:
            return listed if listed.urgency is Urgency.END_OF_LIFE else advisory
        case VendorStatus.FIXED_IN_UNSTABLE | VendorStatus.UNDETERMINED | VendorStatus.NOT_AFFECTED:
            return advisory  # what is said of the release itself is said by the advisory


def authority(said: VendorStatement) -> Authority:
    """Return what kind of source said it."""
    return AUTHORITY[FeedName(said.source)]


def _overrules(advisory: VendorStatement, tracker: VendorStatement, tracker_made_on: date) -> bool:
    if advisory.issued_on is None or advisory.issued_on <= tracker_made_on:
        return False
    match tracker.status:
        case VendorStatus.OPEN | VendorStatus.UNDETERMINED | VendorStatus.FIXED_IN_UNSTABLE:
            return True
        case VendorStatus.FIXED:
            compare = scheme_of(advisory.release).compare
            return compare(advisory.fixed_version, tracker.fixed_version) > 0
        case VendorStatus.NOT_AFFECTED:
            return False  # an advisory names every CVE of an upload, for all releases together


def _highest(group: Sequence[VendorStatement]) -> VendorStatement:
    return reduce(lambda known, said: said if supersedes(said, known) else known, group)


def supersedes(said: VendorStatement, known: VendorStatement) -> bool:
    """Tell whether a statement counts before another of the same kind on the same subject.

    The higher fix does: an earlier one was not enough. What names no fix counts less than any that
    does: some parts of a release get it first.
    """
    if said.status is not VendorStatus.FIXED:
        return False
    if known.status is not VendorStatus.FIXED:
        return True
    if said.fixed_version == known.fixed_version:
        return False
    return scheme_of(said.release).compare(said.fixed_version, known.fixed_version) > 0
