"""Freeze a snapshot: what the fleet may move to, and what it runs now, under one digest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from oakum.core.audit.event import Action
from oakum.core.errors import RefusedError, TrustError
from oakum.core.ids import Digest, HostId
from oakum.core.inventory.facts import Facts
from oakum.core.inventory.host import Host
from oakum.core.repositories.archive import ArchiveIndex, ArchivePackage, ArchiveSource
from oakum.core.repositories.closure import Closure, Installed, close, installed_versions
from oakum.core.repositories.deb_file import stanza_of
from oakum.core.repositories.package_index import package_of
from oakum.core.repositories.snapshot import (
    LeftOut,
    Role,
    Snapshot,
    SnapshotManifest,
    SnapshotPackage,
)
from oakum.core.repositories.stanzas import parse_stanza
from oakum.ports.archive import PackageArchive, SnapshotStore
from oakum.ports.clock import Clock
from oakum.ports.package_manager import PackageManager, Target
from oakum.ports.progress import Progress
from oakum.ports.stores import UnitOfWorkFactory
from oakum.ports.transport import Transport


@dataclass(frozen=True, slots=True)
class Frozen:
    """What freezing brought."""

    snapshot: Snapshot
    is_new: bool
    repacked: tuple[Installed, ...]
    missing: tuple[Installed, ...]
    mended: tuple[str, ...] = ()
    """What was damaged on the disk of the controller, and is whole again."""


@dataclass(frozen=True, slots=True)
class _Repacked:
    """A package that only a host has: its stanza, as an archive would list it."""

    package: ArchivePackage
    host: str


@dataclass(frozen=True, slots=True)
class Freezer:
    """Freezes snapshots."""

    begin: UnitOfWorkFactory
    archive: PackageArchive
    store: SnapshotStore
    transport: Transport
    package_manager: PackageManager
    clock: Clock
    actor: str
    progress: Progress
    phased_from: int = 1
    """Updates that fewer hosts in a hundred may have are left out; 0 is what a vendor halted."""

    async def freeze(
        self,
        release: str,
        sources: Sequence[ArchiveSource],
        *,
        allow_missing: bool,
    ) -> Frozen:
        """Freeze what the hosts of a release need; the same inputs give the same snapshot.

        Raises RefusedError when there are no facts, or when an installed version is to be had
        nowhere and `allow_missing` is not given.
        """
        facts, hosts = self._fleet(release)
        architecture = _one_architecture(facts.values())
        indices = [self.archive.read_index(s, architecture, self.progress) for s in sources]
        closure = close(
            (package for index in indices for package in index.packages),
            installed_versions(facts.values()),
            self.phased_from,
        )
        repacked = await self._repack(closure.missing, facts, hosts)
        missing = _still_missing(closure, repacked)
        if missing and not allow_missing:
            raise _no_way_back(missing, facts, hosts)
        wanted = [*closure.candidates, *closure.installed]
        manifest, stanzas = _manifest(release, architecture, closure, repacked, indices)
        mended = self._bring_to_disk(manifest, stanzas, wanted)
        return self._keep(manifest, repacked, missing, mended)

    def _bring_to_disk(
        self,
        manifest: SnapshotManifest,
        stanzas: dict[Digest, str],
        wanted: Sequence[ArchivePackage],
    ) -> tuple[str, ...]:
        """Publish the snapshot whole, and return what had to be mended for that.

        Packages that an earlier snapshot left in the pool are believed only when they were read.
        """
        self.archive.fetch(wanted, self.progress)
        self.store.publish(manifest, stanzas)
        damaged = self.store.verify(manifest, self.progress)
        if damaged:
            self.store.discard(manifest)
            self.archive.fetch(wanted, self.progress)
            self.store.publish(manifest, stanzas)
            if left := self.store.verify(manifest, self.progress):
                raise TrustError(
                    f"snapshot {manifest.id[:12]} cannot be written whole: {'; '.join(left[:5])}",
                    hint="is the disk failing? nothing was recorded; run it again",
                )
        return damaged

    def _fleet(self, release: str) -> tuple[dict[HostId, Facts], dict[HostId, Host]]:
        with self.begin() as work:
            hosts = {host.id: host for host in work.hosts.all()}
            outlines = work.facts.outlines()
            running = [h for h, o in outlines.items() if o.distribution.codename == release]
            facts = dict(work.facts.latest_of(running))
        if not facts:
            raise RefusedError(
                f"no scanned host runs {release}: a snapshot would hold nothing",
                hint="run `oakum scan` first",
            )
        return facts, hosts

    async def _repack(
        self,
        missing: Iterable[Installed],
        facts: dict[HostId, Facts],
        hosts: dict[HostId, Host],
    ) -> tuple[_Repacked, ...]:
        """Have hosts hand over, or re-pack, versions that no archive has any more."""
        found: list[_Repacked] = []
        by_host: dict[HostId, list[Target]] = {}
        for package in missing:
            # A prepared host makes no packages: one that does is asked where there is one.
            having = min(_having(package, facts), key=lambda name: hosts[name].guard is not None)
            target = Target(package.name, package.architecture, package.version)
            by_host.setdefault(having, []).append(target)
        for number, (host_id, targets) in enumerate(by_host.items(), 1):
            host = hosts[host_id]
            self.progress("fetching installed versions from hosts", number, len(by_host))
            async with self.transport.connect(host) as session:
                files = await self.package_manager.repack(session, tuple(targets))
            found.extend(self._kept(content, host) for content in files)
        return tuple(found)

    def _kept(self, content: bytes, host: Host) -> _Repacked:
        digest = self.store.put(content)
        stanza = stanza_of(content, digest)
        where = f"a package that {host.name} handed over"
        source = ArchiveSource(f"host {host.name}", "", (), "")
        return _Repacked(package_of(parse_stanza(stanza, where), stanza, source, where), host.name)

    def _keep(
        self,
        manifest: SnapshotManifest,
        repacked: tuple[_Repacked, ...],
        missing: tuple[Installed, ...],
        mended: tuple[str, ...],
    ) -> Frozen:
        total = sum(package.size_bytes for package in manifest.packages)
        snapshot = Snapshot(manifest, self.clock.now(), total)
        with self.begin() as work:
            is_new = all(known.id != snapshot.id for known in work.snapshots.all())
            work.snapshots.add(snapshot)
            if is_new:
                work.audit.append(
                    at=snapshot.created_at,
                    actor=self.actor,
                    action=Action.SNAPSHOT_CREATED,
                    subject=snapshot.id,
                    details={
                        "packages": len(manifest.packages),
                        "bytes": total,
                        "upstream": [
                            {"suite": u.suite, "date": u.date, "signed_by": list(u.signed_by)}
                            for u in manifest.upstream
                        ],
                        "repacked": [r.package.name for r in repacked],
                        "missing": [f"{m.name} {m.version}" for m in missing],
                        "left_out": [f"{u.name} {u.reason}" for u in manifest.left_out],
                    },
                )
            work.commit()
        names = tuple(
            Installed(r.package.name, r.package.version, r.package.architecture) for r in repacked
        )
        return Frozen(snapshot, is_new, names, missing, mended)


def _one_architecture(facts: Iterable[Facts]) -> str:
    found = sorted({known.architecture for known in facts})
    if len(found) != 1:
        raise RefusedError(
            f"the hosts have several architectures: {', '.join(found)}",
            hint="this version of Oakum freezes one architecture; limit the hosts",
        )
    return found[0]


def _having(package: Installed, facts: dict[HostId, Facts]) -> Iterable[HostId]:
    wanted = (package.name, package.version, package.architecture)
    return (
        host
        for host, known in sorted(facts.items())
        if any((p.name, p.version, p.architecture) == wanted for p in known.packages)
    )


def _still_missing(closure: Closure, repacked: tuple[_Repacked, ...]) -> tuple[Installed, ...]:
    had = {(r.package.name, r.package.version) for r in repacked}
    return tuple(p for p in closure.missing if (p.name, p.version) not in had)


def _no_way_back(
    missing: tuple[Installed, ...], facts: dict[HostId, Facts], hosts: dict[HostId, Host]
) -> RefusedError:
    shown = [
        f"{package.name} {package.version} (on {hosts[next(iter(_having(package, facts)))].name})"
        for package in missing[:5]
    ]
    return RefusedError(
        f"{len(missing)} installed versions can be had nowhere: {', '.join(shown)}",
        hint="without them there is no way back; --allow-missing freezes all the same, "
        "and plans that touch them will say so",
    )


def _manifest(
    release: str,
    architecture: str,
    closure: Closure,
    repacked: tuple[_Repacked, ...],
    indices: Sequence[ArchiveIndex],
) -> tuple[SnapshotManifest, dict[Digest, str]]:
    roles: dict[Digest, set[Role]] = {}
    packages: dict[Digest, ArchivePackage] = {}
    wanted = (
        (closure.candidates, Role.CANDIDATE),
        (closure.installed, Role.INSTALLED),
        ([entry.package for entry in repacked], Role.INSTALLED),
    )
    for found, role in wanted:
        for package in found:
            packages[package.sha256] = package
            roles.setdefault(package.sha256, set()).add(role)
    manifest = SnapshotManifest(
        release=release,
        architecture=architecture,
        packages=tuple(
            _snapshot_package(package, roles[digest]) for digest, package in packages.items()
        ),
        upstream=tuple(index.release for index in indices),
        left_out=tuple(
            LeftOut(p.name, p.version, p.architecture, p.phased_percentage)
            for p in closure.left_out
            if p.phased_percentage is not None
        ),
    )
    return manifest, {digest: package.fields for digest, package in packages.items()}


def _snapshot_package(package: ArchivePackage, roles: set[Role]) -> SnapshotPackage:
    return SnapshotPackage(
        name=package.name,
        version=package.version,
        architecture=package.architecture,
        source_name=package.source_name,
        source_version=package.source_version,
        sha256=package.sha256,
        size_bytes=package.size_bytes,
        installed_size_kib=package.installed_size_kib,
        roles=tuple(sorted(roles, key=lambda role: role.value)),
        origin=f"{package.source.uri} {package.source.suite}".strip(),
    )
