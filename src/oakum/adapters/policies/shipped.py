"""The policy tables that ship with Oakum."""

from importlib.resources import files

from oakum.core.risk.tables import PolicyTables, parse_cisa, parse_deadlines, parse_lanes


def shipped_tables() -> PolicyTables:
    """Return the tables of data/policies."""
    return PolicyTables(
        parse_deadlines(_text("deadlines.csv")),
        parse_lanes(_text("ssvc-deployer.csv")),
        parse_cisa(_text("ssvc-cisa.csv")),
    )


def _text(name: str) -> str:
    return (files("oakum") / "data" / "policies" / name).read_text(encoding="utf-8")
