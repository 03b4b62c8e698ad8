"""What the parsers of reports share: XML that cannot harm, and results as they are collected."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar
from xml.etree.ElementTree import Element, ParseError

import msgspec
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from oakum.core.advisories.cve import CVE
from oakum.core.errors import InputError
from oakum.core.ids import CveId
from oakum.core.reconciling.report import ScannedHost, ScannerReport, ScannerResult
from oakum.core.text import one_line

T = TypeVar("T")
ANYWHERE = re.compile(r"\bCVE-[0-9]{4}-[0-9]{4,19}\b")


@dataclass
class Collected:
    """A report in the making."""

    scanner: str
    made_at: datetime | None = None
    hosts: list[ScannedHost] = field(default_factory=list)
    results: list[ScannerResult] = field(default_factory=list)
    without_cve: int = 0
    unreadable: list[str] = field(default_factory=list)

    def add(
        self,
        host: ScannedHost,
        cves: Iterable[str],
        check: str,
        *,
        package: str = "",
        installed: str = "",
        fixed: str = "",
        severity: str = "",
    ) -> None:
        """Take a result up: one for each CVE that it names; one that names none is counted."""
        valid = [CveId(cve) for cve in dict.fromkeys(cves) if CVE.fullmatch(cve)]
        self.without_cve += not valid
        words = [one_line(word, 120) for word in (check, package, installed, fixed, severity)]
        self.results += [ScannerResult(host, cve, *words) for cve in valid]

    def report(self) -> ScannerReport:
        """Return the whole."""
        return ScannerReport(
            self.scanner,
            self.made_at,
            tuple(dict.fromkeys(self.hosts)),
            tuple(self.results),
            self.without_cve,
            tuple(self.unreadable),
        )


def scanned_host(name: str, *addresses: str) -> ScannedHost:
    """Return a host by what a report calls it; the first address stands in for a missing name."""
    known = tuple(dict.fromkeys(one_line(a, 80) for a in addresses if a))
    return ScannedHost(one_line(name, 120) or next(iter(known), ""), known)


def xml_root(content: bytes, what: str) -> Element:
    """Return the root of a document. Raises InputError, also when it declares entities."""
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, UnicodeError, LookupError, ValueError) as error:
        words = one_line(str(error)) or type(error).__name__
        raise InputError(
            f"the {what} report cannot be read: {words}", hint="export it anew; is it whole?"
        ) from error
    return root


def json_document(content: bytes, kind: type[T], what: str) -> T:
    """Return a document of a known shape. Raises InputError with the place."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"the {what} report cannot be read: {one_line(str(error))}",
            hint="export it anew; is it whole, and of a version that Oakum reads?",
        ) from error


def moment(text: str | None) -> datetime | None:
    """Return a moment, in UTC where it names no zone; None for what is none."""
    try:
        found = datetime.fromisoformat((text or "").strip())
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
