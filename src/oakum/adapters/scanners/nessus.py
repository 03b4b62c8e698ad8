"""Nessus' own format, `.nessus` version 2: hosts, and in each what the plugins reported."""

import re
from xml.etree.ElementTree import Element

from oakum.adapters.scanners.parsing import Check, Package, Parsed, moment_of_epoch
from oakum.adapters.scanners.xml_records import XmlRecords, text_of, texts_of
from oakum.core.reconciling.report import ReportedHost, ScannerReport

ROOT = "NessusClientData_v2"
RECORDS = frozenset({"ReportHost"})
NAMES = ("host-fqdn", "hostname", "host-ip", "netbios-name")
SEVERITIES = {"0": "none", "1": "low", "2": "medium", "3": "high", "4": "critical"}
INSTALLED = re.compile(
    r"Remote package installed\s*:\s*(?P<installed>\S+)\s+Should be\s*:\s*(?P<fixed>\S+)"
)
"""How the plugins about packages end: `libssl3_3.0.15-1`, for RPM `openssl-3.0.7-1.el9`."""
DEB = re.compile(r"(?P<name>[^_]+)_(?P<version>[0-9].*)")
RPM = re.compile(r"(?P<name>.+)-(?P<version>[^-]+-[^-]+)")


def parse_nessus(content: bytes) -> ScannerReport:
    """Return the report. Raises InputError when it is no such document."""
    parsed = Parsed("Nessus")
    for number, host in enumerate(XmlRecords(content, "the Nessus report", RECORDS), 1):
        name = host.get("name", "")
        if not name:
            parsed.lose(f"ReportHost {number}", "it has no name")
            continue
        properties = {
            tag.get("name"): tag.text or "" for tag in host.iterfind("HostProperties/tag")
        }
        parsed.date(moment_of_epoch(properties.get("HOST_END_TIMESTAMP", "")))
        reported = parsed.see(name, (properties.get(known, "") for known in NAMES))
        for item_number, item in enumerate(host.iterfind("ReportItem"), 1):
            _add(parsed, reported, item, f"ReportHost {name}, ReportItem {item_number}")
    return parsed.report()


def _add(parsed: Parsed, host: ReportedHost, item: Element, place: str) -> None:
    plugin = item.get("pluginID", "")
    if not plugin:
        parsed.lose(place, "it has no pluginID")
        return
    severity = text_of(item, "risk_factor") or SEVERITIES.get(item.get("severity", ""), "")
    packages = [
        _package(match["installed"], match["fixed"])
        for match in INSTALLED.finditer(text_of(item, "plugin_output"))
    ]
    parsed.add(host, texts_of(item, "cve"), packages, Check(plugin, severity, place))


def _package(installed: str, fixed: str) -> Package:
    """Split names from versions. Debian's names hold no underscore, RPM's versions no dash."""
    was, wants = DEB.fullmatch(installed), DEB.fullmatch(fixed)
    if was is None or wants is None or was["name"] != wants["name"]:
        was, wants = RPM.fullmatch(installed), RPM.fullmatch(fixed)
    if was is None or wants is None:
        return Package("", installed, fixed)
    return Package(was["name"], was["version"], wants["version"])
