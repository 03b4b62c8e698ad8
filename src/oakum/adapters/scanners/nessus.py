"""Nessus v2 (`.nessus`, NessusClientData_v2): hosts with their properties and report items."""

from xml.etree.ElementTree import Element

from oakum.adapters.scanners.common import Collected, scanned_host, xml_root
from oakum.core.reconciling.report import ScannedHost, ScannerReport

ROOT = b"<NessusClientData_v2"
INFORMATION = "0"
"""Severity of items that only tell something."""


def parse_nessus(content: bytes) -> ScannerReport:
    """Return the report. Raises InputError when it is no such document."""
    collected = Collected("Nessus")
    for number, host in enumerate(xml_root(content, "Nessus").iter("ReportHost")):
        scanned = _host(host)
        if not scanned.name:
            collected.unreadable.append(f"ReportHost[{number}]: it has no name")
            continue
        collected.hosts.append(scanned)
        for item in host.iter("ReportItem"):
            cves = [element.text or "" for element in item.iter("cve")]
            if not cves and item.get("severity") == INFORMATION:
                continue
            plugin = f"{item.get('pluginID', '')} {item.get('pluginName', '')}".strip()
            collected.add(scanned, cves, plugin, severity=item.findtext("risk_factor", ""))
    return collected.report()


def _host(host: Element) -> ScannedHost:
    tags = {tag.get("name", ""): tag.text or "" for tag in host.iter("tag")}
    own = host.get("name") or ""
    name = tags.get("host-fqdn") or tags.get("hostname") or own
    return scanned_host(name, own, tags.get("host-ip", ""))
