"""What hosts reported: package versions interned, a host pointing at a package set.

A row of a host holds from its first scan to the next one that finds other packages or components,
so that a host that does not change costs nothing, and what was true at any moment can be found.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pyroaring import BitMap
from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from oakum.adapters.persistence.documents import from_bitmap, from_document, to_document
from oakum.adapters.persistence.parts import in_parts
from oakum.adapters.persistence.stores.components import ComponentIds
from oakum.adapters.persistence.stores.members import Member, pack, unpack
from oakum.adapters.persistence.tables import facts as facts_table
from oakum.adapters.persistence.tables import package_sets, package_versions, scan_failures
from oakum.core.canonical import digest_of_bytes
from oakum.core.ids import HostId
from oakum.core.inventory.facts import Facts, IndexReading
from oakum.core.inventory.package import InstalledPackage
from oakum.core.matching.component import components_of
from oakum.core.matching.coverage import Outline, outline_of
from oakum.ports.stores import Scan, ScanFailure

VersionKey = tuple[str, str, str, str, str, str, str]
NEWEST = select(func.max(facts_table.c.id)).group_by(facts_table.c.host)
"""The ids of each host's newest row."""
KEPT_DOCUMENTS = 10
"""How many rows of a host keep all that their scan brought; packages and components stay."""


