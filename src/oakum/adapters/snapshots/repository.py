"""The files of a snapshot as a plain apt repository; equal content gives equal bytes."""

import hashlib
import lzma
import re
from collections.abc import Mapping
from dataclasses import dataclass

from oakum.core.ids import Digest
from oakum.core.repositories.snapshot import SnapshotManifest, SnapshotPackage

FILENAME = re.compile(r"^Filename:.*$", re.MULTILINE)
DATE = "Thu, 01 Jan 1970 00:00:00 UTC"
"""A snapshot has no time of its own: its id is its content, and apt is told which id to take."""


@dataclass(frozen=True, slots=True)
class RepositoryFile:
    """A file below dists/RELEASE."""

    path: str
    content: bytes


def pool_name(package: SnapshotPackage) -> str:
    """Return where a package is in the snapshot: by its digest, so that no two can clash."""
    return f"pool/{package.sha256[:2]}/{package.sha256}.deb"


def index_text(manifest: SnapshotManifest, stanzas: Mapping[Digest, str]) -> str:
    """Return the Packages file."""
    parts = []
    for package in sorted(manifest.packages, key=_order):
        stanza = stanzas[package.sha256]
        parts.append(FILENAME.sub(f"Filename: {pool_name(package)}", stanza) + "\n")
    return "\n".join(parts)


def repository_files(
    manifest: SnapshotManifest, stanzas: Mapping[Digest, str]
) -> tuple[RepositoryFile, ...]:
    """Return the indices, also under their digests, and the Release text last."""
    directory = f"main/binary-{manifest.architecture}"
    plain = index_text(manifest, stanzas).encode()
    indices = {
        f"{directory}/Packages": plain,
        f"{directory}/Packages.xz": lzma.compress(plain, preset=6),
    }
    files = [RepositoryFile(path, content) for path, content in indices.items()]
    files += [
        RepositoryFile(f"{directory}/by-hash/SHA256/{_sha256(content)}", content)
        for content in indices.values()
    ]
    return (*files, RepositoryFile("Release", _release(manifest, indices).encode()))


def label(manifest: SnapshotManifest) -> str:
    """Return the line of the Release that says, under the signature, which snapshot it is."""
    return f"Label: Oakum {manifest.id}"


def _release(manifest: SnapshotManifest, indices: Mapping[str, bytes]) -> str:
    lines = [
        "Origin: Oakum",
        label(manifest),
        f"Suite: {manifest.release}",
        f"Codename: {manifest.release}",
        f"Date: {DATE}",
        f"Architectures: all {manifest.architecture}",
        "Components: main",
        "Acquire-By-Hash: yes",
        "SHA256:",
        *(f" {_sha256(content)} {len(content)} {path}" for path, content in indices.items()),
    ]
    return "\n".join(lines) + "\n"


def _order(package: SnapshotPackage) -> tuple[str, ...]:
    return (package.name, package.architecture, package.version, package.sha256)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
