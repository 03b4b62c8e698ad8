"""A source of advisories: which data we hold, from when, and whether it is too old."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from oakum.core.ids import Digest


class FeedName(Enum):
    """The sources that Oakum reads."""

    DEBIAN_TRACKER = "debian-tracker"
    DEBIAN_DSA = "debian-dsa"
    DEBIAN_DLA = "debian-dla"
    UBUNTU_TRACKER = "ubuntu-tracker"
    ALPINE_SECDB = "alpine-secdb"
    REDHAT_VEX = "redhat-vex"
    SUSE_VEX = "suse-vex"
    OPENVEX = "openvex"
    UPDATEINFO = "updateinfo"
    OSV_DEBIAN = "osv-debian"
    OSV_UBUNTU = "osv-ubuntu"
    OSV_ALMALINUX = "osv-almalinux"
    OSV_ROCKY = "osv-rocky"
    OSV_REDHAT = "osv-redhat"
    OSV_SUSE = "osv-suse"
    KEV = "kev"
    EPSS = "epss"
    CVE_RECORDS = "cve-records"
    NVD = "nvd"
    DEBIAN_CVE = "debian-cve"
    END_OF_LIFE = "end-of-life"


@dataclass(frozen=True, slots=True)
class FeedState:
    """The last good copy of a feed."""

    feed: FeedName
    data_as_of: datetime
    """When the source wrote it, as well as can be told; not when we fetched it."""
    fetched_at: datetime
    sha256: Digest
    records: int
    origin: str
    """A URL, or `bundle` and its name."""
    error: str = ""
    """Why the last try to renew it failed; empty when it did not."""

    def age(self, now: datetime) -> timedelta:
        """Return how old the data is, not how long ago it was fetched."""
        return now - self.data_as_of

    def is_stale(self, now: datetime, limit: timedelta) -> bool:
        """Tell whether answers made from it must say that they are old."""
        return self.age(now) > limit
