"""Asking for vital signs: one script, one round trip, as whoever logs in."""

import re
from datetime import UTC, datetime
from importlib.resources import files

from oakum.core.errors import HostError
from oakum.core.staging.vitals import CORE_UNITS, UnitSeen, VitalQuestions, Vitals
from oakum.core.text import is_plain, one_line
from oakum.ports.transport import CommandResult, Session

SCRIPT = (files(__package__) / "vitals.sh").read_text()
TIMEOUT_SECONDS = 60
END = ("end", "ok")
EPOCH = re.compile(r"[0-9]{1,11}")
UNIT_COLUMNS = 4


async def look(questions: VitalQuestions, session: Session) -> Vitals:
    """Return the vital signs. Raises HostError when the host gives no whole answer."""
    asked = [
        *(("name", name) for name in questions.names),
        *(("unit", unit) for unit in (*CORE_UNITS, *questions.units)),
        *(("package", package) for package in questions.packages),
    ]
    given = "".join(f"{kind}\t{value}\n" for kind, value in asked).encode()
    return parse_vitals(await session.run(SCRIPT, stdin=given, timeout_seconds=TIMEOUT_SECONDS))


def parse_vitals(result: CommandResult) -> Vitals:
    """Read the answer. Raises HostError for half an answer, or for none."""
    text = result.stdout.decode(errors="backslashreplace")
    lines = [tuple(line.split("\t")) for line in text.splitlines() if line]
    if not lines or lines[-1] != END:
        said = one_line(result.stderr.decode(errors="replace")) or "nothing"
        raise HostError(
            f"its vital signs could not be read; it said: {said}",
            hint="does its login shell run POSIX shell scripts?",
        )
    told = {line[0] for line in lines if line[1:] == ("told",)}
    return Vitals(
        clock=_clock(_values(lines, "clock")),
        resolved=tuple(sorted(_values(lines, "name"))),
        nameservers=_values(lines, "nameserver"),
        ways=_values(lines, "way"),
        rules=_values(lines, "rule") if "rules" in told else None,
        units=tuple(unit for line in lines if (unit := _unit(line))) if "units" in told else None,
        failed_units=_values(lines, "failed"),
    )


def _values(lines: list[tuple[str, ...]], kind: str) -> tuple[str, ...]:
    """Return what lines of a kind say, each once."""
    found = (line[1] for line in lines if len(line) > 1 and line[0] == kind and is_plain(line[1]))
    return tuple(dict.fromkeys(found))


def _clock(values: tuple[str, ...]) -> datetime | None:
    if len(values) != 1 or not EPOCH.fullmatch(values[0]):
        return None
    return datetime.fromtimestamp(int(values[0]), UTC)


def _unit(line: tuple[str, ...]) -> UnitSeen | None:
    if line[0] != "unit" or len(line) != UNIT_COLUMNS or not all(map(is_plain, line)):
        return None
    return UnitSeen(line[1], line[2], is_enabled=line[3] == "enabled")
