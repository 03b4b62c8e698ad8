"""The policy tables that ship with Oakum."""

from importlib.resources import files

from oakum.core.risk.tables import PolicyTables, parse_deadlines, parse_lanes


def shipped_tables() -> PolicyTables:
    """Return the tables of data/policies."""
    directory = files("oakum") / "data" / "policies"
    return PolicyTables(
        parse_deadlines((directory / "deadlines.csv").read_text(encoding="utf-8")),
        parse_lanes((directory / "ssvc-deployer.csv").read_text(encoding="utf-8")),
    )
