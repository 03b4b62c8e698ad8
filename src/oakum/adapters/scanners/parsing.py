"""What all parsers of reports share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

import msgspec

from oakum.core.advisories.cve import CVE
from oakum.core.errors import InputError
from oakum.core.ids import CveId
from oakum.core.reconciling.report import ReportedHost, ScannerReport, ScannerResult
from oakum.core.text import one_line

T = TypeVar("T")
MAX_WORD = 200
GO_ZERO_YEAR = 1
"""Programs in Go write the year 1 for a date that nobody set."""


class Package(NamedTuple):
    """A package as a scanner saw it."""

    name: str = ""
    installed: str = ""
    fixed: str = ""


class Check(NamedTuple):
    """Which of its checks a scanner speaks of, how bad it calls it, and where that stands."""

    scanner_id: str
    severity: str
    place: str


@dataclass
class Parsed:
    """What a parser found so far."""

    scanner: str
    made_at: datetime | None = None
    hosts: dict[ReportedHost, None] = field(default_factory=dict)
    results: list[ScannerResult] = field(default_factory=list)
    not_compared: int = 0
    unreadable: list[str] = field(default_factory=list)

    def see(self, name: str, addresses: Iterable[str] = ()) -> ReportedHost:
        """Take a host down; return it."""
        known = dict.fromkeys(word(address) for address in addresses)
        host = ReportedHost(word(name), tuple(a for a in known if a and a != word(name)))
        self.hosts[host] = None
        return host

    def date(self, moment: datetime | None) -> None:
        """Take a date down; the newest one is the report's."""
        if moment is not None:
            self.made_at = max(self.made_at or moment, moment)

    def add(
        self, host: ReportedHost, cves: Iterable[str], packages: Sequence[Package], check: Check
    ) -> None:
        """Take down what a check found: each CVE in each package."""
        names = dict.fromkeys(cve.strip().upper() for cve in cves)
        if not any(name.startswith("CVE-") for name in names):
            self.not_compared += 1
        for name in names:
            if CVE.fullmatch(name):
                self.results += (
                    _result(host, CveId(name), package, check)
                    for package in packages or [Package()]
                )
            elif name.startswith("CVE-"):
                self.lose(check.place, f"{one_line(name, 40)!r} is no CVE")

    def lose(self, place: str, why: str) -> None:
        """Count what cannot be understood."""
        self.unreadable.append(one_line(f"{place}: {why}"))

    def report(self) -> ScannerReport:
        """Return the whole."""
        return ScannerReport(
            scanner=self.scanner,
            made_at=self.made_at,
            hosts=tuple(self.hosts),
            results=tuple(dict.fromkeys(self.results)),
            not_compared=self.not_compared,
            unreadable=tuple(self.unreadable),
        )


def _result(host: ReportedHost, cve: CveId, package: Package, check: Check) -> ScannerResult:
    return ScannerResult(
        host=host,
        cve=cve,
        package=word(package.name),
        installed_version=word(package.installed),
        fixed_version=word(package.fixed),
        scanner_id=word(check.scanner_id),
        severity=word(check.severity),
    )


def word(text: str) -> str:
    """Return text of a report as one short, harmless line."""
    return one_line(text, MAX_WORD)


def decode(content: bytes, kind: type[T], place: str) -> T:
    """Return a JSON document of a known shape. Raises InputError with the place."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"{place} is not what it should be: {one_line(str(error))}",
            hint="it may be cut off or of another version; make the report anew",
        ) from error


def decode_record(raw: msgspec.Raw, kind: type[T], place: str, parsed: Parsed) -> T | None:
    """Return one record of a JSON document; None when it cannot be understood, which is counted."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        parsed.lose(place, str(error))
        return None


def moment(text: str) -> datetime | None:
    """Return a moment in ISO 8601, in UTC; None where there is none."""
    try:
        found = msgspec.convert(text.strip(), datetime)
        in_utc = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (msgspec.ValidationError, OverflowError):
        return None
    return in_utc if in_utc.year > GO_ZERO_YEAR else None


def moment_of_epoch(text: str) -> datetime | None:
    """Return a moment that is written as seconds since 1970; None where it is none."""
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None
