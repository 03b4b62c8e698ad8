"""What a scanner reported, whichever it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from oakum.core.ids import CveId


@dataclass(frozen=True, slots=True)
class ScannedHost:
    """A host as a scanner names it."""

    name: str
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScannerResult:
    """One CVE on one host, as a scanner saw it."""

    host: ScannedHost
    cve: CveId
    check: str
    """The scanner's own name for what it tested: a plugin, OID or QID."""
    package: str = ""
    installed_version: str = ""
    fixed_version: str = ""
    severity: str = ""
    """In the scanner's words."""


@dataclass(frozen=True, slots=True)
class ScannerReport:
    """A whole report."""

    scanner: str
    made_at: datetime | None
    hosts: Sequence[ScannedHost]
    """Also those on which nothing was found."""
    results: Sequence[ScannerResult]
    without_cve: int = 0
    """Results that name no CVE: about settings, services, ends of support."""
    unreadable: Sequence[str] = ()
    """Records that could not be understood, each with its place."""
