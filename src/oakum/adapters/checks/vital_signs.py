"""Asking for vital signs: one script, one round trip, as whoever logs in."""

from importlib.resources import files

from oakum.core.errors import HostError
from oakum.core.staging.vitals import CORE_UNITS, VitalQuestions, Vitals, from_lines
from oakum.core.text import one_line
from oakum.ports.transport import CommandResult, Session

SCRIPT = (files(__package__) / "vitals.sh").read_text()
TIMEOUT_SECONDS = 60
END = "end\tok"


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
    lines = [line for line in result.stdout.decode(errors="backslashreplace").split("\n") if line]
    if not lines or lines[-1] != END:
        said = one_line(result.stderr.decode(errors="replace")) or "nothing"
        raise HostError(
            f"its vital signs could not be read; it said: {said}",
            hint="does its login shell run POSIX shell scripts?",
        )
    return from_lines(lines)
