"""Policy tables: rules as data, read from CSV with a comment that names their source."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from oakum.core.advisories.signals import Exploitation
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


CONDITIONS = ("kev", "exposed", "automatable", "impact", "critical")
IMPACTS = ("low", "medium", "high", "very high")


def parse_deadlines(text: str) -> tuple[DeadlineRule, ...]:
    """Return the rules. Raises InputError with the row."""
    rules = []
    for number, row in _rows(text):
        days = row.get("days", "")
        if days and not days.isdecimal():
            raise InputError(f"deadline table, row {number}: {days!r} is no number of days")
        conditions = tuple((name, row[name]) for name in CONDITIONS)
        rules.append(
            DeadlineRule(
                row["policy"], row["version"], conditions, int(days) if days else None, row["note"]
            )
        )
    return tuple(rules)


def parse_lanes(text: str) -> Mapping[LaneKey, Lane]:
    """Return the SSVC deployer table. Raises InputError with the row."""
    lanes: dict[LaneKey, Lane] = {}
    for number, row in _rows(text):
        try:
            exploitation, exposure = Exploitation(row["exploitation"]), Exposure(row["exposure"])
            for impact in IMPACTS:
                key = (exploitation, exposure, row["automatable"] == "yes", impact)
                lanes[key] = Lane(row[impact])
        except (KeyError, ValueError) as error:
            raise InputError(f"SSVC table, row {number}: {error}") from error
    return lanes


def _rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return enumerate(csv.DictReader(lines), 2)
