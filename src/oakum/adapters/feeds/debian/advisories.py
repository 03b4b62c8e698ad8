"""Debian's lists of advisories, `data/DSA/list` and `data/DLA/list` of the security tracker.

An entry is a heading, the CVEs in braces, and a line for each release that it fixes:

    [21 Aug 2026] DSA-6458-1 gst-plugins-bad1.0 - security update
            {CVE-2026-12891 CVE-2026-12892}
            [trixie] - gst-plugins-bad1.0 1.26.2-3+deb13u3
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time

from oakum.adapters.feeds.debian.tracker import SOURCE
from oakum.adapters.feeds.parsing import Parsed
from oakum.adapters.feeds.statements import Collected
from oakum.core.advisories.cve import CVE, is_damaged
from oakum.core.advisories.first_fix import AdvisoryFix
from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.errors import InputError
from oakum.core.ids import CveId
from oakum.core.text import one_line
from oakum.core.versions.deb import is_version

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
HEADING = re.compile(
    r"\[(?P<day>[0-9]{1,2}) (?P<month>[A-Z][a-z]{2}) (?P<year>[0-9]{4})\] "
    r"(?P<id>D[SL]A-[0-9]+(?:-[0-9]+)?) .*"
)
CVES = re.compile(r"\{(?P<names>[^{}]*)\}")
FIX = re.compile(r"\[(?P<release>[a-z]+)\] - (?P<source>\S+) (?P<version>\S+)(?: .*)?")
WITHOUT_FIX = re.compile(r"<(?:end-of-life|not-affected|no-dsa|ignored|postponed|unfixed|removed)>")
"""An advisory may say this of a release; the tracker has it in its own words."""


@dataclass
class _Entry:
    advisory: str
    issued: date
    cves: list[CveId] = field(default_factory=list)
    fixes: list[tuple[int, re.Match[str]]] = field(default_factory=list)
    """Each with the number of its line."""


def parse_advisories(content: bytes, releases: frozenset[str]) -> Parsed:
    """Return what the advisories fix in these releases; lines that make no sense are counted.

    Raises InputError when it is no such list. Of several advisories on one CVE in one package the
    one with the highest version counts: an earlier fix was not enough.
    """
    parsed, collected = Parsed(), Collected()
    entries = _entries(content, parsed.unreadable)
    for entry in entries:
        for number, fix in entry.fixes:
            if fix["release"] not in releases:
                continue
            if not SOURCE.fullmatch(fix["source"]) or not is_version(fix["version"]):
                parsed.unreadable.append(_place(number, fix[0], "it names no package and version"))
                continue
            for cve in entry.cves:
                collected.add(_statement(entry, cve, fix))
    parsed.statements = collected.statements
    if entries:
        newest = max(entry.issued for entry in entries)
        parsed.data_as_of = datetime.combine(newest, time(), UTC)
    return parsed


def parse_fixes(content: bytes) -> tuple[tuple[AdvisoryFix, ...], tuple[str, ...]]:
    """Return every fix of every advisory with its day, and what cannot be read.

    Raises InputError when it is no such list. A back-test asks for all of them: the highest
    version of a fix is not its first.
    """
    unreadable: list[str] = []
    fixes = tuple(
        AdvisoryFix(cve, fix["source"], fix["release"], entry.issued)
        for entry in _entries(content, unreadable)
        for _, fix in entry.fixes
        for cve in entry.cves
    )
    return fixes, tuple(unreadable)


def _entries(content: bytes, unreadable: list[str]) -> list[_Entry]:
    """Return the advisories; lines that make no sense are added to the unreadable ones."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise InputError(
            f"a list of Debian's advisories is no UTF-8 at byte {error.start}",
            hint="it may be cut off; the last good copy stays in use",
        ) from error
    entries, entry = list[_Entry](), None
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if raw.startswith("["):
            entry = _heading(line)
            if entry is None:
                unreadable.append(f"line {number}: {one_line(line, 80)}")
            else:
                entries.append(entry)
        elif line and not line.startswith(("NOTE:", "TODO:")):
            problem = _detail(entry, line, number)
            if problem:
                unreadable.append(_place(number, line, problem))
    return entries


def _place(number: int, line: str, problem: str) -> str:
    return f"line {number}: {problem}: {one_line(line, 80)}"


def _heading(line: str) -> _Entry | None:
    match = HEADING.fullmatch(line)
    if match is None or match["month"] not in MONTHS:
        return None
    try:
        issued = date(int(match["year"]), MONTHS.index(match["month"]) + 1, int(match["day"]))
    except ValueError:
        return None
    return _Entry(match["id"], issued)


def _detail(entry: _Entry | None, line: str, number: int) -> str:
    """Take one line of an entry up; return what is wrong with it, if anything."""
    if entry is None:
        return "it belongs to no advisory"
    if match := CVES.fullmatch(line):
        # Older entries name candidates (CAN-…) and bugs too: what is no CVE has nothing to say.
        names = match["names"].split()
        entry.cves += [CveId(name) for name in names if CVE.fullmatch(name)]
        return "it names what is no CVE" if any(map(is_damaged, names)) else ""
    fix = FIX.fullmatch(line)
    if fix is None:
        return "it is no fix and no list of CVEs"
    if not WITHOUT_FIX.fullmatch(fix["version"]):
        entry.fixes.append((number, fix))
    return ""


def _statement(entry: _Entry, cve: CveId, fix: re.Match[str]) -> VendorStatement:
    return VendorStatement(
        release=fix["release"],
        source_name=fix["source"],
        cve=cve,
        status=VendorStatus.FIXED,
        fixed_version=fix["version"],
        source="debian-dsa" if entry.advisory.startswith("DSA") else "debian-dla",
        advisory=entry.advisory,
        issued_on=entry.issued,
    )
