"""CVSS vectors as a CSV, `cve,vector,source`: the first row of a CVE counts."""

import csv

from oakum.adapters.feeds.cisa.records import score_of
from oakum.adapters.feeds.parsing import Parsed
from oakum.core.advisories.cve import CVE
from oakum.core.advisories.signals import CveSignals
from oakum.core.errors import InputError
from oakum.core.ids import CveId
from oakum.core.text import is_plain, one_line

HEADING = ["cve", "vector", "source"]


def parse_vectors(content: bytes, place: str) -> Parsed:
    """Return a signal for each CVE. Raises InputError when it is no such table."""
    try:
        rows = list(csv.reader(content.decode().splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{place} is no table of CVSS vectors: {one_line(str(error))}") from error
    if not rows or rows[0] != HEADING:
        raise InputError(
            f"{place} does not begin with {','.join(HEADING)}",
            hint="give a table of CVSS vectors, or a tar of CVE records",
        )
    parsed, found = Parsed(), dict[CveId, CveSignals]()
    for number, row in enumerate(rows[1:], 2):
        signal = _signal(row)
        if signal is None:
            parsed.unreadable.append(f"line {number}: {one_line(','.join(row))}")
        else:
            found.setdefault(signal.cve, signal)
    parsed.signals = list(found.values())
    return parsed


def _signal(row: list[str]) -> CveSignals | None:
    if len(row) != len(HEADING) or not CVE.fullmatch(row[0]) or not is_plain(row[2]):
        return None
    score = score_of(row[1], row[2])
    return CveSignals(CveId(row[0]), cvss=score) if score is not None else None
