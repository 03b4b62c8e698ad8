"""The policy tables that ship with Oakum, and one's own beside them."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from oakum.core.errors import InputError
from oakum.core.risk.tables import PolicyTables, parse_deadlines, parse_lanes
from oakum.core.text import one_line


def policy_tables(own: Path | None) -> PolicyTables:
    """Return the shipped tables, with the deadlines of a file of one's own.

    Raises InputError for a file that cannot be read, with the line.
    """
    shipped = shipped_tables()
    if own is None:
        return shipped
    place = one_line(str(own))
    try:
        text = own.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"the deadlines {place} cannot be read: {one_line(str(error))}",
            hint="[policy] own in oakum.toml names them",
        ) from error
    return replace(shipped, deadlines=(*shipped.deadlines, *parse_deadlines(text, place)))


def shipped_tables() -> PolicyTables:
    """Return the tables of data/policies."""
    directory = files("oakum") / "data" / "policies"
    return PolicyTables(
        parse_deadlines((directory / "deadlines.csv").read_text(encoding="utf-8")),
        parse_lanes((directory / "ssvc-deployer.csv").read_text(encoding="utf-8")),
    )
