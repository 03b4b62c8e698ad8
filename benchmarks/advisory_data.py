"""The folder of advisory data that benchmarks are pointed at: which feed each file of it is."""

import io
import tarfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from oakum.adapters.feeds.reading import Provenance, read_feed
from oakum.core.advisories.feed import FeedName
from oakum.ports.advisory_feed import FeedContent

FILES = {
    FeedName.DEBIAN_TRACKER: "debian/tracker-json-bookworm-trixie.DERIVED.json.xz",
    FeedName.DEBIAN_DSA: "debian/DSA.list.xz",
    FeedName.DEBIAN_DLA: "debian/DLA.list.xz",
    FeedName.OSV_DEBIAN: "debian/osv-debian-2025-02-12.tar.xz",
    FeedName.OSV_UBUNTU: "ubuntu/osv-ubuntu-22.04-24.04.DERIVED.tar.xz",
    FeedName.UBUNTU_TRACKER: "ubuntu/cve-tracker-json-jammy-noble-2024-08-09.tar.xz",
    FeedName.OSV_ALMALINUX: "redhat/osv-almalinux-2026-08-21.tar.xz",
    FeedName.OSV_ROCKY: "redhat/osv-rocky-2025-01-11.tar.xz",
    FeedName.OSV_REDHAT: "redhat/osv-redhat-rhel8-rhel9-2025-02-18.tar.xz",
    FeedName.OSV_SUSE: "suse/osv-suse-15sp5-15sp6-leap-2025-02-13.tar.xz",
    FeedName.ALPINE_SECDB: "alpine",
    FeedName.KEV: "kev/known_exploited_vulnerabilities.json",
    FeedName.EPSS: "epss/epss_scores-2026-08-16.csv.gz",
    FeedName.END_OF_LIFE: "eol/endoflife-products-2026-08-22.tar.xz",
    FeedName.CVE_RECORDS: "cvss/vulnrichment-2025-01-24.subset.tar.xz",
}
NOW = datetime(2026, 11, 25, tzinfo=UTC)


def load_feeds(data: Path, only: Iterable[FeedName] = FILES) -> list[FeedContent]:
    """Return feeds of the folder."""
    return [load_feed(data, feed) for feed in only]


def load_feed(data: Path, feed: FeedName) -> FeedContent:
    """Return one feed of the folder."""
    return read_feed(feed, _bytes(data / FILES[feed]), Provenance(FILES[feed], NOW, NOW))


def _bytes(path: Path) -> bytes:
    """Return a file, or the files of a folder as a tar."""
    if path.is_file():
        return path.read_bytes()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for file in sorted(path.iterdir()):
            tar.add(file, file.name)
    return buffer.getvalue()
