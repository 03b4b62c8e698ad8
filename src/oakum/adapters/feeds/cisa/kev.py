"""CISA's catalogue of known exploited vulnerabilities."""

from datetime import date, datetime

import msgspec

from oakum.adapters.feeds.parsing import Parsed, aware, decode, each
from oakum.core.advisories.cve import CVE
from oakum.core.advisories.signals import CveSignals, KevEntry
from oakum.core.ids import CveId
from oakum.core.text import one_line


class _Entry(msgspec.Struct, rename="camel"):
    cve_id: str = msgspec.field(name="cveID")
    date_added: date
    due_date: date | None = None
    known_ransomware_campaign_use: str = "Unknown"
    vulnerability_name: str = ""


class _Catalogue(msgspec.Struct, rename="camel"):
    date_released: datetime
    vulnerabilities: list[msgspec.Raw]
    count: int


_understand = msgspec.json.Decoder(_Entry).decode


def parse_kev(content: bytes) -> Parsed:
    """Return a signal for each entry. Raises InputError when it is no such catalogue."""
    catalogue = decode(content, _Catalogue, "the KEV catalogue")
    parsed = Parsed(data_as_of=aware(catalogue.date_released, "the KEV catalogue"))
    entries = enumerate(catalogue.vulnerabilities)
    records = ((f"vulnerabilities[{number}]", bytes(raw)) for number, raw in entries)
    for place, entry in each(records, _understand, parsed):
        if not CVE.fullmatch(entry.cve_id):
            parsed.unreadable.append(f"{place}: {one_line(entry.cve_id, 40)!r} is no CVE")
            continue
        parsed.signals.append(CveSignals(CveId(entry.cve_id), kev=_entry(entry)))
    if catalogue.count != len(catalogue.vulnerabilities):
        parsed.unreadable.append(
            f"the catalogue says {catalogue.count} entries and holds "
            f"{len(catalogue.vulnerabilities)}"
        )
    return parsed


def _entry(entry: _Entry) -> KevEntry:
    return KevEntry(
        cve=CveId(entry.cve_id),
        added_on=entry.date_added,
        due_on=entry.due_date,
        is_used_by_ransomware=entry.known_ransomware_campaign_use == "Known",
        name=one_line(entry.vulnerability_name),
    )
