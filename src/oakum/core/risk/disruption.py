"""What a patch disturbs on a host, by its source package: an expectation, before any simulation."""

import re
from enum import Enum
from fnmatch import fnmatchcase


class Disruption(Enum):
    """What has to happen on a host before the patch is effective."""

    NONE = "none"
    RESTART = "restart"
    REBOOT = "reboot"

    @property
    def cost(self) -> int:
        """Return the cost beside the patching itself, which counts 1."""
        match self:
            case Disruption.NONE:
                return 0
            case Disruption.RESTART:
                return 1
            case Disruption.REBOOT:
                return 4


NEEDS_REBOOT = re.compile(
    r"linux(?:-(?:[0-9]|signed|hwe|aws|azure|gcp|oracle|kvm|lowlatency|oem|raspi|lts|virt).*)?"
    r"|kernel(?:-(?:core|default|rt|64k).*)?|systemd|dbus|dbus-broker|glibc"
)
"""Kernels, under the names that each vendor gives them, and what process 1 keeps loaded."""
RESTS = (
    *("*-doc", "ca-certificates", "git", "groff", "gzip", "less", "man-db", "nano", "patch"),
    *("tar", "unzip", "vim", "wget", "zip"),
)
"""Sources of programs that end by themselves and of plain files: no service keeps them loaded."""


def disruption_of(source_name: str) -> Disruption:
    """Return what a patch of this source is expected to disturb; what is not known is a restart."""
    if NEEDS_REBOOT.fullmatch(source_name):
        return Disruption.REBOOT
    rests = any(fnmatchcase(source_name, pattern) for pattern in RESTS)
    return Disruption.NONE if rests else Disruption.RESTART
