"""Fetching one file of a feed: only if it changed, capped, and gone on with where it broke off."""

from collections.abc import Callable
from pathlib import Path

import httpx

from oakum.adapters.feeds.kept import KeptFile, Note
from oakum.core.errors import SourceError
from oakum.ports.clock import Clock

TIMEOUT_SECONDS = 60
TRIES = 3
PACKED = (".gz", ".xz", ".zst", ".bz2", ".zip", ".tgz")
"""What ends so is not packed once more for its way."""
BEYOND_THE_END = 416


class FeedFetcher:
    """Fetches into a draft beside the kept file; a draft outlives the process."""

    def __init__(self, clock: Clock, max_bytes: int, pause: Callable[[float], None]) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._pause = pause

    def fetch(self, url: str, kept: KeptFile) -> tuple[Path, Note] | None:
        """Return a draft of a newer file and its note; None when the kept one is still true.

        Bytes are kept as they came, packed if they came packed. Raises httpx's errors after some
        tries, with the draft left for the next time; SourceError when the file is too large.
        """
        draft = KeptFile(kept.path.with_suffix(".part"))
        attempt = 1
        while True:
            try:
                note = self._fetch(url, draft, kept.note())
            except (httpx.TransportError, httpx.HTTPStatusError) as error:
                if attempt == TRIES or not _may_pass(error):
                    raise
                self._pause(attempt)
                attempt += 1
            else:
                return None if note is None else (draft.path, note)

    def _fetch(self, url: str, draft: KeptFile, known: Note) -> Note | None:
        begun = draft.note()
        have = _size(draft.path) if begun.url == url and (begun.etag or begun.last_modified) else 0
        with (
            httpx.Client(follow_redirects=True, timeout=TIMEOUT_SECONDS) as client,
            client.stream("GET", url, headers=_headers(url, known, begun, have)) as response,
        ):
            if response.status_code == httpx.codes.NOT_MODIFIED:
                draft.forget()
                return None
            if response.status_code == BEYOND_THE_END:
                draft.forget()
            response.raise_for_status()
            if response.status_code != httpx.codes.PARTIAL_CONTENT:
                have = 0
            elif not response.headers.get("content-range", "").startswith(f"bytes {have}-"):
                draft.forget()
                raise httpx.RemoteProtocolError("the server went on at another place than asked")
            note = _note(url, response, self._clock)
            draft.path.touch()
            draft.write_note(note)
            self._write(response, draft, have)
        return note

    def _write(self, response: httpx.Response, draft: KeptFile, have: int) -> None:
        with draft.path.open("r+b") as file:
            file.truncate(have)
            file.seek(have)
            for part in response.iter_raw():
                file.write(part)
                if file.tell() > self._max_bytes:
                    draft.forget()
                    raise SourceError(
                        f"{response.url} is larger than {self._max_bytes:,} bytes",
                        hint="is it the right address? The last good copy stays in use",
                    )


def _headers(url: str, known: Note, begun: Note, have: int) -> dict[str, str]:
    validator = begun.etag if begun.etag.startswith('"') else begun.last_modified
    asked = {
        "If-None-Match": known.etag,
        "If-Modified-Since": known.last_modified,
        # Weak tags do not promise the same bytes (RFC 9110, 13.1.5).
        "Range": f"bytes={have}-" if have and validator else "",
        "If-Range": validator if have else "",
        "Accept-Encoding": "identity" if url.endswith(PACKED) else "gzip",
    }
    return {name: value for name, value in asked.items() if value}


def _note(url: str, response: httpx.Response, clock: Clock) -> Note:
    headers = response.headers
    return Note(headers.get("etag", ""), headers.get("last-modified", ""), clock.now(), url)


def _may_pass(error: httpx.TransportError | httpx.HTTPStatusError) -> bool:
    """Tell whether another try makes sense: the connection broke, or the server is busy."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in {BEYOND_THE_END, 429, 502, 503, 504}
    return not isinstance(error, httpx.UnsupportedProtocol | httpx.ConnectError)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
