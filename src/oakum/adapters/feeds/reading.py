"""From the bytes of a feed to its content, by the feed's name."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from oakum.adapters.feeds.alpine.secdb import parse_secdb
from oakum.adapters.feeds.cisa.kev import parse_kev
from oakum.adapters.feeds.cisa.records import parse_records
from oakum.adapters.feeds.debian.advisories import parse_advisories
from oakum.adapters.feeds.debian.cve_list import parse_cve_list
from oakum.adapters.feeds.debian.tracker import parse_tracker
from oakum.adapters.feeds.endoflife.products import parse_products
from oakum.adapters.feeds.errata.updateinfo import parse_updateinfo
from oakum.adapters.feeds.first.epss import parse_epss
from oakum.adapters.feeds.nvd.api import parse_nvd
from oakum.adapters.feeds.osv.records import parse_osv
from oakum.adapters.feeds.parsing import Parsed
from oakum.adapters.feeds.ubuntu.tracker import parse_ubuntu
from oakum.adapters.feeds.unpacking import members, unpacked
from oakum.adapters.feeds.vex.csaf import parse_csaf
from oakum.adapters.feeds.vex.openvex import parse_openvex
from oakum.core.advisories.authority import AUTHORITY
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
    records = len((parsed.statements if feed in AUTHORITY else parsed.signals) or parsed.support)
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
        state,
        tuple(parsed.statements),
        tuple(parsed.signals),
        tuple(parsed.unreadable),
        tuple(parsed.support),
    )


def _parse(feed: FeedName, content: bytes) -> Parsed:
    place = f"the feed {feed.value}"
    if feed in OF_ONE_FILE:
        return OF_ONE_FILE[feed](unpacked(content, place))
    suffix, parse = OF_MANY_FILES[feed]
    return parse(members(content, place, (suffix,)), feed.value)


OF_ONE_FILE: Mapping[FeedName, Callable[[bytes], Parsed]] = {
    FeedName.DEBIAN_TRACKER: partial(parse_tracker, releases=RELEASES),
    FeedName.DEBIAN_DSA: partial(parse_advisories, releases=RELEASES),
    FeedName.DEBIAN_DLA: partial(parse_advisories, releases=RELEASES),
    FeedName.DEBIAN_CVE: partial(parse_cve_list, releases=RELEASES),
    FeedName.KEV: parse_kev,
    FeedName.EPSS: parse_epss,
}
Files = Iterable[tuple[str, bytes]]
OF_MANY_FILES: Mapping[FeedName, tuple[str, Callable[[Files, str], Parsed]]] = {
    FeedName.UBUNTU_TRACKER: ("", parse_ubuntu),
    FeedName.ALPINE_SECDB: (".json", parse_secdb),
    FeedName.REDHAT_VEX: (".json", parse_csaf),
    FeedName.SUSE_VEX: (".json", parse_csaf),
    FeedName.OPENVEX: (".json", parse_openvex),
    FeedName.UPDATEINFO: (".xml", parse_updateinfo),
    FeedName.OSV_DEBIAN: (".json", parse_osv),
    FeedName.OSV_UBUNTU: (".json", parse_osv),
    FeedName.OSV_ALMALINUX: (".json", parse_osv),
    FeedName.OSV_ROCKY: (".json", parse_osv),
    FeedName.OSV_REDHAT: (".json", parse_osv),
    FeedName.OSV_SUSE: (".json", parse_osv),
    FeedName.CVE_RECORDS: (".json", lambda files, _: parse_records(files)),
    FeedName.NVD: (".json", parse_nvd),
    FeedName.END_OF_LIFE: (".md", parse_products),
}
"""How the files of a feed end, and what understands them; a feed of one file may come as it is."""
