"""The points of a host's run at which a fault can be injected, in their order."""

from enum import Enum


class Point(Enum):
    """Where a run stops for a fault: the value is what the hook inside the host is told."""

    BEFORE = "before"
    """Nothing was handed over yet."""
    BEGIN = "begin started"
    UPDATERS = "updaters started"
    PREFLIGHT = "preflight started"
    COMPARE = "compare started"
    DOWNLOAD = "download started"
    RESTORE_POINT = "restore-point started"
    INSTALL = "install started"
    UNPACK = "preinst"
    """dpkg is at work: some packages are unpacked, others are not."""
    CONFIGURE = "postinst"
    """All are unpacked, some are configured."""
    RESTARTS = "restarts started"
    SELF_CHECK = "self-check started"
    AFTER = "after"
    """The transaction has ended, and nobody has verified it yet."""

    @property
    def is_in_host(self) -> bool:
        """Tell whether the transaction itself stops there."""
        return self not in {Point.BEFORE, Point.AFTER}


EVERYWHERE = tuple(Point)
UNTIL_CHANGED = EVERYWHERE[: EVERYWHERE.index(Point.INSTALL)]
SINCE_CHANGED = EVERYWHERE[EVERYWHERE.index(Point.INSTALL) :]
WITHOUT_DPKG = tuple(p for p in EVERYWHERE if p not in {Point.UNPACK, Point.CONFIGURE})
