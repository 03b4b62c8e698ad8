"""The shell scripts that run on hosts, put together from their parts in `host/`."""

from enum import Enum
from functools import cache
from importlib import resources


class HostScript(Enum):
    """A script and the parts that it is made of, in their order."""

    SIMULATE = ("common", "packages", "apt", "problems", "processes", "simulate")
    TRANSACTION = (
        "common",
        "packages",
        "launch",
        "apt",
        "problems",
        "processes",
        "advice",
        "journal",
        "deadman",
        "watch",
        "updaters",
        "restore_point",
        "snapshot",
        "snapshot_btrfs",
        "snapshot_lvm",
        "restarts",
        "install",
        "go_back",
        "transaction",
    )
    START = ("common", "launch", "start")
    STATUS = ("common", "deadman", "report", "status")
    CONFIRM = (
        "common",
        "deadman",
        "snapshot",
        "snapshot_btrfs",
        "snapshot_lvm",
        "confirming",
        "confirm",
    )
    REBOOT = ("common", "boot_again", "reboot")
    VERIFIER = (
        "common",
        "launch",
        "deadman",
        "snapshot",
        "snapshot_btrfs",
        "snapshot_lvm",
        "confirming",
        "report",
        "boot_again",
        "verifier",
    )
    CONFFILES = ("common", "conffiles")
    REPACK = ("common", "packages", "repack")
    FETCH = ("common", "fetch")


@cache
def text_of(script: HostScript) -> str:
    """Return the script as one text."""
    folder = resources.files(__package__) / "host"
    return "\n".join((folder / f"{part}.sh").read_text("utf-8") for part in script.value)


def host_programs() -> dict[str, str]:
    """Return the programs of a host that obeys signed orders, apart from the one for facts."""
    return {
        "verifier": text_of(HostScript.VERIFIER),
        "transaction.sh": text_of(HostScript.TRANSACTION),
        "simulate.sh": text_of(HostScript.SIMULATE),
    }
