"""What another scanner says: a list of (host, CVE, package), and what it could not be asked."""

from dataclasses import dataclass, replace
from datetime import datetime

from oakum.core.errors import InputError
from oakum.core.ids import CveId


@dataclass(frozen=True, slots=True)
class ReportedHost:
    """A host as the scanner names it: a name, an address, or the path of a root file system."""

    name: str
    addresses: tuple[str, ...] = ()
    """Addresses and other names that the scanner knows it by."""


@dataclass(frozen=True, slots=True)
class ScannerResult:
    """One claim: this host is affected by this CVE."""

    host: ReportedHost
    cve: CveId
    package: str = ""
    """A binary or a source package; empty where the scanner names none."""
    installed_version: str = ""
    fixed_version: str = ""
    scanner_id: str = ""
    """Nessus' plugin, OpenVAS' OID, Qualys' QID, or what the others go by."""
    severity: str = ""
    """In the scanner's own word."""


@dataclass(frozen=True, slots=True)
class ScannerReport:
    """A whole report. What could not be understood or compared is counted, never dropped."""

    scanner: str
    made_at: datetime | None
    """None where the report does not say."""
    hosts: tuple[ReportedHost, ...]
    """Every host that it looked at, also where it found nothing."""
    results: tuple[ScannerResult, ...]
    not_compared: int = 0
    """Results without a CVE, and those that the scanner itself calls closed or no weakness."""
    unreadable: tuple[str, ...] = ()
    """Records that cannot be understood or used, each with its place."""

    def taken_for(self, name: str) -> "ScannerReport":
        """Return the report as one of the host of this name: it may name an image or a directory.

        Raises InputError when it is about several hosts.
        """
        if len(self.hosts) > 1:
            raise InputError(
                f"the report is about {len(self.hosts)} hosts and cannot be taken for one of "
                f"{name} alone",
                hint="leave the host out, or give a report of one host",
            )
        host = ReportedHost(name)
        results = tuple(replace(result, host=host) for result in self.results)
        return replace(self, hosts=(host,), results=results)
