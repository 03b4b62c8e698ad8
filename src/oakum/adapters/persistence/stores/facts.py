"""What hosts reported: package versions interned, a host pointing at a package set."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection, delete, func, insert, select

from oakum.adapters.persistence.documents import from_document, to_document
from oakum.adapters.persistence.tables import facts as facts_table
from oakum.adapters.persistence.tables import package_sets, package_versions, scan_failures
from oakum.core.canonical import digest_of_bytes
from oakum.core.ids import HostId
from oakum.core.inventory.facts import Facts
from oakum.core.inventory.package import InstalledPackage
from oakum.ports.stores import ScanFailure

VersionKey = tuple[str, str, str, str, str, str]
Member = tuple[int, str, bool]
KEPT_SCANS = 10
"""Older facts of a host are forgotten; findings and the audit log keep the history."""
BATCH = 500


class SqlFactsStore:
    """Keeps facts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def save(self, host: HostId, facts: Facts) -> None:
        """Keep what a host reported, and forget that its last scan failed."""
        members = to_document(self._members(facts.packages))
        digest = digest_of_bytes(members)
        known = select(package_sets.c.digest).where(package_sets.c.digest == digest)
        if self._connection.execute(known).first() is None:
            self._connection.execute(
                insert(package_sets).values(
                    digest=digest, members=members, packages=len(facts.packages)
                )
            )
        self._connection.execute(
            insert(facts_table).values(
                host=host,
                collected_at=facts.collected_at,
                package_set=digest,
                document=to_document(replace(facts, packages=())),
            )
        )
        self._connection.execute(delete(scan_failures).where(scan_failures.c.host == host))
        self._forget_old(host)

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
        return self._latest(host).get(host)

    def all_latest(self) -> Mapping[HostId, Facts]:
        """Return the newest facts of every host that has some."""
        return self._latest(None)

    def earlier(self, host: HostId) -> tuple[Facts, ...]:
        """Return what is kept of a host's scans before the latest, newest first."""
        query = (
            select(facts_table.c.id)
            .where(facts_table.c.host == host)
            .order_by(facts_table.c.id.desc())
        )
        ids = [row.id for row in self._connection.execute(query)]
        return tuple(found for _, found in self._read(ids[1:]))

    def failures(self) -> Mapping[HostId, ScanFailure]:
        """Return the hosts whose last scan failed."""
        rows = self._connection.execute(select(scan_failures))
        return {
            HostId(row.host): ScanFailure(HostId(row.host), row.at, row.reason, row.hint)
            for row in rows
        }

    def _latest(self, host: HostId | None) -> dict[HostId, Facts]:
        newest = select(func.max(facts_table.c.id)).group_by(facts_table.c.host)
        if host is not None:
            newest = newest.where(facts_table.c.host == host)
        return dict(self._read([number for (number,) in self._connection.execute(newest)]))

    def _read(self, ids: Sequence[int]) -> list[tuple[HostId, Facts]]:
        """Return facts by their numbers, newest first."""
        columns = (facts_table.c.host, facts_table.c.document, package_sets.c.members)
        join = package_sets.c.digest == facts_table.c.package_set
        rows = [
            row
            for start in range(0, len(ids), BATCH)
            for row in self._connection.execute(
                select(*columns)
                .join(package_sets, join)
                .where(facts_table.c.id.in_(ids[start : start + BATCH]))
                .order_by(facts_table.c.id.desc())
            )
        ]
        decoded = {row.members: _members(row.members) for row in rows}
        versions = self._versions({m[0] for members in decoded.values() for m in members})
        return [
            (
                HostId(row.host),
                replace(
                    from_document(row.document, Facts, "facts of a host"),
                    packages=tuple(_package(member, versions) for member in decoded[row.members]),
                ),
            )
            for row in rows
        ]

    def _members(self, packages: Sequence[InstalledPackage]) -> list[Member]:
        keys = {_key(package) for package in packages}
        known = self._known(keys)
        missing = sorted(keys - known.keys())
        if missing:
            self._connection.execute(insert(package_versions), [_version_row(k) for k in missing])
            known.update(self._known(set(missing)))
        return sorted((known[_key(p)], p.status, p.is_automatic) for p in packages)

    def _known(self, keys: set[VersionKey]) -> dict[VersionKey, int]:
        names = sorted({key[0] for key in keys})
        found: dict[VersionKey, int] = {}
        for start in range(0, len(names), BATCH):
            part = names[start : start + BATCH]
            query = select(package_versions).where(package_versions.c.name.in_(part))
            for row in self._connection.execute(query):
                _, *columns = row
                key = _as_key(columns)
                if key in keys:
                    found[key] = row.id
        return found

    def _versions(self, ids: set[int]) -> dict[int, VersionKey]:
        ordered, found = sorted(ids), dict[int, VersionKey]()
        for start in range(0, len(ordered), BATCH):
            part = ordered[start : start + BATCH]
            query = select(package_versions).where(package_versions.c.id.in_(part))
            for number, *columns in self._connection.execute(query):
                found[number] = _as_key(columns)
        return found

    def _forget_old(self, host: HostId) -> None:
        kept = (
            select(facts_table.c.id)
            .where(facts_table.c.host == host)
            .order_by(facts_table.c.id.desc())
            .limit(KEPT_SCANS)
        )
        ids = [row.id for row in self._connection.execute(kept)]
        self._connection.execute(
            delete(facts_table).where(facts_table.c.host == host, facts_table.c.id < min(ids))
        )


def _as_key(columns: Sequence[str]) -> VersionKey:
    name, version, architecture, source_name, source_version, built_using = columns
    return (name, version, architecture, source_name, source_version, built_using)


def _key(p: InstalledPackage) -> VersionKey:
    return (p.name, p.version, p.architecture, p.source_name, p.source_version, p.built_using)


def _version_row(key: VersionKey) -> dict[str, str]:
    columns = ("name", "version", "architecture", "source_name", "source_version", "built_using")
    return dict(zip(columns, key, strict=True))


def _members(content: bytes) -> list[Member]:
    return from_document(content, list[Member], "a set of packages")


def _package(member: Member, versions: Mapping[int, VersionKey]) -> InstalledPackage:
    number, status, is_automatic = member
    name, version, architecture, source_name, source_version, built_using = versions[number]
    return InstalledPackage(
        name, version, architecture, source_name, source_version, status, is_automatic, built_using
    )
