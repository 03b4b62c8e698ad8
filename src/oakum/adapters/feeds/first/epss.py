"""FIRST's EPSS scores, the daily CSV: a comment with the model and date, a heading, rows."""

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation

from oakum.adapters.feeds.parsing import Parsed, aware
from oakum.core.advisories.cve import CVE
from oakum.core.advisories.signals import CveSignals, EpssScore
from oakum.core.errors import InputError
from oakum.core.ids import CveId
from oakum.core.text import one_line

COMMENT = re.compile(r"#model_version:(?P<model>[^,]*),score_date:(?P<date>\S+)")
HEADING = "cve,epss,percentile"
MILLION = 1_000_000


def parse_epss(content: bytes) -> Parsed:
    """Return a signal for each row. Raises InputError when it is no EPSS file."""
    try:
        lines = content.decode("ascii").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"the EPSS file: byte {error.start} is not ASCII") from error
    comment = COMMENT.match(lines[0]) if lines else None
    if comment is None or len(lines) < len(("comment", "heading")) or lines[1] != HEADING:
        raise InputError(
            "the EPSS file does not begin with its model, date and heading",
            hint="it may be cut off or of another version; the last good copy stays in use",
        )
    parsed = Parsed(data_as_of=_date(comment["date"]))
    for number, line in enumerate(lines[2:], 3):
        signal = _signal(line)
        if signal is None:
            parsed.unreadable.append(f"line {number}: {one_line(line)}")
        else:
            parsed.signals.append(signal)
    return parsed


def _date(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"the EPSS file: {one_line(text, 40)!r} is no date") from error
    return aware(moment, "the EPSS file")


def _signal(line: str) -> CveSignals | None:
    columns = line.split(",")
    if len(columns) != len(HEADING.split(",")) or not CVE.fullmatch(columns[0]):
        return None
    try:
        probability = Decimal(columns[1])
    except InvalidOperation:
        return None
    if not probability.is_finite() or not 0 <= probability <= 1:
        return None
    cve = CveId(columns[0])
    return CveSignals(cve, epss=EpssScore(cve, round(probability * MILLION)))
