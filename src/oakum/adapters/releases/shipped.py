"""The table of releases that ships with Oakum."""

from importlib.resources import files

from oakum.core.inventory.support import Supported, parse_support


def shipped_releases() -> Supported:
    """Return data/releases/support.csv."""
    file = files("oakum") / "data" / "releases" / "support.csv"
    return parse_support(file.read_text(encoding="utf-8"), "data/releases/support.csv")
