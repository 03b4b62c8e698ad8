"""Policy tables: rules as data, read from CSV with a comment that names their source."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from oakum.core.advisories.signals import Exploitation, TechnicalImpact
from oakum.core.errors import InputError
from oakum.core.inventory.host import Exposure
from oakum.core.risk.lane import CisaDecision, Lane

ANY = "*"


@dataclass(frozen=True, slots=True)
class DeadlineRule:
    """One row: when its conditions hold, a fix is due in so many days."""

    policy: str
    version: str
    source: str
    """Where the rule is written, so that a person can look it up."""
    conditions: tuple[tuple[str, str], ...]
    days: int | None
    """None: no date, the fix comes with the next scheduled upgrade."""
    note: str

    def holds(self, answers: Mapping[str, str]) -> bool:
        """Tell whether every condition of the row is met."""
        return all(wanted in (ANY, answers[name]) for name, wanted in self.conditions)


LaneKey = tuple[Exploitation, Exposure, bool, str]
CisaKey = tuple[Exploitation, bool, TechnicalImpact, str]


@dataclass(frozen=True, slots=True)
class PolicyTables:
    """All tables."""

    deadlines: tuple[DeadlineRule, ...]
    lanes: Mapping[LaneKey, Lane]
    cisa: Mapping[CisaKey, CisaDecision]

    @property
    def policies(self) -> tuple[str, ...]:
        """Return the names of the deadline policies, sorted."""
        return tuple(sorted({rule.policy for rule in self.deadlines}))

    def with_own(self, own: Sequence[DeadlineRule], place: str) -> "PolicyTables":
        """Return the tables with rules of one's own; raise InputError where a name is taken."""
        for rule in own:
            if rule.policy in self.policies:
                raise InputError(
                    f"{place}: the policy {rule.policy!r} ships with Oakum",
                    hint="give your own policy another name; the strictest of all holds",
                )
        return replace(self, deadlines=(*self.deadlines, *own))


WORDS = {
    "kev": {"yes", "no"},
    "exposed": {"yes", "no"},
    "automatable": {"yes", "no"},
    "impact": {impact.value for impact in TechnicalImpact},
    "critical": {"yes", "no"},
    "exploit": {"yes", "no"},
}
TEXTS = ("policy", "version", "source", "days", "note")
IMPACTS = ("low", "medium", "high", "very high")
MISSIONS = ("low", "medium", "high")
EXPOSURES = (Exposure.SMALL, Exposure.CONTROLLED, Exposure.OPEN)
AUTOMATABLE = {"yes": True, "no": False}
DAYS = re.compile(r"[0-9]{1,4}")
NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")


def parse_deadlines(text: str, place: str = "deadline table") -> tuple[DeadlineRule, ...]:
    """Return the rules. Raises InputError with the place and the line."""
    return tuple(_rule(f"{place}, line {number}", row) for number, row in _rows(text, place))


def _rule(where: str, row: Mapping[str, str]) -> DeadlineRule:
    for name in row:
        if name not in WORDS and name not in TEXTS:
            raise InputError(f"{where}: no rule has a column {name!r}", hint=_columns())
    try:
        conditions = tuple((name, row[name]) for name in WORDS)
        policy, version, source, days, note = (row[name] for name in TEXTS)
    except KeyError as error:
        raise InputError(f"{where}: there is no column {error}", hint=_columns()) from error
    for name, word in conditions:
        # A condition that can never hold would silently take the rule's date away.
        if word != ANY and word not in WORDS[name]:
            allowed = ", ".join([*sorted(WORDS[name]), ANY])
            raise InputError(f"{where}: {word!r} is no value of {name}", hint=f"write: {allowed}")
    if not NAME.fullmatch(policy):
        raise InputError(
            f"{where}: {policy!r} is no name of a policy", hint="small letters, digits, `.`, `-`"
        )
    if not version or not source:
        raise InputError(f"{where}: a rule needs its version and its source")
    if days and not DAYS.fullmatch(days):
        raise InputError(f"{where}: {days!r} is no number of days")
    return DeadlineRule(policy, version, source, conditions, int(days) if days else None, note)


def _columns() -> str:
    return f"its columns are {', '.join([*TEXTS[:3], *WORDS, *TEXTS[3:]])}"


def parse_lanes(text: str) -> Mapping[LaneKey, Lane]:
    """Return the SSVC deployer table. Raises InputError with the line, or the missing row."""
    lanes: dict[LaneKey, Lane] = {}
    for number, row in _rows(text, "SSVC table"):
        try:
            exploitation, exposure = Exploitation(row["exploitation"]), Exposure(row["exposure"])
            is_automatable = AUTOMATABLE[row["automatable"]]
            for impact in IMPACTS:
                lanes[exploitation, exposure, is_automatable, impact] = Lane(row[impact])
        except (KeyError, ValueError) as error:
            raise InputError(f"SSVC table, line {number}: {error}") from error
    for key in product(Exploitation, EXPOSURES, (False, True), IMPACTS):
        if key not in lanes:
            raise InputError(f"SSVC table: no row for {key[0].value}, {key[1].value}")
    return lanes


def parse_cisa(text: str) -> Mapping[CisaKey, CisaDecision]:
    """Return CISA's own table. Raises InputError with the line, or the missing row."""
    decisions: dict[CisaKey, CisaDecision] = {}
    for number, row in _rows(text, "CISA table"):
        try:
            exploitation = Exploitation(row["exploitation"])
            is_automatable = AUTOMATABLE[row["automatable"]]
            impact = TechnicalImpact(row["technical_impact"])
            for mission in MISSIONS:
                key = (exploitation, is_automatable, impact, mission)
                decisions[key] = CisaDecision(row[mission])
        except (KeyError, ValueError) as error:
            raise InputError(f"CISA table, line {number}: {error}") from error
    for key in product(Exploitation, (False, True), TechnicalImpact, MISSIONS):
        if key not in decisions:
            raise InputError(f"CISA table: no row for {key[0].value}, {key[2].value}")
    return decisions


def _rows(text: str, table: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Give the rows with the number of their line; lines with `#` are comments."""
    names: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            (cells,) = csv.reader([line], strict=True)
        except csv.Error as error:
            raise InputError(f"{table}, line {number}: {error}") from error
        if not names:
            names = cells
        elif len(cells) != len(names):
            raise InputError(f"{table}, line {number}: {len(cells)} cells, not {len(names)}")
        else:
            yield number, dict(zip(names, cells, strict=True))
