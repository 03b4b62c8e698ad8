"""Debian's own list of CVEs, `data/CVE/list` of the security tracker.

    CVE-2023-31484 (CPAN.pm before 2.35 does not verify TLS certificates when ...)
            {DLA-4000-1}
            - perl 5.38.2-1 (low; bug #1035109)
            [bookworm] - perl <no-dsa> (Minor issue)

A line without a release speaks of unstable, and of each release that has no line of its own: what
has that version or a higher one is fixed there too, and what has a lower one is affected. Whether
the release itself holds the fix the list does not say; that is the tracker's to know.
"""

import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from oakum.adapters.feeds.debian.tracker import NOT_AFFECTED_VERSION, SOURCE
from oakum.adapters.feeds.parsing import Parsed
from oakum.adapters.feeds.statements import Collected
from oakum.core.advisories.cve import CVE
from oakum.core.advisories.signals import CveSignals, Reservation
from oakum.core.advisories.statement import NoDsaReason, Urgency, VendorStatement, VendorStatus
from oakum.core.errors import InputError
from oakum.core.ids import CveId
from oakum.core.text import one_line
from oakum.core.versions.deb import compare, is_version

HEADING = re.compile(r"(?P<name>CVE-[0-9]{4}-[0-9A-Z]+)(?:\s+(?P<words>\S.*))?")
WITHOUT_CVE = re.compile(r"CVE-[0-9]{4}-XXXX")
"""An issue that has no CVE yet; the tracker names it by its bug and its description."""
LINE = re.compile(
    r"(?:\[(?P<release>[a-z]+)\]\s+)?-\s+(?P<source>[^\s<>()]+)"
    r"(?:\s+(?:<(?P<word>[a-z-]+)>|(?P<version>[^\s<>()]+)))?(?:\s+\((?P<remark>.*)\))?"
)
CROSS_REFERENCES = re.compile(r"\{[^{}]*\}")
BUG = re.compile(r"bug #(?P<number>[0-9]{1,9})")
REJECTED = frozenset({"REJECTED", "NOTE: rejected"})
PASSED_OVER = ("NOTE:", "TODO:", "NOT-FOR-US:", "RESERVED")
BETWEEN = ("--", "begin claimed by", "end claimed by", "STOP:")
"""Lines that belong to no entry and say nothing of any."""
UNSTABLE = ""
STATUS_OF = {
    "unfixed": VendorStatus.OPEN,
    "removed": VendorStatus.OPEN,
    "end-of-life": VendorStatus.OPEN,
    "not-affected": VendorStatus.NOT_AFFECTED,
    "undetermined": VendorStatus.UNDETERMINED,
}
"""`removed` is of unstable: a release that still has the package has the issue."""
MARKS = {
    "no-dsa": NoDsaReason.NO_DSA,
    "postponed": NoDsaReason.POSTPONED,
    "ignored": NoDsaReason.IGNORED,
}
NOT_IN_THE_ARCHIVE = "itp"
HAS_URGENCY = frozenset({"unfixed", "removed", "undetermined", None})
"""After these a remark holds an urgency or bugs; after others, a reason in words."""
SEVEREST_FIRST = (Urgency.HIGH, Urgency.MEDIUM, Urgency.LOW, Urgency.UNIMPORTANT,
    Urgency.END_OF_LIFE, Urgency.NOT_YET_ASSIGNED)  # fmt: skip
"""As the tracker ranks them where an entry has two lines on one package."""


@dataclass(frozen=True, slots=True)
class _Said:
    status: VendorStatus
    version: str = ""
    urgency: Urgency = Urgency.NOT_YET_ASSIGNED

    def merged(self, other: "_Said") -> "_Said":
        """Return what two lines on the same say together: what is open in one stays open."""
        urgency = min(self.urgency, other.urgency, key=SEVEREST_FIRST.index)
        if self.status is other.status is VendorStatus.FIXED:
            higher = self if compare(self.version, other.version) >= 0 else other
            return replace(higher, urgency=urgency)
        worse = min(self, other, key=lambda said: WORST_FIRST.index(said.status))
        return replace(worse, urgency=urgency)


WORST_FIRST = (
    VendorStatus.OPEN,
    VendorStatus.UNDETERMINED,
    VendorStatus.FIXED,
    VendorStatus.FIXED_IN_UNSTABLE,
    VendorStatus.NOT_AFFECTED,
)
_Place = tuple[str, str]
"""(source, release); the release is UNSTABLE where a line names none."""


@dataclass
class _Entry:
    name: str
    words: str
    is_rejected: bool = False
    bugs: list[str] = field(default_factory=list)
    said: dict[_Place, _Said] = field(default_factory=dict)
    marks: dict[_Place, NoDsaReason] = field(default_factory=dict)

    @property
    def cve(self) -> CveId:
        """Return the CVE, or the name that the tracker has for what has none."""
        if not WITHOUT_CVE.fullmatch(self.name):
            return CveId(self.name)
        described = hashlib.md5(self.words.encode(), usedforsecurity=False).hexdigest()
        return CveId(f"TEMP-{int(next(iter(self.bugs), '0')):07}-{described[:6].upper()}")


def parse_cve_list(content: bytes, releases: frozenset[str]) -> Parsed:
    """Return what the list says of these releases; lines that make no sense are counted.

    Raises InputError when it is no text.
    """
    parsed, collected = Parsed(), Collected()
    for entry in _entries(content, releases, parsed.unreadable):
        for said in _statements(entry, releases):
            collected.add(said)
        if entry.is_rejected:
            parsed.signals.append(CveSignals(entry.cve, reservation=Reservation.REJECTED))
        elif entry.words and entry.said and CVE.fullmatch(entry.name):
            parsed.signals.append(CveSignals(entry.cve, summary=one_line(entry.words, 160)))
    parsed.statements = collected.statements
    return parsed


