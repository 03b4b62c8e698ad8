"""Findings with their history."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update

from oakum.adapters.persistence.documents import from_document, to_document
from oakum.adapters.persistence.tables import findings
from oakum.core.ids import CveId, HostId
from oakum.core.matching.finding import Finding

BATCH = 500


class SqlFindingStore:
    """Keeps findings: a row is true from `valid_from` until `valid_to`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def replace(self, host: HostId, found: Sequence[Finding], at: datetime) -> int:
        """Store what is true now; return how many findings changed."""
        current = (findings.c.host == host) & findings.c.valid_to.is_(None)
        rows = self._connection.execute(select(findings).where(current)).all()
        known = {(row.source_name, row.cve): row for row in rows}
        now = {(finding.source_name, finding.cve): finding for finding in found}
        changed = [f for key, f in now.items() if not _same(known.get(key), f)]
        ended = [r.id for key, r in known.items() if key not in now or not _same(r, now[key])]
        for start in range(0, len(ended), BATCH):
            part = ended[start : start + BATCH]
            self._connection.execute(
                update(findings).where(findings.c.id.in_(part)).values(valid_to=at)
            )
        if changed:
            self._connection.execute(insert(findings), [_row(finding, at) for finding in changed])
        return len({(f.source_name, f.cve) for f in changed} | _keys_of(known, now))

    def of(self, hosts: Iterable[HostId], as_of: datetime | None = None) -> tuple[Finding, ...]:
        """Return what is true of these hosts now, or what was known to be true at a moment."""
        is_present = findings.c.valid_to.is_(None)
        holds: ColumnElement[bool] = is_present
        if as_of is not None:
            ended_later = is_present | (findings.c.valid_to > as_of)
            holds = (findings.c.valid_from <= as_of) & ended_later
        query = (
            select(findings.c.document)
            .where(findings.c.host.in_(sorted(hosts)), holds)
            .order_by(findings.c.host, findings.c.source_name, findings.c.cve)
        )
        return tuple(_finding(document) for (document,) in self._connection.execute(query))

    def first_seen(self, hosts: Iterable[HostId]) -> Mapping[tuple[str, str, str], date]:
        """Return when each present finding first had the state that it has now."""
        wanted = sorted(hosts)
        present = findings.alias()
        query = (
            select(
                present.c.host,
                present.c.source_name,
                present.c.cve,
                func.min(findings.c.valid_from).label("since"),
            )
            .join(
                findings,
                (findings.c.host == present.c.host)
                & (findings.c.source_name == present.c.source_name)
                & (findings.c.cve == present.c.cve)
                & (findings.c.state == present.c.state),
            )
            .where(present.c.valid_to.is_(None), present.c.host.in_(wanted))
            .group_by(present.c.host, present.c.source_name, present.c.cve)
        )
        return {
            (row.host, row.source_name, row.cve): row.since.date()
            for row in self._connection.execute(query)
        }

    def history(self, host: HostId, cve: CveId) -> tuple[tuple[datetime, Finding], ...]:
        """Return what was ever true of a CVE on a host, oldest first."""
        query = (
            select(findings.c.valid_from, findings.c.document)
            .where(findings.c.host == host, findings.c.cve == cve)
            .order_by(findings.c.valid_from, findings.c.id)
        )
        rows = self._connection.execute(query)
        return tuple((row.valid_from, _finding(row.document)) for row in rows)


def _keys_of(
    known: dict[tuple[str, str], Row[tuple[object, ...]]], now: dict[tuple[str, CveId], Finding]
) -> set[tuple[str, str]]:
    return {key for key in known if key not in now}


def _same(row: Row[tuple[object, ...]] | None, finding: Finding) -> bool:
    return row is not None and row.document == to_document(finding)


def _finding(document: bytes) -> Finding:
    return from_document(document, Finding, "a finding")


def _row(finding: Finding, at: datetime) -> dict[str, object]:
    return {
        "host": finding.host,
        "source_name": finding.source_name,
        "cve": finding.cve,
        "state": finding.state.value,
        "valid_from": at,
        "document": to_document(finding),
    }
