import os
import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from oakum.adapters.feeds import compact
from oakum.adapters.feeds.compact import NAME, CompactAdvisories
from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.signals import CveSignals, KevEntry, Reservation
from oakum.core.advisories.statement import NoDsaReason, Urgency, VendorStatement, VendorStatus
from oakum.core.errors import StorageError
from oakum.core.ids import CveId, Digest
from oakum.ports.advisory_feed import FeedContent

NOW = datetime(2026, 11, 25, tzinfo=UTC)
CVE = CveId("CVE-2026-0001")
OPEN = VendorStatement(
    "bookworm", "openssl", CVE, VendorStatus.OPEN, urgency=Urgency.LOW, no_dsa=NoDsaReason.POSTPONED
)
FIX = VendorStatement(
    "bookworm", "openssl", CVE, VendorStatus.FIXED, "3.0.22-1", source="debian-dsa",
    channel="esm-apps", module="m:1", advisory="DSA-1-1", issued_on=date(2026, 11, 24),
)  # fmt: skip
STRAY = VendorStatement("bookworm", "curl", CVE, VendorStatus.NOT_AFFECTED)


OTHER = CveId("CVE-2026-0002")
SIGNALS = {
    FeedName.DEBIAN_TRACKER: (CveSignals(CVE, summary="a summary"), CveSignals(OTHER)),
    FeedName.KEV: (
        CveSignals(
            CVE, KevEntry(CVE, date(2026, 11, 1), None, is_used_by_ransomware=True),
            summary="another", reservation=Reservation.DISPUTED,
        ),
    ),
}  # fmt: skip


class FakeSource:
    """Gives statements of the tracker, and counts how often it is read."""

    def __init__(self, *said: VendorStatement) -> None:
        self.said = said
        self.reads = 0

    def feeds(self) -> Iterable[FeedName]:
        return [FeedName.DEBIAN_TRACKER, FeedName.DEBIAN_DSA, FeedName.KEV]

    def load(self, feed: FeedName) -> FeedContent:
        self.reads += 1
        state = FeedState(feed, NOW, NOW, Digest("0" * 64), 1, "test")
        said = tuple(s for s in self.said if s.source == feed.value)
        return FeedContent(state, said, SIGNALS.get(feed, ()))


def advisories(tmp_path: Path, source: FakeSource) -> CompactAdvisories:
    return CompactAdvisories(tmp_path, lambda: source)


def test_everything_of_a_statement_comes_back(tmp_path: Path) -> None:
    """And nothing about packages that nobody asked for."""
    found = advisories(tmp_path, FakeSource(OPEN, FIX, STRAY))
    topic = ("bookworm", "openssl")
    assert found.rulings([topic, ("bookworm", "none")]) == {topic: [OPEN, FIX]}
    states = found.feeds()
    assert set(states) == {FeedName.DEBIAN_TRACKER, FeedName.DEBIAN_DSA}
    assert states[FeedName.DEBIAN_DSA].data_as_of == NOW


def test_only_what_counts_is_kept(tmp_path: Path) -> None:
    """An advisory before the tracker's day says nothing that the tracker does not know."""
    early = VendorStatement(
        "bookworm", "openssl", CVE, VendorStatus.FIXED, "1-1", source="debian-dsa",
        issued_on=date(2026, 11, 24),
    )  # fmt: skip
    topic = ("bookworm", "openssl")
    assert advisories(tmp_path, FakeSource(OPEN, early)).rulings([topic]) == {topic: [OPEN]}


def test_what_is_known_of_a_cve_is_laid_together(tmp_path: Path) -> None:
    """The first feed that knows something is believed; of CVEs that nobody names nothing is."""
    found = advisories(tmp_path, FakeSource(OPEN))
    (kev,) = SIGNALS[FeedName.KEV]
    assert found.signals([CVE, OTHER]) == {CVE: replace(kev, summary="a summary")}
    assert set(found.all_feeds()) == {
        FeedName.DEBIAN_TRACKER,
        FeedName.DEBIAN_DSA,
        FeedName.KEV,
    }
    assert set(found.feeds()) == {FeedName.DEBIAN_TRACKER}


def test_it_is_read_once(tmp_path: Path) -> None:
    """The next command finds it made."""
    source = FakeSource(OPEN)
    for _ in range(2):
        advisories(tmp_path, source).feeds()
    assert source.reads == 3


@pytest.mark.parametrize("harm", ["code", "damage", "cut", "gone"])
def test_it_is_made_anew_when_it_is_not_of_this_bundle_and_code(
    tmp_path: Path, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else yesterday's answers would be given for today's."""
    source, topic = FakeSource(OPEN), ("bookworm", "openssl")
    advisories(tmp_path, source).feeds()
    source.said = (STRAY,)
    match harm:  # type: ignore[exhaustive-match] # the names above
        case "code":
            monkeypatch.setattr(compact, "_made_of", lambda: "another time of a file")
        case "damage":
            (tmp_path / NAME).write_bytes(b"SQLite format 3\0" + os.urandom(100))
        case "cut":
            with sqlite3.connect(tmp_path / NAME) as database:
                database.execute("DROP TABLE made_of")
            database.close()
        case "gone":
            (tmp_path / NAME).unlink()
    assert advisories(tmp_path, source).rulings([topic]) == {}
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_it_depends_on_bundle_and_code() -> None:
    """What is looked at are the files that read, order and hold what vendors said."""
    made_of = compact._made_of()
    for file in ("bundle/manifest.json", "debian/tracker.py", "authority.py", "deb.py"):
        assert f"/{file} " in made_of
    assert "__pycache__" not in made_of


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """With the variable that moves it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError) as caught:
        advisories(tmp_path / "file", FakeSource(OPEN)).feeds()
    assert "XDG_CACHE_HOME" in (caught.value.hint or "")
