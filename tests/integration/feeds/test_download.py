from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from oakum.adapters.feeds.download import DownloadedFeeds, Urls
from oakum.adapters.feeds.kept import KeptFeeds
from oakum.core.advisories.feed import FeedName
from oakum.core.canonical import digest_of_bytes
from oakum.core.errors import InputError, OakumError, SourceError
from oakum.ports.advisory_feed import FeedContent
from oakum.ports.clock import Clock

GOLDEN = Path(__file__).parents[2] / "golden" / "feeds"
OLD, NEW = (GOLDEN / "kev.json").read_bytes(), (GOLDEN / "kev.json").read_bytes() + b"\n"
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
CUT = 300


class FixedClock:
    def now(self) -> datetime:
        return NOW


@dataclass
class Upstream:
    """What a local server answers, and what it was asked."""

    content: bytes = OLD
    status: int = 200
    is_cut: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def etag(self) -> str:
        return f'"{digest_of_bytes(self.content)[:8]}"'

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(dict(request.headers.items()))
        is_same = request.headers.get("If-None-Match") == self.etag
        request.send_response(304 if is_same and self.status == 200 else self.status)
        for name, value in self.headers.items():
            request.send_header(name, value)
        request.send_header("ETag", self.etag)
        if not is_same:
            request.send_header("Content-Length", str(len(self.content)))
        request.end_headers()
        if not is_same:
            request.wfile.write(self.content[:CUT] if self.is_cut else self.content)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    served = Upstream()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.port = server.server_port
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


Load = Callable[[], FeedContent]


@pytest.fixture
def load(upstream: Upstream, tmp_path: Path) -> Load:
    url = f"http://127.0.0.1:{upstream.port}/kev.json"
    feeds = downloaded({FeedName.KEV: [url]}, tmp_path, max_bytes=100_000)
    return lambda: feeds.load(FeedName.KEV)


def downloaded(
    urls: Urls, directory: Path, clock: Clock | None = None, max_bytes: int = 1_000_000
) -> DownloadedFeeds:
    return DownloadedFeeds(
        urls,
        KeptFeeds(directory),
        clock or FixedClock(),
        pause=lambda _: None,
        progress=lambda *_: None,
        max_bytes=max_bytes,
    )


@contextmanager
def keeps_the_last_good_copy(upstream: Upstream, load: Load, directory: Path) -> Iterator[None]:
    """Load a good copy; after the trouble it is still there, and is used when nothing changed."""
    good = load()
    yield
    upstream.status, upstream.content, upstream.is_cut = 200, OLD, False
    assert (directory / "kev.data").read_bytes() == OLD
    assert load().signals == good.signals
    assert upstream.asked[-1]["If-None-Match"] == upstream.etag
    assert list(directory.glob("*.part")) == []


def test_a_feed_is_fetched_with_its_provenance(upstream: Upstream, load: Load) -> None:
    """Its digest, where it came from and when are known."""
    content = load()
    assert content.state.sha256 == digest_of_bytes(OLD)
    assert content.state.origin.endswith(f":{upstream.port}/kev.json")
    assert (content.state.fetched_at, content.state.records) == (NOW, 3)


def test_an_unchanged_feed_is_not_fetched_again(upstream: Upstream, load: Load) -> None:
    """The second request is conditional, and the kept copy is the answer."""
    upstream.headers = {"Last-Modified": "Fri, 07 Aug 2026 16:00:00 GMT"}
    first, second = load(), load()
    assert second.signals == first.signals
    assert "If-None-Match" not in upstream.asked[0]
    assert upstream.asked[1]["If-None-Match"] == upstream.etag
    assert upstream.asked[1]["If-Modified-Since"] == "Fri, 07 Aug 2026 16:00:00 GMT"


def test_a_changed_feed_replaces_the_kept_one(
    upstream: Upstream, load: Load, tmp_path: Path
) -> None:
    """The new bytes are kept for the next time."""
    load()
    upstream.content = NEW
    assert load().state.sha256 == digest_of_bytes(NEW)
    assert (tmp_path / "kev.data").read_bytes() == NEW


def test_a_kept_copy_without_its_note_is_fetched_anew(
    upstream: Upstream, load: Load, tmp_path: Path
) -> None:
    """A damaged note costs a download, not the feed."""
    load()
    (tmp_path / "kev.data.json").write_bytes(b"{")
    load()
    assert "If-None-Match" not in upstream.asked[-1]


