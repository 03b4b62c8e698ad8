"""OpenVAS and Greenbone: the XML format of a report, as the console saves it or GMP gives it."""

import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from oakum.adapters.scanners.parsing import Check, Package, Parsed, moment
from oakum.adapters.scanners.xml_records import XmlRecords, text_of
from oakum.core.errors import InputError
from oakum.core.reconciling.report import ScannerReport

ROOTS = frozenset({"report", "get_reports_response"})
RECORDS = frozenset({"result", "host", "scan_end", "creation_time"})
CLOSED = "False Positive"
VULNERABLE = re.compile(
    r"Vulnerable package:\s*(?P<name>\S+)\s+Installed version:\s*(?P<installed>\S+)"
    r"(?P<fixed>(?:\s+Fixed version:\s*(?:[<>]=?\s*)?\S+)*)"
)
"""How the checks of packages speak; versions have the package's name before them."""
FIXED = re.compile(r"Fixed version:\s*>=\s*(?P<version>\S+)")


@dataclass
class _Result:
    address: str
    cves: list[str]
    packages: list[Package]
    check: Check


def parse_openvas(content: bytes) -> ScannerReport:
    """Return the report. Raises InputError when it is no such document.

    The names of hosts stand here and there, so they are put to the addresses in the end.
    """
    parsed, results = Parsed("OpenVAS"), list[_Result]()
    names: dict[str, str] = {}
    records, number = XmlRecords(content, "the OpenVAS report", RECORDS), 0
    for record in records:
        if record.tag == "result":
            number += 1
            _read_result(record, f"result {number}", parsed, results, names)
        elif record.tag == "host":
            _read_host(record, names)
        else:
            parsed.date(moment(record.text or ""))
    if "results" not in records.seen:
        raise InputError(
            "the OpenVAS report holds no list of results",
            hint="save it in the format XML, not in one that only summarises",
        )
    hosts = {address: parsed.see(name or address, [address]) for address, name in names.items()}
    for result in results:
        parsed.add(hosts[result.address], result.cves, result.packages, result.check)
    return parsed.report()


def _read_result(
    record: Element, place: str, parsed: Parsed, results: list[_Result], names: dict[str, str]
) -> None:
    check = record.find("nvt")
    address = text_of(record, "host")
    if check is None or not address:
        parsed.lose(place, "it has no host" if check is not None else "it names no check")
        return
    names[address] = names.get(address) or text_of(record, "host/hostname")
    if text_of(record, "threat") == CLOSED:
        parsed.not_compared += 1
        return
    oid = check.get("oid", "")
    results.append(
        _Result(
            address,
            _cves(check, oid),
            [_package(match) for match in VULNERABLE.finditer(text_of(record, "description"))],
            Check(oid, text_of(record, "threat"), place),
        )
    )


def _cves(check: Element, oid: str) -> list[str]:
    """Return the CVEs of a check: references; a list in older reports; its id if a CVE is it."""
    references = [ref.get("id", "") for ref in check.iterfind("refs/ref[@type='cve']")]
    older = text_of(check, "cve").split(",")
    itself = [oid] if oid.startswith("CVE-") else []
    return [*references, *older, *itself]


def _package(match: re.Match[str]) -> Package:
    prefix = f"{match['name']}-"
    fixed = FIXED.search(match["fixed"])
    return Package(
        match["name"],
        match["installed"].removeprefix(prefix),
        fixed["version"].removeprefix(prefix) if fixed else "",
    )


def _read_host(record: Element, names: dict[str, str]) -> None:
    """Take down a host of the report's own list; elsewhere `host` is but an address."""
    address = text_of(record, "ip")
    if address:
        details = {text_of(d, "name"): text_of(d, "value") for d in record.iterfind("detail")}
        names[address] = names.get(address) or details.get("hostname", "")