class SqlFactsStore:
    """Keeps facts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._component_ids = ComponentIds(connection)
        self._ids: dict[VersionKey, int] = {}
        self._sets: set[str] = set()

    def save(self, host: HostId, facts: Facts) -> None:
        """Keep what a host reported, and forget that its last scan failed."""
        digest = self._keep_set(facts.packages)
        earlier = self._newest_first(host) if facts.stale_processes else ()
        components = components_of(facts, earlier)
        content = BitMap(self._component_ids.of(components)).serialize()
        document = to_document(replace(facts, packages=()))
        outline = to_document(outline_of(facts))
        last = self._last(host)
        if last is not None and (last.package_set, last.components) == (digest, content):
            self._connection.execute(
                update(facts_table)
                .where(facts_table.c.id == last.id)
                .values(collected_at=facts.collected_at, outline=outline, document=document)
            )
        else:
            self._connection.execute(
                insert(facts_table).values(
                    host=host,
                    since=facts.collected_at,
                    collected_at=facts.collected_at,
                    package_set=digest,
                    components=content,
                    outline=outline,
                    document=document,
                )
            )
            self._thin_out(host)
        self._connection.execute(delete(scan_failures).where(scan_failures.c.host == host))

    def save_failure(self, failure: ScanFailure) -> None:
        """Keep why the last scan failed."""
        self._connection.execute(delete(scan_failures).where(scan_failures.c.host == failure.host))
        self._connection.execute(
            insert(scan_failures).values(
                host=failure.host, at=failure.at, reason=failure.reason, hint=failure.hint
            )
        )

    def latest(self, host: HostId) -> Facts | None:
        """Return the newest facts of a host."""
        return self.latest_of([host]).get(host)

    def latest_of(self, hosts: Iterable[HostId]) -> Mapping[HostId, Facts]:
        """Return the newest facts of those of these hosts that have some."""
        return {scan.host: scan.facts for scan in self.scans(hosts) if scan.facts is not None}

    def index_reading(self, host: HostId) -> IndexReading | None:
        """Return what a host's package indices said when it was last scanned."""
        query = select(facts_table.c.document).where(facts_table.c.host == host)
        document = self._connection.scalar(query.order_by(facts_table.c.id.desc()).limit(1))
        return document and from_document(document, IndexReading, "facts of a host")

    def outlines(self) -> Mapping[HostId, Outline]:
        """Return what of every scanned host decides how much of it can be judged."""
        query = select(facts_table.c.host, facts_table.c.outline).where(
            facts_table.c.id.in_(NEWEST)
        )
        found, alike, unknown = dict[HostId, Outline](), dict[bytes, Outline](), list[HostId]()
        for name, document in self._connection.execute(query):
            if document is None:
                unknown.append(HostId(name))
                continue
            if document not in alike:
                alike[document] = from_document(document, Outline, "the outline of a host")
            found[HostId(name)] = alike[document]
        # Scanned before outlines were kept.
        return found | {host: outline_of(f) for host, f in self.latest_of(unknown).items()}

    def last_seen(self) -> Mapping[HostId, datetime]:
        """Return when each scanned host last answered."""
        columns = (facts_table.c.host, facts_table.c.collected_at)
        rows = self._connection.execute(select(*columns).where(facts_table.c.id.in_(NEWEST)))
        return {HostId(host): moment for host, moment in rows}

    def scanned(self, as_of: datetime | None = None) -> frozenset[HostId]:
        """Return the hosts that have facts, or had them at a moment."""
        query = select(facts_table.c.host).distinct()
        if as_of is not None:
            query = query.where(facts_table.c.since <= as_of)
        return frozenset(HostId(host) for (host,) in self._connection.execute(query))

    def scans(self, hosts: Iterable[HostId], as_of: datetime | None = None) -> tuple[Scan, ...]:
        """Return what is true of each host, or what was at a moment; by host."""
        newest = NEWEST
        if as_of is not None:
            newest = newest.where(facts_table.c.since <= as_of)
        return self._scans(self._numbers(newest, hosts))

    def timeline(self, hosts: Iterable[HostId]) -> tuple[Scan, ...]:
        """Return all that was ever true of these hosts, by host, oldest first."""
        return self._scans(self._numbers(select(facts_table.c.id), hosts))

    def failures(self) -> Mapping[HostId, ScanFailure]:
        """Return the hosts whose last scan failed."""
        rows = self._connection.execute(select(scan_failures))
        return {
            HostId(row.host): ScanFailure(HostId(row.host), row.at, row.reason, row.hint)
            for row in rows
        }

    def _newest_first(self, host: HostId) -> tuple[Facts, ...]:
        scans = reversed(self.timeline([host]))
        return tuple(scan.facts for scan in scans if scan.facts is not None)

    def _last(self, host: HostId) -> Row[int, str, bytes] | None:
        query = (
            select(facts_table.c.id, facts_table.c.package_set, facts_table.c.components)
            .where(facts_table.c.host == host)
            .order_by(facts_table.c.id.desc())
            .limit(1)
        )
        return self._connection.execute(query).first()

    def _numbers(self, query: Select[int], hosts: Iterable[HostId]) -> list[int]:
        """Return the ids of rows of these hosts."""
        parts = (query.where(facts_table.c.host.in_(part)) for part in in_parts(sorted(hosts)))
        return [number for part in parts for (number,) in self._connection.execute(part)]

    def _scans(self, ids: Sequence[int]) -> tuple[Scan, ...]:
        """Return rows by their ids: by host, oldest first."""
        columns = (facts_table, package_sets.c.members)
        join = package_sets.c.digest == facts_table.c.package_set
        rows = [
            row
            for part in in_parts(ids)
            for row in self._connection.execute(
                select(*columns).join(package_sets, join).where(facts_table.c.id.in_(part))
            )
        ]
        sets = {row.package_set: unpack(row.members) for row in rows}
        versions = self._versions({m[0] for members in sets.values() for m in members})
        packages = {
            digest: tuple(_package(member, versions) for member in members)
            for digest, members in sets.items()
        }
        held = {row.id: from_bitmap(row.components, "the components of a host") for row in rows}
        components = self._component_ids.read(BitMap.union(*held.values()) if held else BitMap())
        return tuple(
            Scan(
                host=HostId(row.host),
                since=row.since,
                last_seen=row.collected_at,
                components=tuple(components[number] for number in held[row.id]),
                packages=packages[row.package_set],
                facts=_facts(row.document, packages[row.package_set]),
            )
            for row in sorted(rows, key=lambda row: (row.host, row.id))
        )

    def _keep_set(self, packages: Sequence[InstalledPackage]) -> str:
        members = pack(self._members(packages))
        digest = digest_of_bytes(members)
        if digest in self._sets:
            return digest
        known = select(package_sets.c.digest).where(package_sets.c.digest == digest)
        if self._connection.execute(known).first() is None:
            self._connection.execute(
                insert(package_sets).values(digest=digest, members=members, packages=len(packages))
            )
        self._sets.add(digest)
        return digest

    def _members(self, packages: Sequence[InstalledPackage]) -> list[Member]:
        keys = [_key(package) for package in packages]
        self._learn({key for key in keys if key not in self._ids})
        return [
            (self._ids[key], p.status, p.is_automatic)
            for key, p in zip(keys, packages, strict=True)
        ]

    def _learn(self, keys: set[VersionKey]) -> None:
        """Get the ids of package versions, making those that are new."""
        if not keys:
            return
        self._ids.update(self._known(keys))
        missing = sorted(key for key in keys if key not in self._ids)
        if missing:
            self._connection.execute(insert(package_versions), [_version_row(k) for k in missing])
            self._ids.update(self._known(set(missing)))

    def _known(self, keys: set[VersionKey]) -> dict[VersionKey, int]:
        found: dict[VersionKey, int] = {}
        for part in in_parts(sorted({key[0] for key in keys})):
            query = select(package_versions).where(package_versions.c.name.in_(part))
            for number, *columns in self._connection.execute(query):
                key = _as_key(columns)
                if key in keys:
                    found[key] = number
        return found

    def _versions(self, ids: set[int]) -> dict[int, VersionKey]:
        found = dict[int, VersionKey]()
        for part in in_parts(sorted(ids)):
            query = select(package_versions).where(package_versions.c.id.in_(part))
            for number, *columns in self._connection.execute(query):
                found[number] = _as_key(columns)
        return found

    def _thin_out(self, host: HostId) -> None:
        kept = (
            select(facts_table.c.id)
            .where(facts_table.c.host == host)
            .order_by(facts_table.c.id.desc())
            .limit(KEPT_DOCUMENTS)
        )
        ids = [number for (number,) in self._connection.execute(kept)]
        if len(ids) == KEPT_DOCUMENTS:
            old = (facts_table.c.host == host) & (facts_table.c.id < min(ids))
            self._connection.execute(update(facts_table).where(old).values(document=None))


def _facts(document: bytes | None, packages: tuple[InstalledPackage, ...]) -> Facts | None:
    if document is None:
        return None
    return replace(from_document(document, Facts, "facts of a host"), packages=packages)


def _as_key(columns: Sequence[str]) -> VersionKey:
    name, version, architecture, source_name, source_version, built_using, module = columns
    return (name, version, architecture, source_name, source_version, built_using, module)


def _key(p: InstalledPackage) -> VersionKey:
    identity = (p.name, p.version, p.architecture, p.source_name, p.source_version)
    return (*identity, p.built_using, p.module)


COLUMNS = (
    "name", "version", "architecture", "source_name", "source_version", "built_using", "module",
)  # fmt: skip


def _version_row(key: VersionKey) -> dict[str, str]:
    return dict(zip(COLUMNS, key, strict=True))


def _package(member: Member, versions: Mapping[int, VersionKey]) -> InstalledPackage:
    number, status, is_automatic = member
    name, version, architecture, source_name, source_version, built_using, module = versions[number]
    return InstalledPackage(
        name, version, architecture, source_name, source_version, status, is_automatic,
        built_using, module,
    )  # fmt: skip
