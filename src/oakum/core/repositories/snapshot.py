"""A snapshot: exact packages, frozen under the digest of their list."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from oakum.core.canonical import Json, digest_of
from oakum.core.ids import Digest, SnapshotId
from oakum.core.repositories.phasing import HALTED

MANIFEST_FORMAT = 1


class Role(Enum):
    """Why a package is in the snapshot."""

    CANDIDATE = "candidate"
    """The newest version, which hosts may move to."""
    INSTALLED = "installed"
    """A version that runs somewhere in the fleet: without it there is no way back."""


@dataclass(frozen=True, slots=True)
class SnapshotPackage:
    """One .deb of a snapshot."""

    name: str
    version: str
    architecture: str
    """As in the control file: `all` stays `all`."""
    source_name: str
    source_version: str
    sha256: Digest
    size_bytes: int
    installed_size_kib: int
    roles: tuple[Role, ...]
    origin: str
    """The archive it came from, `Debian-Security bookworm-security`; `host NAME` when re-packed."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An update that an archive had, and that is not in the snapshot as it was not for all yet."""

    name: str
    version: str
    architecture: str
    phased_percentage: int

    @property
    def reason(self) -> str:
        """Return why, in words."""
        if self.phased_percentage == HALTED:
            return f"{self.version} was left out: its vendor has halted it (phased at 0 %)"
        return (
            f"{self.version} was left out: its vendor has phased it at {self.phased_percentage} %"
        )


@dataclass(frozen=True, slots=True)
class UpstreamRelease:
    """Provenance: the signed index that packages were taken from."""

    uri: str
    suite: str
    codename: str
    date: str
    """Its Date field, as it stands."""
    in_release_sha256: Digest
    signed_by: tuple[str, ...]
    """Fingerprints of the keys whose signatures held."""


@dataclass(frozen=True, slots=True)
class SnapshotManifest:
    """What a snapshot is. Its id is the digest of its packages and provenance, not of its time."""

    release: str
    architecture: str
    packages: tuple[SnapshotPackage, ...]
    upstream: tuple[UpstreamRelease, ...]
    left_out: tuple[LeftOut, ...] = ()

    def to_json(self) -> Json:
        """Return the canonical form, sorted, that the id is the digest of."""
        return {
            "format": MANIFEST_FORMAT,
            "release": self.release,
            "architecture": self.architecture,
            "packages": [_package_json(package) for package in sorted(self.packages, key=_order)],
            "upstream": [_upstream_json(u) for u in sorted(self.upstream, key=_upstream_order)],
            **({"left_out": _left_out_json(self.left_out)} if self.left_out else {}),
        }

    @property
    def id(self) -> SnapshotId:
        """Return the content id: equal content, equal id, wherever and whenever it was made."""
        return SnapshotId(digest_of(self.to_json()))

    def find(self, name: str, version: str, architecture: str) -> SnapshotPackage | None:
        """Return the package that a host of this architecture would install."""
        accepted = (architecture, "all")
        return next(
            (
                package
                for package in self.packages
                if package.name == name
                and package.version == version
                and package.architecture in accepted
            ),
            None,
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A manifest as it was frozen here."""

    manifest: SnapshotManifest
    created_at: datetime
    total_bytes: int

    @property
    def id(self) -> SnapshotId:
        """Return the manifest's id."""
        return self.manifest.id


def _order(package: SnapshotPackage) -> tuple[str, ...]:
    return (package.name, package.architecture, package.version, package.sha256, package.origin)


def _upstream_order(upstream: UpstreamRelease) -> tuple[str, ...]:
    return (upstream.uri, upstream.suite, upstream.in_release_sha256)


def _package_json(package: SnapshotPackage) -> Json:
    return {
        "name": package.name,
        "version": package.version,
        "architecture": package.architecture,
        "source": package.source_name,
        "source_version": package.source_version,
        "sha256": package.sha256,
        "size": package.size_bytes,
        "installed_size": package.installed_size_kib,
        "roles": sorted(role.value for role in package.roles),
        "origin": package.origin,
    }


def _left_out_json(left_out: tuple[LeftOut, ...]) -> list[Json]:
    return [
        {
            "name": update.name,
            "version": update.version,
            "architecture": update.architecture,
            "phased": update.phased_percentage,
        }
        for update in sorted(left_out, key=lambda u: (u.name, u.architecture, u.version))
    ]


def _upstream_json(upstream: UpstreamRelease) -> Json:
    return {
        "uri": upstream.uri,
        "suite": upstream.suite,
        "codename": upstream.codename,
        "date": upstream.date,
        "in_release_sha256": upstream.in_release_sha256,
        "signed_by": sorted(upstream.signed_by),
    }
