"""An archive as a vendor publishes it, on a web server that can be told to misbehave."""

import gzip
import hashlib
import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pysequoia

from oakum.core.repositories.archive import ArchiveSource

SUITE = "stable"
INDEX = f"dists/{SUITE}/main/binary-amd64"


@dataclass
class WebServer:
    """Files by path, and how each is spoiled on its way."""

    files: dict[str, bytes] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    cut_after: dict[str, list[int]] = field(default_factory=dict)
    """For each path, after how many bytes the next answers end early."""
    ignores_ranges: bool = False
    compresses: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)
    """(path, Range header) of every request."""
    url: str = ""


@contextmanager
def serving(site: WebServer) -> Iterator[WebServer]:
    """Serve the files on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, site)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name)
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(request: BaseHTTPRequestHandler, site: WebServer) -> None:
    path, wanted = request.path.lstrip("/"), request.headers.get("Range", "")
    site.asked.append((path, wanted))
    content = site.files.get(path)
    status = site.status.get(path, 404 if content is None else 200)
    if content is None or status >= 400:
        request.send_error(status)
        return
    begin = int(wanted.removeprefix("bytes=").rstrip("-") or 0)
    if begin and not site.ignores_ranges:
        content, status = content[begin:], 206
    request.send_response(status)
    if site.compresses and "gzip" in request.headers.get("Accept-Encoding", ""):
        content = gzip.compress(content)
        request.send_header("Content-Encoding", "gzip")
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    cuts = site.cut_after.get(path, [])
    request.wfile.write(content[: cuts.pop(0)] if cuts else content)


class Upstream:
    """A suite with packages, signed with a key of its own."""

    def __init__(self, site: WebServer, directory: Path) -> None:
        self.site = site
        self.key = pysequoia.Tsk.generate("Vendor")
        self.keyring = directory / "vendor.gpg"
        self.keyring.write_bytes(bytes(self.key.extract_certificate()))
        self.packages: dict[str, bytes] = {}
        self.more_index = b""
        """Further paragraphs of the Packages file."""

    @property
    def source(self) -> ArchiveSource:
        return ArchiveSource(f"{self.site.url}/", SUITE, ("main",), str(self.keyring))

    def add(self, name: str, content: bytes, version: str = "1.0") -> None:
        """Offer a package."""
        self.packages[name] = content
        self.site.files[f"pool/{name}_{version}.deb"] = content

    def index(self) -> bytes:
        """Return the Packages file."""
        return (
            "\n".join(
                f"Package: {name}\nVersion: 1.0\nArchitecture: amd64\n"
                f"Filename: pool/{name}_1.0.deb\nSize: {len(content)}\n"
                f"SHA256: {hashlib.sha256(content).hexdigest()}\nDescription: a test\n"
                for name, content in self.packages.items()
            ).encode()
            + self.more_index
        )

    def release(self, *more: str) -> str:
        """Write the indices and return the text of the Release."""
        plain = self.index()
        files = {"Packages": plain, "Packages.xz": lzma.compress(plain)}
        lines = [f"Suite: {SUITE}", "Codename: bookworm", "Date: Mon, 23 Nov 2026 08:00:00 UTC"]
        lines += [*more, "SHA256:"]
        for name, content in files.items():
            digest = hashlib.sha256(content).hexdigest()
            lines.append(f" {digest} {len(content)} main/binary-amd64/{name}")
            self.site.files[f"{INDEX}/{name}"] = content
            self.site.files[f"{INDEX}/by-hash/SHA256/{digest}"] = content
        return "\n".join(lines) + "\n"

    def publish(self, *more: str) -> bytes:
        """Sign the Release and show it."""
        return self.show(clearsigned(self.key, self.release(*more)))

    def show(self, in_release: bytes) -> bytes:
        """Show these bytes as InRelease."""
        self.site.files[f"dists/{SUITE}/InRelease"] = in_release
        return in_release


def clearsigned(key: pysequoia.Tsk, text: str) -> bytes:
    """Return the text signed within itself."""
    return bytes(pysequoia.sign(key.signer(), text.encode(), mode=pysequoia.SignatureMode.CLEAR))
