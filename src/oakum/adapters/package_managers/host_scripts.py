"""The shell scripts that run on hosts, put together from their parts in `host/`."""

from enum import Enum
from functools import cache
from importlib import resources


class HostScript(Enum):
    """A script and the parts that it is made of, in their order."""

    SIMULATE = ("common", "apt", "problems", "processes", "simulate")
    TRANSACTION = (
        "common",
        "apt",
        "problems",
        "processes",
        "advice",
        "journal",
        "updaters",
        "restore_point",
        "restarts",
        "install",
        "go_back",
        "transaction",
    )
    START = ("common", "start")
    STATUS = ("common", "status")
    REBOOT = ("common", "reboot")
    REPACK = ("common", "repack")
    FETCH = ("common", "fetch")


@cache
def text_of(script: HostScript) -> str:
    """Return the script as one text."""
    folder = resources.files(__package__) / "host"
    return "\n".join((folder / f"{part}.sh").read_text("utf-8") for part in script.value)
