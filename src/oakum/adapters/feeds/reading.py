"""From the bytes of a feed to its content, by the feed's name."""

from dataclasses import dataclass
from datetime import datetime

from oakum.adapters.feeds.cve_records import parse_records
from oakum.adapters.feeds.debian_advisories import parse_advisories
from oakum.adapters.feeds.debian_tracker import parse_tracker
from oakum.adapters.feeds.epss import parse_epss
from oakum.adapters.feeds.kev import parse_kev
from oakum.adapters.feeds.parsing import Parsed
from oakum.adapters.feeds.unpacking import json_members, unpacked
from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.canonical import digest_of_bytes
from oakum.core.errors import InputError
from oakum.core.inventory.distribution import DEBIAN_RELEASES
from oakum.ports.advisory_feed import FeedContent

RELEASES = frozenset(DEBIAN_RELEASES.values())


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where bytes came from and when."""

    origin: str
    fetched_at: datetime
    dated: datetime
    """The source's own date, for formats that hold none."""


def read_feed(feed: FeedName, content: bytes, provenance: Provenance) -> FeedContent:
    """Return the understood feed. Raises InputError, also when nothing in it can be understood."""
    parsed = _parse(feed, content)
    speaks_of_packages = feed not in {FeedName.KEV, FeedName.EPSS, FeedName.CVE_RECORDS}
    records = len(parsed.statements) if speaks_of_packages else len(parsed.signals)
    if not records:
        # Stored, it would pass for good news of today.
        raise InputError(
            f"the feed {feed.value} holds no record that can be read"
            + (f" ({len(parsed.unreadable)} cannot)" if parsed.unreadable else ""),
            hint="it may be of another version; the last good copy stays in use",
        )
    state = FeedState(
        feed=feed,
        data_as_of=parsed.data_as_of or provenance.dated,
        fetched_at=provenance.fetched_at,
        sha256=digest_of_bytes(content),
        records=records,
        origin=provenance.origin,
    )
    return FeedContent(
        state, tuple(parsed.statements), tuple(parsed.signals), tuple(parsed.unreadable)
    )


def _parse(feed: FeedName, content: bytes) -> Parsed:
    place = f"the feed {feed.value}"
    match feed:
        case FeedName.DEBIAN_TRACKER:
            return parse_tracker(unpacked(content, place), RELEASES)
        case FeedName.DEBIAN_DSA | FeedName.DEBIAN_DLA:
            return parse_advisories(unpacked(content, place), RELEASES)
        case FeedName.KEV:
            return parse_kev(unpacked(content, place))
        case FeedName.EPSS:
            return parse_epss(unpacked(content, place))
        case FeedName.CVE_RECORDS:
            return parse_records(json_members(content, place))
