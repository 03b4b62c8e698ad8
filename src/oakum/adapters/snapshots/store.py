"""Snapshots on disk: a pool by digest, and for each snapshot a tree that appears in one step."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp

from oakum.adapters.snapshots.repository import label, pool_name, repository_files
from oakum.core.canonical import canonical_json, digest_of_bytes
from oakum.core.errors import StorageError, TrustError
from oakum.core.ids import Digest, SnapshotId
from oakum.core.repositories.snapshot import SnapshotManifest, SnapshotPackage
from oakum.ports.progress import Progress
from oakum.ports.signing import Signer

MANIFEST = "manifest.json"
READABLE = 0o755
DRAFT = ".draft-"
"""How trees begin that are not shown yet, or not any more: the server shows none of these."""
SIGNED_BEGIN = b"-----BEGIN PGP SIGNED MESSAGE-----\n"
SIGNED_END = b"-----END PGP SIGNATURE-----\n"


class DiskSnapshotStore:
    """Keeps packages once, whatever number of snapshots holds them."""

    def __init__(self, pool: Path, published: Path, signer: Signer) -> None:
        self._pool = pool
        self._published = published
        self._signer = signer

    def has(self, digest: Digest) -> bool:
        """Tell whether the pool holds these bytes."""
        return self._pooled(digest).exists()

    def put(self, content: bytes) -> Digest:
        """Add bytes to the pool."""
        digest = digest_of_bytes(content)
        target = self._pooled(digest)
        with _disk(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            draft = target.with_name(f"{target.name}.new")
            draft.write_bytes(content)
            draft.replace(target)
        return digest

    def publish(self, manifest: SnapshotManifest, stanzas: dict[Digest, str]) -> None:
        """Write, sign and show the snapshot in one atomic step."""
        target = self._tree(manifest.id)
        if not target.exists():
            with _disk(target), self._draft() as draft:
                self._write(draft, manifest, stanzas)
                _sync(draft)
                draft.rename(target)

    def verify(self, manifest: SnapshotManifest, progress: Progress) -> tuple[str, ...]:
        """Return what is wrong with it: signature, indices, every package. Empty is good."""
        tree = self._tree(manifest.id)
        if not tree.exists():
            return (f"{tree} is not there",)
        faults = list(self._index_faults(tree, manifest))
        packages = manifest.packages
        for number, package in enumerate(packages, 1):
            fault = _package_fault(tree / pool_name(package), package)
            faults.extend([fault] if fault else [])
            progress("verifying packages", number, len(packages))
        return tuple(faults)

    def discard(self, manifest: SnapshotManifest) -> None:
        """Withdraw a damaged snapshot, and every pooled file that is not what it is named after."""
        tree = self._tree(manifest.id)
        with _disk(tree):
            for package in manifest.packages:
                pooled = self._pooled(package.sha256)
                if _package_fault(pooled, package):
                    pooled.unlink(missing_ok=True)
            if tree.exists():
                withdrawn = self._published / f"{DRAFT}{manifest.id}"
                tree.rename(withdrawn)
                shutil.rmtree(withdrawn)

    def public_key(self) -> str:
        """Return Oakum's own public key, ASCII-armoured."""
        return self._signer.public_key()

    def remove(self, snapshot: SnapshotId) -> None:
        """Withdraw a snapshot, and the packages that no other one holds."""
        tree = self._tree(snapshot)
        with _disk(tree):
            if tree.exists():
                tree.rename(self._published / f"{DRAFT}{snapshot}")
            # Drafts of commands that were killed as well: they hold packages.
            for draft in self._published.glob(f"{DRAFT}*"):
                shutil.rmtree(draft)
            for file in self._pool.glob("*/*.deb"):
                if file.stat().st_nlink == 1:
                    file.unlink()

    def _write(self, draft: Path, manifest: SnapshotManifest, stanzas: dict[Digest, str]) -> None:
        for package in manifest.packages:
            link = draft / pool_name(package)
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(self._pooled(package.sha256), link)
        for file in repository_files(manifest, stanzas):
            path = draft / "dists" / manifest.release / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
        release = draft / "dists" / manifest.release / "Release"
        release.with_name("InRelease").write_bytes(self._signer.sign(release.read_text()))
        (draft / MANIFEST).write_bytes(canonical_json(manifest.to_json()))

    def _index_faults(self, tree: Path, manifest: SnapshotManifest) -> Iterator[str]:
        kept = tree / MANIFEST
        if not kept.exists() or kept.read_bytes() != canonical_json(manifest.to_json()):
            yield f"{kept} is not the manifest of {manifest.id[:12]}"
        directory = tree / "dists" / manifest.release
        signed = _content(directory / "InRelease")
        try:
            text = self._signer.verified(signed, "InRelease").text
        except TrustError as error:
            yield error.message
            return
        if not (signed.startswith(SIGNED_BEGIN) and signed.endswith(SIGNED_END)):
            yield "InRelease holds something beside what is signed"
        if label(manifest) not in text.splitlines():
            yield f"InRelease is that of another snapshot than {manifest.id[:12]}"
        if _content(directory / "Release") != text.encode():
            yield "Release is not what InRelease holds"
        for digest, path in _named(text):
            for place in (path, str(PurePosixPath(path).parent / "by-hash/SHA256" / digest)):
                if digest_of_bytes(_content(directory / place)) != digest:
                    yield f"{place} is not what InRelease names"

    def _tree(self, snapshot: SnapshotId) -> Path:
        return self._published / snapshot

    def _pooled(self, digest: Digest) -> Path:
        return self._pool / digest[:2] / f"{digest}.deb"

    @contextmanager
    def _draft(self) -> Iterator[Path]:
        self._published.mkdir(parents=True, exist_ok=True)
        draft = Path(mkdtemp(prefix=DRAFT, dir=self._published))
        draft.chmod(READABLE)
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)


@contextlib.contextmanager
def _disk(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{place} cannot be written: {error.strerror}",
            hint="make room on the disk; nothing was half-published",
        ) from error


def _content(path: Path) -> bytes:
    """Return the bytes of a file; none when it cannot be read, which no digest is made of."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _named(release: str) -> Iterator[tuple[str, str]]:
    """Give digest and path of each index that a Release of ours names."""
    for line in release.partition("SHA256:\n")[2].splitlines():
        digest, _, path = line.split()
        yield digest, path


def _package_fault(path: Path, package: SnapshotPackage) -> str | None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"{package.name} {package.version}: {error.strerror}"
    return None if found == package.sha256 else f"{package.name} {package.version}: bytes changed"


def _sync(directory: Path) -> None:
    """Have the file system keep the tree before it is shown under its name."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.sync()
    finally:
        os.close(descriptor)