@pytest.mark.parametrize("status", [404, 403, 500, 503])
def test_an_error_of_the_server_keeps_the_last_good_copy(
    upstream: Upstream, load: Load, tmp_path: Path, status: int
) -> None:
    """The message has the address and the status."""
    with keeps_the_last_good_copy(upstream, load, tmp_path):
        upstream.status, upstream.content = status, NEW
        with pytest.raises(SourceError, match=rf"kev\.json cannot be fetched.*{status}"):
            load()


def test_a_connection_cut_in_the_middle_keeps_the_last_good_copy(
    upstream: Upstream, load: Load, tmp_path: Path
) -> None:
    """Half a feed is no feed."""
    with keeps_the_last_good_copy(upstream, load, tmp_path):
        upstream.content, upstream.is_cut = NEW, True
        with pytest.raises(SourceError, match="cannot be fetched"):
            load()


def test_a_feed_that_is_too_large_keeps_the_last_good_copy(
    upstream: Upstream, load: Load, tmp_path: Path
) -> None:
    """The download ends at the limit, and the disk is not filled."""
    with keeps_the_last_good_copy(upstream, load, tmp_path):
        upstream.content = b" " * 100_001
        with pytest.raises(SourceError, match="larger than 100,000 bytes"):
            load()


@pytest.mark.parametrize("content", [b"", b"<html>please log in</html>", OLD[:CUT], b"{}"])
def test_what_cannot_be_understood_keeps_the_last_good_copy(
    upstream: Upstream, load: Load, tmp_path: Path, content: bytes
) -> None:
    """A login page with status 200 replaces nothing."""
    with keeps_the_last_good_copy(upstream, load, tmp_path):
        upstream.content = content
        with pytest.raises(InputError):
            load()


@pytest.mark.parametrize(
    "broken", [b"", b"<html>please log in</html>", b"CVE-2026-1 (x", b"\xff\xfe"]
)
def test_debians_list_of_cves_is_fetched_and_no_page_in_its_place(
    upstream: Upstream, tmp_path: Path, broken: bytes
) -> None:
    """It is text without a form of its own: what is none of it replaces nothing."""
    upstream.content = (GOLDEN / "debian-cve.list").read_bytes()
    url = f"http://127.0.0.1:{upstream.port}/list"
    feeds = downloaded({FeedName.DEBIAN_CVE: [url]}, tmp_path)
    good = feeds.load(FeedName.DEBIAN_CVE)
    assert good.statements
    assert feeds.load(FeedName.DEBIAN_CVE).statements == good.statements
    assert upstream.asked[-1]["If-None-Match"] == upstream.etag
    whole, upstream.content = upstream.content, broken
    with pytest.raises(InputError):
        feeds.load(FeedName.DEBIAN_CVE)
    upstream.content = whole
    assert feeds.load(FeedName.DEBIAN_CVE).statements == good.statements


def test_a_server_that_is_not_there_is_an_error_with_words(tmp_path: Path) -> None:
    """Refused connections and addresses that are none end alike."""
    for url in (
        "http://127.0.0.1:1/kev.json",
        "http://[",
        "gopher://x/",
        "http://127.0.0.1:99999/",
    ):
        feeds = downloaded({FeedName.KEV: [url]}, tmp_path)
        with pytest.raises(SourceError, match="cannot be fetched"):
            feeds.load(FeedName.KEV)


def test_a_directory_that_cannot_be_made_is_an_error_with_words(tmp_path: Path) -> None:
    """The place is named."""
    (tmp_path / "file").write_text("")
    feeds = downloaded({FeedName.KEV: ["http://127.0.0.1:1/"]}, tmp_path / "file")
    with pytest.raises(OakumError, match="cannot be written"):
        feeds.load(FeedName.KEV)


@pytest.mark.parametrize("text", ["yesterday", "Fri, 07 Aug 2026 16:00:00 -0000", ""])
def test_an_odd_date_of_the_server_is_no_traceback(
    upstream: Upstream, load: Load, text: str
) -> None:
    """The feed's own date counts; the server's has to be comparable."""
    upstream.headers = {"Last-Modified": text}
    assert load().state.data_as_of.tzinfo is not None