def _entries(content: bytes, releases: frozenset[str], unreadable: list[str]) -> Iterator[_Entry]:
    """Give the entries one by one; lines that make no sense are added to the unreadable ones."""
    entry: _Entry | None = None
    for number, line in _lines(content):
        if line[:1].isspace():
            problem = _detail(entry, line.strip(), releases)
        elif not line or line.startswith(BETWEEN):
            continue
        else:
            if entry is not None:
                yield entry
            entry = _heading(line)
            problem = "" if entry is not None else "it begins no entry"
        if problem:
            unreadable.append(f"line {number}: {problem}: {one_line(line, 80)}")
    if entry is not None:
        yield entry


def _lines(content: bytes) -> Iterator[tuple[int, str]]:
    """Give the lines, decoded one by one: all at once take several times the room."""
    for number, raw in enumerate(io.BytesIO(content), 1):
        try:
            yield number, raw.decode().rstrip()
        except UnicodeDecodeError as error:
            raise InputError(
                f"Debian's list of CVEs is no UTF-8 in line {number}",
                hint="it may be cut off; the last good copy stays in use",
            ) from error


def _heading(line: str) -> _Entry | None:
    match = HEADING.fullmatch(line)
    if match is None or not (CVE.fullmatch(match["name"]) or WITHOUT_CVE.fullmatch(match["name"])):
        return None
    words = match["words"] or ""
    is_wrapped = words[:1] + words[-1:] in {"()", "[]"}
    return _Entry(match["name"], words[1:-1] if is_wrapped else words)


def _detail(entry: _Entry | None, line: str, releases: frozenset[str]) -> str:
    """Take one line of an entry up; return what is wrong with it, if anything."""
    if entry is not None and line in REJECTED:
        entry.is_rejected = True
        return ""
    if not line or line.startswith(PASSED_OVER):
        return ""
    if entry is None:
        return "it belongs to no CVE"
    if line.startswith("{"):
        return "" if CROSS_REFERENCES.fullmatch(line) else "it is no list of advisories"
    match = LINE.fullmatch(line)
    if match is None:
        return "it is no line on a package and no note"
    return _package(entry, match, releases)


def _package(entry: _Entry, match: re.Match[str], releases: frozenset[str]) -> str:
    word, version, release = match["word"], match["version"], match["release"] or UNSTABLE
    if not SOURCE.fullmatch(match["source"]):
        return "it names no package"
    if version and not is_version(version):
        return "it names no version"
    if word and word not in STATUS_OF and word not in MARKS and word != NOT_IN_THE_ARCHIVE:
        return f"nothing is known of <{word}>"
    remarks = [part.strip() for part in (match["remark"] or "").split(";")]
    entry.bugs += [bug["number"] for part in remarks if (bug := BUG.fullmatch(part))]
    if word == NOT_IN_THE_ARCHIVE or release not in {UNSTABLE, *releases}:
        return ""
    place = (match["source"], release)
    if word in MARKS:
        if release == UNSTABLE:
            return "it names no release"
        entry.marks[place] = MARKS[word]
        return ""
    urgency = next((URGENCIES[part] for part in remarks if part in URGENCIES), None)
    if word == "end-of-life":
        urgency = Urgency.END_OF_LIFE
    elif word not in HAS_URGENCY:
        urgency = None
    said = _Said(*_status(word, version or ""), urgency or Urgency.NOT_YET_ASSIGNED)
    known = entry.said.get(place)
    entry.said[place] = said if known is None else known.merged(said)
    return ""


URGENCIES = {urgency.value: urgency for urgency in Urgency}


def _status(word: str | None, version: str) -> tuple[VendorStatus, str]:
    if word:
        return STATUS_OF[word], ""
    if version == NOT_AFFECTED_VERSION:
        return VendorStatus.NOT_AFFECTED, ""
    return (VendorStatus.FIXED, version) if version else (VendorStatus.OPEN, "")


def _statements(entry: _Entry, releases: Iterable[str]) -> Iterator[VendorStatement]:
    sources = dict.fromkeys(source for source, _ in (*entry.said, *entry.marks))
    for source in sources:
        unstable = entry.said.get((source, UNSTABLE))
        for release in sorted(releases):
            mark = entry.marks.get((source, release))
            said = entry.said.get((source, release)) or _of_unstable(unstable, mark)
            if said is not None:
                yield VendorStatement(
                    release=release,
                    source_name=source,
                    cve=entry.cve,
                    status=said.status,
                    fixed_version=said.version,
                    urgency=said.urgency,
                    no_dsa=_reason(said, mark),
                    source="debian-cve",
                )


def _of_unstable(unstable: _Said | None, mark: NoDsaReason | None) -> _Said | None:
    """Return what is said of a release without a line of its own, or with a mark alone."""
    if unstable is None:
        return _Said(VendorStatus.OPEN) if mark else None
    if unstable.status is VendorStatus.FIXED:
        return replace(unstable, status=VendorStatus.FIXED_IN_UNSTABLE)
    return unstable


def _reason(said: _Said, mark: NoDsaReason | None) -> NoDsaReason:
    """Return why there is no advisory; what is mended or was never broken needs none."""
    is_settled = said.status in {VendorStatus.FIXED, VendorStatus.NOT_AFFECTED}
    return NoDsaReason.NONE if mark is None or is_settled else mark
