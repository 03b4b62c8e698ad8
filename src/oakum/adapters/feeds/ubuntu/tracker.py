"""Ubuntu's CVE tracker, one file a CVE: release → source package → status and note.

Its own files are text, `active/CVE-2023-4056`; others pass them on as JSON. Both are read. Statuses
are described in the tracker's README: released, needed, needs-triage, pending, deferred, ignored,
not-affected, DNE.

    Candidate: CVE-2023-4056
    Priority: medium
    Priority_nginx: low
    jammy_thunderbird: released (1:102.15.0+build1-0ubuntu0.22.04.1)
    esm-apps/bionic_mozjs38: needs-triage
"""

import re
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
    own_priority: dict[str, str] = {}
    """Of packages that have another than the CVE."""
    strange: list[str] = []
    """Lines on packages that make no sense."""


_decode = msgspec.json.Decoder(_Issue).decode
FILE = re.compile(r"CVE-[0-9]{4}-[0-9]+")
CANDIDATE = re.compile(rb"^Candidate: *CVE-", re.MULTILINE)
FIELD = re.compile(r"(?P<name>Candidate|Priority(?:_(?P<package>\S+))?|Description):(?P<value>.*)")
STATUS = re.compile(
    r"(?P<place>[a-z-]+(?:/[a-z-]+)?)_(?P<package>[^\s:]+):\s*"
    r"(?P<status>[A-Za-z-]+)(?:\s+\((?P<note>.*)\))?"
)


def parse_ubuntu(records: Iterable[tuple[str, bytes]], source: str) -> Parsed:
    """Return the statements of (file name, CVE) pairs; what cannot be read is counted."""
    parsed, collected = Parsed(), Collected()
    issues = (record for record in records if _is_issue(*record))
    for name, issue in each(issues, _understand, parsed):
        parsed.unreadable += [f"{name}: {one_line(line, 80)}" for line in issue.strange]
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
                priority = issue.own_priority.get(package, issue.priority)
                try:
                    said = _statement(cve, release, channel, package, entry, priority, source)
                except (ValueError, InvalidVersionError) as error:
                    where = one_line(f"{cve}/{place}/{package}", 100)
                    parsed.unreadable.append(f"{where}: {one_line(str(error))}")
                    continue
                if said is not None:
                    collected.add(said)
    parsed.statements = collected.statements
    return parsed


def _is_issue(name: str, content: bytes) -> bool:
    """Tell the files of CVEs from the others of the tracker's repository."""
    directory, _, base = name.rpartition("/")
    is_named = not directory or base.endswith(".json") or FILE.match(base)
    return bool(is_named or CANDIDATE.search(content))


def _understand(content: bytes) -> _Issue:
    return _decode(content) if content.lstrip()[:1] == b"{" else _read(content.decode())


def _read(text: str) -> _Issue:
    """Return a file of the tracker's own, by its lines; what is indented goes on with a field."""
    issue, description = _Issue(""), list[str]()
    is_described = False
    packages: dict[str, dict[str, _Entry]] = {}
    own, strange = dict[str, str](), list[str]()
    for line in text.splitlines():
        if line[:1].isspace():
            description += [line.strip()] if is_described else []
            continue
        field = FIELD.fullmatch(line)
        is_described = field is not None and field["name"] == "Description"
        if field is None:
            match = STATUS.fullmatch(line.rstrip())
            if match is not None:
                entry = _Entry(match["status"], match["note"] or "")
                packages.setdefault(match["place"], {})[match["package"]] = entry
            elif _is_of_package(line):
                strange.append(line)
        elif field["name"] == "Candidate":
            issue.candidate = field["value"].strip()
        elif field["package"]:
            own[field["package"]] = _first_word(field["value"])
        elif field["name"] == "Priority":
            issue.priority = _first_word(field["value"])
    issue.packages, issue.own_priority, issue.strange = packages, own, strange
    issue.description = " ".join(description)
    return issue


def _is_of_package(line: str) -> bool:
    """Tell whether a line begins as one on a package: `jammy_`, not `Patches_` or `Notes:`."""
    begin = line.partition(":")[0]
    return line[:1].islower() and "_" in begin


def _first_word(text: str) -> str:
    return next(iter(text.split()), "")


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
