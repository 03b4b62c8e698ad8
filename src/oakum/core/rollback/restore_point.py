"""Restore points: what a host keeps to go back with, and which of it a plan may use."""

from collections.abc import Iterable
from enum import Enum

from oakum.core.planning.change import PackageChange
from oakum.core.rollback.classes import goes_back_alone


class RestorePointKind(Enum):
    """What is kept before a change. Which of it a host can make, it finds out itself."""

    PACKAGES = "packages"
    """Every host: the old packages, marks, configuration files, /etc, dpkg's database."""
    SNAPSHOT = "snapshot"
    """Where the root is on btrfs or LVM: its files, for when dpkg does not work any more."""


def kinds_for(changes: Iterable[PackageChange]) -> tuple[RestorePointKind, ...]:
    """Return what may be used to undo these changes, the first resort first.

    A snapshot puts programs back and leaves data as it is. Where the data may be of a newer format
    by then, or the new state is not only in files, that would be worse than a package that failed.
    """
    if goes_back_alone(changes):
        return (RestorePointKind.PACKAGES, RestorePointKind.SNAPSHOT)
    return (RestorePointKind.PACKAGES,)
