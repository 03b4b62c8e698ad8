"""A web server of feeds that knows ranges and tags, and can break off."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from oakum.core.canonical import digest_of_bytes


@dataclass
class FeedServer:
    """What is answered by path (with its query), and what was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    """After how many bytes the next answers break off."""
    knows_ranges: bool = True
    has_tags: bool = True
    shift: int = 0
    """How far from the asked place it goes on."""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path, headers = request.path, dict(request.headers.items())
        self.asked.append((path, headers))
        content = self.files.get(path)
        if content is None:
            request.send_error(404)
            return
        tag = f'"{digest_of_bytes(content)[:8]}"' if self.has_tags else ""
        if tag and headers.get("If-None-Match") == tag:
            request.send_response(304)
            request.end_headers()
            return
        begin = self._begin(headers, tag)
        request.send_response(206 if begin else 200)
        if tag:
            request.send_header("ETag", tag)
        if begin:
            span = f"bytes {begin}-{len(content) - 1}/{len(content)}"
            request.send_header("Content-Range", span)
        rest = content[begin:]
        request.send_header("Content-Length", str(len(rest)))
        request.end_headers()
        request.wfile.write(rest[: self.cuts.pop(0)] if self.cuts else rest)

    def _begin(self, headers: dict[str, str], tag: str) -> int:
        asked = headers.get("Range", "").removeprefix("bytes=").removesuffix("-")
        if not asked or not self.knows_ranges or headers.get("If-Range") != tag:
            return 0
        return int(asked) + self.shift

    def paths(self) -> list[str]:
        """Return what was asked for, in order."""
        return [path for path, _ in self.asked]


@contextmanager
def serving(server: FeedServer) -> Iterator[FeedServer]:
    """Serve on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{listening.server_port}"
    thread = Thread(target=listening.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
