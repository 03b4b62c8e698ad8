"""Fetching files of archives: capped, checked while they stream, resumed, put in place at once."""

import contextlib
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from oakum.core.errors import SourceError, StorageError, TrustError
from oakum.core.ids import Digest

TIMEOUT_SECONDS = 60
TRIES = 3
CHUNK = 256 * 1024


class Fetcher:
    """Fetches over HTTP, or from `file:` for archives on this machine."""

    def __init__(self) -> None:
        # Digests are of the files themselves: a server shall not pack them for the way.
        self._client = httpx.Client(
            follow_redirects=True, timeout=TIMEOUT_SECONDS, headers={"Accept-Encoding": "identity"}
        )

    def small(self, url: str, limit_bytes: int) -> bytes:
        """Return a small file whole."""
        parts, size = list[bytes](), 0
        with self._opened(url, 0) as (chunks, _):
            for part in chunks:
                size += len(part)
                if size > limit_bytes:
                    raise SourceError(f"{url} is larger than {limit_bytes} bytes")
                parts.append(part)
        return b"".join(parts)

    def checked(self, url: str, target: Path, sha256: Digest, size_bytes: int) -> None:
        """Bring a file to its place; its bytes are those of the digest, or it is not there.

        What an earlier, interrupted try brought is gone on with. Raises TrustError when the bytes
        differ, SourceError when they cannot be had.
        """
        if has_size(target, size_bytes):
            return
        draft = target.with_name(f"{target.name}.part")
        for attempt in range(1, TRIES + 1):
            try:
                with _writing(draft):
                    self._fetch(url, draft, size_bytes)
                break
            except SourceError:
                if attempt == TRIES:
                    raise
        with _writing(target):
            self._accept(url, draft, target, sha256)

    def _fetch(self, url: str, draft: Path, size_bytes: int) -> None:
        draft.parent.mkdir(parents=True, exist_ok=True)
        have = draft.stat().st_size if draft.exists() else 0
        if have == size_bytes:
            return
        if have > size_bytes:
            draft.unlink()
            have = 0
        with (
            self._opened(url, have) as (chunks, begins_at),
            draft.open("r+b" if have else "wb") as file,
        ):
            file.truncate(begins_at)
            file.seek(begins_at)
            for part in chunks:
                file.write(part)
                if file.tell() > size_bytes:
                    raise TrustError(f"{url} is larger than the index says")
        if draft.stat().st_size < size_bytes:
            raise SourceError(f"{url} ended after {draft.stat().st_size} of {size_bytes} bytes")

    def _accept(self, url: str, draft: Path, target: Path, sha256: Digest) -> None:
        with draft.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            draft.unlink()
            raise TrustError(
                f"{url} is not what the signed index names: sha256 {found[:12]}, not {sha256[:12]}",
                hint="the mirror changed in the middle, or somebody altered the file; try again",
            )
        draft.replace(target)

    @contextmanager
    def _opened(self, url: str, begin: int) -> Iterator[tuple[Iterator[bytes], int]]:
        if url.startswith("file:"):
            with _local(url) as file:
                file.seek(begin)
                yield iter(lambda: file.read(CHUNK), b""), begin
            return
        headers = {"Range": f"bytes={begin}-"} if begin else {}
        try:
            with self._client.stream("GET", url, headers=headers) as response:
                response.raise_for_status()
                resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
                yield response.iter_raw(CHUNK), begin if resumed else 0
        except httpx.HTTPStatusError as error:
            raise SourceError(
                f"{url} answers {error.response.status_code}",
                hint="is the archive's address right, and its mirror complete?",
            ) from error
        except httpx.HTTPError as error:
            raise SourceError(
                f"{url} cannot be fetched: {str(error) or type(error).__name__}",
                hint="is the network there? what was fetched is kept",
            ) from error


def has_size(path: Path, size_bytes: int) -> bool:
    """Tell whether a file is there whole: a power cut can leave a name without its bytes."""
    try:
        return path.stat().st_size == size_bytes
    except OSError:
        return False


@contextlib.contextmanager
def _writing(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{place} cannot be written: {error.strerror}",
            hint="make room on the disk and run it again: what is there is kept",
        ) from error


@contextlib.contextmanager
def _local(url: str) -> Iterator[io.BufferedReader]:
    path = Path(httpx.URL(url).path)
    try:
        with path.open("rb") as file:
            yield file
    except (FileNotFoundError, PermissionError) as error:
        raise SourceError(
            f"{path} cannot be read: {error.strerror}", hint="is the archive's address right?"
        ) from error
