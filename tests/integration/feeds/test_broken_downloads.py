"""Downloads that break off, and feeds that are many files."""

import gzip
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.integration.feeds.feed_server import FeedServer, serving

from oakum.adapters.feeds.download import DownloadedFeeds
from oakum.adapters.feeds.kept import KeptFeeds
from oakum.core.advisories.feed import FeedName
from oakum.core.canonical import digest_of_bytes
from oakum.core.errors import InputError, SourceError

GOLDEN = Path(__file__).parents[2] / "golden" / "feeds"
KEV = (GOLDEN / "kev.json").read_bytes()
MANY = 100


@dataclass
class SetClock:
    moment: datetime = datetime(2026, 11, 25, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with serving(FeedServer({"/kev.json": KEV})) as served:
        yield served


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


def feeds(
    server: FeedServer, directory: Path, clock: SetClock, feed: FeedName, *paths: str
) -> DownloadedFeeds:
    return DownloadedFeeds(
        {feed: [server.url + path for path in paths]},
        KeptFeeds(directory),
        clock,
        pause=lambda _: None,
        progress=lambda *_: None,
    )


def test_a_connection_that_breaks_is_gone_on_with(
    server: FeedServer, tmp_path: Path, clock: SetClock
) -> None:
    """Each further try asks for the rest, and only for the rest."""
    server.cuts = [300, 200]
    content = feeds(server, tmp_path, clock, FeedName.KEV, "/kev.json").load(FeedName.KEV)
    assert content.state.sha256 == digest_of_bytes(KEV)
    assert [headers.get("Range") for _, headers in server.asked] == [
        None, "bytes=300-", "bytes=500-",
    ]  # fmt: skip


def test_what_one_process_began_the_next_goes_on_with(
    server: FeedServer, tmp_path: Path, clock: SetClock
) -> None:
    """A download that was given up is not begun anew."""
    server.cuts = [300, 10, 10]
    with pytest.raises(SourceError, match="cannot be fetched"):
        feeds(server, tmp_path, clock, FeedName.KEV, "/kev.json").load(FeedName.KEV)
    content = feeds(server, tmp_path, clock, FeedName.KEV, "/kev.json").load(FeedName.KEV)
    assert server.asked[-1][1]["Range"] == "bytes=320-"
    assert content.state.sha256 == digest_of_bytes(KEV)
    assert list(tmp_path.glob("*.part*")) == []


def test_another_file_is_not_laid_behind_half_of_the_first(
    server: FeedServer, tmp_path: Path, clock: SetClock
) -> None:
    """The feed changed in between: the tag no longer fits, and all of it comes."""
    server.cuts = [300, 0, 0]
    with pytest.raises(SourceError):
        feeds(server, tmp_path, clock, FeedName.KEV, "/kev.json").load(FeedName.KEV)
    server.files["/kev.json"] = newer = KEV + b"\n\n"
    content = feeds(server, tmp_path, clock, FeedName.KEV, "/kev.json").load(FeedName.KEV)
    assert content.state.sha256 == digest_of_bytes(newer)


@pytest.mark.parametrize(
    "trouble", [{"knows_ranges": False}, {"has_tags": False}, {"shift": 7}], ids=str
)
def test_servers_that_know_no_ranges_cost_a_whole_download(
    server: FeedServer, tmp_path: Path, clock: SetClock, trouble: dict[str, object]
) -> None:
    """Also one that goes on at another place than it was asked to."""
    for name, value in trouble.items():
        setattr(server, name, value)
    server.cuts = [300]
    content = feeds(server, tmp_path, clock, FeedName.KEV, "/kev.json").load(FeedName.KEV)
    assert content.state.sha256 == digest_of_bytes(KEV)


def branch(number: int, package: str) -> bytes:
    fixes = {"1.0-r1": [f"CVE-2026-000{number}"]}
    held = {"pkg": {"name": package, "secfixes": fixes}}
    return json.dumps({"distroversion": f"v3.{number}", "packages": [held]}).encode()


def test_a_feed_of_many_files_is_one(server: FeedServer, tmp_path: Path, clock: SetClock) -> None:
    """Each file is asked for only if it changed, and all of them are kept as one."""
    server.files |= {"/20.json": branch(1, "zlib"), "/21.json": branch(2, "curl")}
    source = feeds(server, tmp_path, clock, FeedName.ALPINE_SECDB, "/20.json", "/21.json")
    content = source.load(FeedName.ALPINE_SECDB)
    assert {said.source_name for said in content.statements} == {"zlib", "curl"}
    with tarfile.open(tmp_path / "alpine-secdb.data") as tar:
        assert tar.getnames() == ["00000.json", "00001.json"]
    server.files["/21.json"] = branch(3, "expat")
    content = source.load(FeedName.ALPINE_SECDB)
    assert {said.source_name for said in content.statements} == {"zlib", "expat"}
    assert all("If-None-Match" in headers for _, headers in server.asked[2:])


def test_one_missing_file_leaves_the_last_good_copy(
    server: FeedServer, tmp_path: Path, clock: SetClock
) -> None:
    """Without a branch the feed would say that nothing is known of it."""
    server.files |= {"/20.json": branch(1, "zlib"), "/21.json": branch(2, "curl")}
    source = feeds(server, tmp_path, clock, FeedName.ALPINE_SECDB, "/20.json", "/21.json")
    source.load(FeedName.ALPINE_SECDB)
    kept = (tmp_path / "alpine-secdb.data").read_bytes()
    del server.files["/21.json"]
    with pytest.raises(SourceError, match=r"21\.json cannot be fetched.*404"):
        source.load(FeedName.ALPINE_SECDB)
    assert (tmp_path / "alpine-secdb.data").read_bytes() == kept


def page(begin: int, total: int) -> bytes:
    cves = [{"cve": {"id": f"CVE-2026-{10000 + number}"}} for number in range(begin, begin + MANY)]
    return json.dumps(
        {
            "format": "NVD_CVE", "timestamp": "2026-11-24T00:00:00.000",
            "startIndex": begin, "resultsPerPage": MANY, "totalResults": total,
            "vulnerabilities": cves,
        }
    ).encode()  # fmt: skip


def test_all_pages_of_nvd_are_read(server: FeedServer, tmp_path: Path, clock: SetClock) -> None:
    """The first page says how many there are; two hours long they are not asked for again."""
    asked = [f"/nvd?resultsPerPage=2000&startIndex={begin}" for begin in (0, 2000, 4000)]
    server.files |= {path: page(2000 * n, 4001) for n, path in enumerate(asked)}
    server.has_tags = False
    source = feeds(server, tmp_path, clock, FeedName.NVD, "/nvd")
    assert source.load(FeedName.NVD).state.records == 3 * MANY
    assert server.paths() == asked
    clock.moment += timedelta(hours=1)
    source.load(FeedName.NVD)
    assert server.paths() == asked
    clock.moment += timedelta(hours=2)
    source.load(FeedName.NVD)
    assert server.paths() == asked * 2


def test_pages_that_broke_off_are_gone_on_with(
    server: FeedServer, tmp_path: Path, clock: SetClock
) -> None:
    """Pages that came are not asked for again."""
    asked = [f"/nvd?resultsPerPage=2000&startIndex={begin}" for begin in (0, 2000)]
    server.files |= {asked[0]: page(0, 2001)}
    source = feeds(server, tmp_path, clock, FeedName.NVD, "/nvd")
    with pytest.raises(SourceError, match="404"):
        source.load(FeedName.NVD)
    server.files |= {asked[1]: page(2000, 2001)}
    assert source.load(FeedName.NVD).state.records == 2 * MANY
    assert server.paths() == [*asked, asked[1]]


@pytest.mark.parametrize("content", [b"<html>", b"{}", b'{"totalResults": 1}'])
def test_what_is_no_page_is_said(
    server: FeedServer, tmp_path: Path, clock: SetClock, content: bytes
) -> None:
    """And is not kept for the next time."""
    server.files["/nvd?resultsPerPage=2000&startIndex=0"] = content
    source = feeds(server, tmp_path, clock, FeedName.NVD, "/nvd")
    for _ in range(2):
        with pytest.raises(InputError, match="gives no page of CVEs"):
            source.load(FeedName.NVD)
    assert len(server.asked) == 2


def test_a_page_may_come_packed(server: FeedServer, tmp_path: Path, clock: SetClock) -> None:
    """It is kept as it came."""
    server.files["/nvd?resultsPerPage=2000&startIndex=0"] = gzip.compress(page(0, 1))
    found = feeds(server, tmp_path, clock, FeedName.NVD, "/nvd").load(FeedName.NVD)
    assert list(found.signals)
