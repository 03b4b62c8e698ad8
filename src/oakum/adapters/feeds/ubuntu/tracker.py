"""Ubuntu's CVE tracker, as JSON, one file a CVE: release → source package → status and note.

The tracker itself is text; the JSON is how its files are passed on. Statuses are described in the
tracker's README: released, needed, needs-triage, pending, deferred, ignored, not-affected, DNE.
"""

from collections.abc import Iterable

import msgspec

from oakum.adapters.feeds.debian.tracker import SOURCE
from oakum.adapters.feeds.parsing import Parsed, each
from oakum.adapters.feeds.statements import Collected
from oakum.core.advisories.cve import CVE
from oakum.core.advisories.signals import CveSignals
from oakum.core.advisories.statement import NoDsaReason, Urgency, VendorStatement, VendorStatus
from oakum.core.ids import CveId
from oakum.core.inventory.distribution import FIPS_CHANNELS, UBUNTU_RELEASES
from oakum.core.text import one_line
from oakum.core.versions.deb import key
from oakum.core.versions.order import InvalidVersionError

RELEASES = frozenset(UBUNTU_RELEASES.values())
CHANNELS = frozenset({"esm-infra", "esm-apps"})
"""Paid channels whose versions continue the release's. FIPS channels have versions of their own, so
each is spoken of as a release: `jammy-fips-updates`."""
STATUSES = {
    "released": VendorStatus.FIXED,
    "not-affected": VendorStatus.NOT_AFFECTED,
    "needs-triage": VendorStatus.UNDETERMINED,
    "needed": VendorStatus.OPEN,
    "pending": VendorStatus.OPEN,
    "deferred": VendorStatus.OPEN,
    "ignored": VendorStatus.OPEN,
    "active": VendorStatus.OPEN,
    "in-progress": VendorStatus.OPEN,
}
ABSENT = "DNE"
"""The release has no such package."""
REASONS = {"deferred": NoDsaReason.POSTPONED, "ignored": NoDsaReason.IGNORED}
URGENCIES = {
    "negligible": Urgency.LOW,
    "low": Urgency.LOW,
    "medium": Urgency.MEDIUM,
    "high": Urgency.HIGH,
    "critical": Urgency.HIGH,
}
"""Ubuntu's priorities in the words that all statements share. Its `negligible` is a real flaw."""


class _Entry(msgspec.Struct):
    status: str
    note: str = ""


class _Issue(msgspec.Struct):
    candidate: str
    priority: str = ""
    description: str = ""
    packages: dict[str, dict[str, _Entry]] = {}


_decode = msgspec.json.Decoder(_Issue).decode


def parse_ubuntu(records: Iterable[tuple[str, bytes]], source: str) -> Parsed:
    """Return the statements of (file name, CVE) pairs; what cannot be read is counted."""
    parsed, collected = Parsed(), Collected()
    for name, issue in each(records, _decode, parsed):
        if not CVE.fullmatch(issue.candidate):
            parsed.unreadable.append(f"{name}: no CVE")
            continue
        cve = CveId(issue.candidate)
        if issue.description:
            parsed.signals.append(CveSignals(cve, summary=one_line(issue.description, 160)))
        for place, packages in issue.packages.items():
            channel, slash, release = place.rpartition("/")
            if channel in FIPS_CHANNELS and release in RELEASES:
                channel, release = "", f"{release}-{channel}"
            elif release not in RELEASES or (slash and channel not in CHANNELS):
                continue
            for package, entry in packages.items():
                try:
                    said = _statement(cve, release, channel, package, entry, issue.priority, source)
                except (ValueError, InvalidVersionError) as error:
                    where = one_line(f"{cve}/{place}/{package}", 100)
                    parsed.unreadable.append(f"{where}: {one_line(str(error))}")
                    continue
                if said is not None:
                    collected.add(said)
    parsed.statements = collected.statements
    return parsed


def _statement(  # noqa: PLR0917 (the columns of one row)
    cve: CveId, release: str, channel: str, package: str, entry: _Entry, priority: str, source: str
) -> VendorStatement | None:
    if entry.status == ABSENT:
        return None
    if not SOURCE.fullmatch(package):
        message = "no package name"
        raise ValueError(message)
    if entry.status not in STATUSES:
        message = f"unknown status {entry.status!r}"
        raise ValueError(message)
    status, version = STATUSES[entry.status], ""
    if status is VendorStatus.FIXED:
        version = entry.note.split()[0] if entry.note.split() else ""
        key(version)
    elif channel:
        # Only a fix makes a paid channel differ from its release.
        return None
    return VendorStatement(
        release=release,
        source_name=package,
        cve=cve,
        status=status,
        fixed_version=version,
        urgency=URGENCIES.get(priority, Urgency.NOT_YET_ASSIGNED),
        no_dsa=REASONS.get(entry.status, NoDsaReason.NONE),
        source=source,
        channel=channel,
    )
