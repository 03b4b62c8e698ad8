"""OpenVAS and Greenbone report XML: results that name their host and the CVEs of their test."""

from oakum.adapters.scanners.common import Collected, moment, scanned_host, xml_root
from oakum.core.reconciling.report import ScannerReport
from oakum.core.text import one_line

ROOT = b"<report"


def parse_openvas(content: bytes) -> ScannerReport:
    """Return the report. Raises InputError when it is no such document."""
    root = xml_root(content, "OpenVAS")
    collected = Collected("OpenVAS", moment(root.findtext(".//scan_end")))
    for host in root.iter("host"):
        address = (host.findtext("ip") or "").strip()
        if address:
            names = [
                detail.findtext("value", "")
                for detail in host.iter("detail")
                if detail.findtext("name", "") in {"hostname", "best_os_txt_hostname"}
            ]
            collected.hosts.append(scanned_host(names[0] if names else "", address))
    by_address = {address: known for known in collected.hosts for address in known.addresses}
    for number, result in enumerate(root.iter("result")):
        place = result.find("host")
        test = result.find("nvt")
        if place is None or test is None:
            collected.unreadable.append(f"result[{number}]: it names no host or no test")
            continue
        address = one_line((place.text or "").strip(), 80)
        name = (place.findtext("hostname") or "").strip()
        scanned = by_address.get(address) or scanned_host(name, address)
        collected.hosts.append(scanned)
        cves = [ref.get("id", "") for ref in test.iter("ref") if ref.get("type") == "cve"]
        cves += [cve.strip() for cve in (test.findtext("cve") or "").split(",")]
        check = f"{test.get('oid', '')} {test.findtext('name', '')}".strip()
        collected.add(scanned, cves, check, severity=result.findtext("threat", ""))
    return collected.report()
