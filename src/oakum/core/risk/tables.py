"""Policy tables: rules as data, read from CSV with a comment that names their source."""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from oakum.core.advisories.signals import Exploitation, TechnicalImpact
from oakum.core.errors import InputError
from oakum.core.inventory.host import Exposure
from oakum.core.risk.lane import Lane

ANY = "*"


@dataclass(frozen=True, slots=True)
class DeadlineRule:
    """One row: when its conditions hold, a fix is due in so many days."""

    policy: str
    version: str
    conditions: tuple[tuple[str, str], ...]
    days: int | None
    """None: no date, the fix comes with the next scheduled upgrade."""
    note: str

    def holds(self, answers: Mapping[str, str]) -> bool:
        """Tell whether every condition of the row is met."""
        return all(wanted in (ANY, answers[name]) for name, wanted in self.conditions)


LaneKey = tuple[Exploitation, Exposure, bool, str]


@dataclass(frozen=True, slots=True)
class PolicyTables:
    """All tables."""

    deadlines: tuple[DeadlineRule, ...]
    lanes: Mapping[LaneKey, Lane]


WORDS = {
    "kev": {"yes", "no"},
    "exposed": {"yes", "no"},
    "automatable": {"yes", "no"},
    "impact": {impact.value for impact in TechnicalImpact},
    "critical": {"yes", "no"},
    "exploit": {"yes", "no"},
}
IMPACTS = ("low", "medium", "high", "very high")
EXPOSURES = (Exposure.SMALL, Exposure.CONTROLLED, Exposure.OPEN)
DAYS = re.compile(r"[0-9]{1,4}")


def parse_deadlines(text: str, table: str = "deadline table") -> tuple[DeadlineRule, ...]:
    """Return the rules. Raises InputError with the table's name and the line."""
    return tuple(_rule(f"{table}, line {number}", row) for number, row in _rows(text, table))


def _rule(where: str, row: Mapping[str, str]) -> DeadlineRule:
    try:
        conditions = tuple((name, row[name]) for name in WORDS)
        policy, version, days, note = (row[n] for n in ("policy", "version", "days", "note"))
    except KeyError as error:
        raise InputError(f"{where}: there is no column {error}") from error
    for name, word in conditions:
        # A condition that can never hold would silently take the rule's date away.
        if word != ANY and word not in WORDS[name]:
            raise InputError(f"{where}: {word!r} is no value of {name}")
    if days and not DAYS.fullmatch(days):
        raise InputError(f"{where}: {days!r} is no number of days")
    return DeadlineRule(policy, version, conditions, int(days) if days else None, note)


def parse_lanes(text: str) -> Mapping[LaneKey, Lane]:
    """Return the SSVC deployer table. Raises InputError with the line, or the missing row."""
    lanes: dict[LaneKey, Lane] = {}
    for number, row in _rows(text, "SSVC table"):
        try:
            exploitation, exposure = Exploitation(row["exploitation"]), Exposure(row["exposure"])
            is_automatable = {"yes": True, "no": False}[row["automatable"]]
            for impact in IMPACTS:
                lanes[exploitation, exposure, is_automatable, impact] = Lane(row[impact])
        except (KeyError, ValueError) as error:
            raise InputError(f"SSVC table, line {number}: {error}") from error
    for key in product(Exploitation, EXPOSURES, (False, True), IMPACTS):
        if key not in lanes:
            raise InputError(f"SSVC table: no row for {key[0].value}, {key[1].value}")
    return lanes


def _rows(text: str, table: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Give the rows with the number of their line; lines with `#` are comments."""
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if line and not line.startswith("#")
    ]
    names = lines[0][1].split(",") if lines else []
    for (number, _), cells in zip(
        lines[1:], csv.reader(line for _, line in lines[1:]), strict=True
    ):
        if len(cells) != len(names):
            raise InputError(f"{table}, line {number}: {len(cells)} cells, not {len(names)}")
        yield number, dict(zip(names, cells, strict=True))
