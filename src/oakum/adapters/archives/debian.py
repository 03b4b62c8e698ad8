"""Debian's archive, and every other that is laid out like it."""

import gzip
import lzma
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import IO, cast

from oakum.adapters.archives.fetching import Fetcher, has_size
from oakum.adapters.archives.signature import find_keyring, verify_clearsigned
from oakum.core.canonical import digest_of_bytes
from oakum.core.errors import InputError
from oakum.core.ids import Digest
from oakum.core.repositories.archive import ArchiveIndex, ArchivePackage, ArchiveSource
from oakum.core.repositories.package_index import parse_index
from oakum.core.repositories.release_file import (
    IndexFile,
    ReleaseFile,
    parse_release,
    require_fresh,
)
from oakum.core.repositories.snapshot import UpstreamRelease
from oakum.ports.clock import Clock
from oakum.ports.progress import Progress

MAX_IN_RELEASE_BYTES = 4 * 1024 * 1024
MAX_INDEX_BYTES = 512 * 1024 * 1024
PARALLEL = 4


class DebianArchive:
    """Reads archives into a pool. Nothing is believed before its signature or digest is checked."""

    def __init__(self, pool: Path, cache: Path, clock: Clock) -> None:
        self._pool = pool
        self._cache = cache
        self._clock = clock
        self._fetcher = Fetcher()

    def read_index(
        self, source: ArchiveSource, architecture: str, progress: Progress
    ) -> ArchiveIndex:
        """Return the verified index of a suite."""
        base = f"{source.uri.rstrip('/')}/dists/{source.suite}"
        place = f"{base}/InRelease"
        progress(f"reading {source.suite}", 0, len(source.components))
        content = self._fetcher.small(place, MAX_IN_RELEASE_BYTES)
        keyring = find_keyring(source.keyring)
        verified = verify_clearsigned(content, keyring, source.fingerprints, place)
        release = parse_release(verified.text, place)
        require_fresh(release, self._clock.now(), place)
        packages: list[ArchivePackage] = []
        for number, component in enumerate(source.components, 1):
            text = self._packages_text(base, release, f"{component}/binary-{architecture}", place)
            where = f"{source.suite}/{component}"
            packages.extend(parse_index(text, source, where))
            progress(f"reading {source.suite}", number, len(source.components))
        upstream = UpstreamRelease(
            uri=source.uri,
            suite=source.suite,
            codename=release.codename,
            date=release.date,
            in_release_sha256=digest_of_bytes(content),
            signed_by=verified.fingerprints,
        )
        return ArchiveIndex(source, upstream, tuple(packages))

    def fetch(self, packages: Iterable[ArchivePackage], progress: Progress) -> None:
        """Bring packages into the pool, a few at a time."""
        distinct = {package.sha256: package for package in packages}.values()
        wanted = [
            package
            for package in distinct
            if not has_size(pool_path(self._pool, package.sha256), package.size_bytes)
        ]
        total, done = sum(p.size_bytes for p in wanted), 0
        with ThreadPoolExecutor(PARALLEL) as threads:
            try:
                for package in threads.map(self._fetch, wanted):
                    done += package.size_bytes
                    progress("fetching packages", done, total)
            except BaseException:
                threads.shutdown(cancel_futures=True)
                raise

    def _fetch(self, package: ArchivePackage) -> ArchivePackage:
        url = f"{package.source.uri.rstrip('/')}/{package.filename}"
        target = pool_path(self._pool, package.sha256)
        self._fetcher.checked(url, target, package.sha256, package.size_bytes)
        return package

    def _packages_text(self, base: str, release: ReleaseFile, directory: str, place: str) -> str:
        """Return a Packages file by the digest that the Release names; never by a moving name."""
        file = _best_packed(release, directory, place)
        kept = self._cache / "indices" / file.sha256
        by_hash = f"{base}/{directory}/by-hash/SHA256/{file.sha256}"
        url = by_hash if release.has_by_hash else f"{base}/{file.path}"
        if has_size(kept, file.size_bytes) and digest_of_bytes(kept.read_bytes()) != file.sha256:
            kept.unlink()  # spoiled since it was checked: by a power cut, or by somebody
        self._fetcher.checked(url, kept, file.sha256, file.size_bytes)
        plain = release.file(f"{directory}/Packages", place)
        content = _unpack(kept, file.path, plain.size_bytes)
        if digest_of_bytes(content) != plain.sha256:
            raise InputError(f"{url} does not unpack to what {place} names")
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise InputError(f"{url} is no text: {error}") from error


def pool_path(pool: Path, digest: Digest) -> Path:
    """Return where the bytes of a digest are, or shall be."""
    return pool / digest[:2] / f"{digest}.deb"


def _best_packed(release: ReleaseFile, directory: str, place: str) -> IndexFile:
    known = {file.path: file for file in release.files}
    for suffix in (".xz", ".gz", ""):
        found = known.get(f"{directory}/Packages{suffix}")
        if found is not None:
            return found
    return release.file(f"{directory}/Packages", place)


def _unpack(path: Path, name: str, size_bytes: int) -> bytes:
    """Return the file unpacked; never more than the signed Release says that it holds."""
    if size_bytes > MAX_INDEX_BYTES:
        raise InputError(f"{name} unpacks to {size_bytes} bytes, more than any archive's index")
    opener = OPENERS.get(PurePosixPath(name).suffix, _open_plain)
    try:
        with opener(path) as opened:
            return opened.read(size_bytes + 1)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise InputError(f"{name} cannot be unpacked: {error}") from error


def _open_plain(path: Path) -> IO[bytes]:
    return path.open("rb")


def _open_gzip(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path))


OPENERS: dict[str, Callable[[Path], IO[bytes]]] = {".xz": lzma.open, ".gz": _open_gzip}
