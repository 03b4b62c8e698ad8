"""The tables. Documents are JSON of frozen values; columns beside them are what is searched by."""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Moment(TypeDecorator[datetime]):
    """An aware moment, kept as microseconds since 1970: equal and ordered on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Return microseconds; a moment without a zone is a defect."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            message = "a moment without a time zone"
            raise ValueError(message)
        delta = value - EPOCH
        return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Return the moment in UTC."""
        del dialect
        if value is None:
            return None
        return datetime.fromtimestamp(value // 1_000_000, UTC).replace(
            microsecond=value % 1_000_000
        )


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

hosts = Table(
    "hosts",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("address", String, nullable=False),
    Column("port", Integer, nullable=False),
    Column("number", Integer, nullable=False, unique=True),
    Column("document", LargeBinary, nullable=False),
    UniqueConstraint("address", "port"),
)
"""Number: how bitmaps of hosts know it."""

package_versions = Table(
    "package_versions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("version", String, nullable=False),
    Column("architecture", String, nullable=False),
    Column("source_name", String, nullable=False),
    Column("source_version", String, nullable=False),
    Column("built_using", String, nullable=False),
    Column("module", String, nullable=False, server_default=""),
    UniqueConstraint(
        "name",
        "version",
        "architecture",
        "source_name",
        "source_version",
        "built_using",
        "module",
        name="uq_package_versions_identity",
    ),
)

package_sets = Table(
    "package_sets",
    metadata,
    Column("digest", String, primary_key=True),
    Column("members", LargeBinary, nullable=False),
    Column("packages", Integer, nullable=False),
)
"""Members: which package versions, as bitmaps of their ids; see `stores/members.py`."""

components = Table(
    "components",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("release", String, nullable=False),
    Column("source", String, nullable=False),
    Column("name", String, nullable=False),
    Column("document", String, nullable=False, unique=True),
    Index(None, "release", "name"),
    Index(None, "release", "source"),
)

facts = Table(
    "facts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("host", String, ForeignKey("hosts.id", ondelete="CASCADE"), nullable=False),
    Column("since", Moment, nullable=False),
    Column("collected_at", Moment, nullable=False),
    Column("package_set", String, ForeignKey("package_sets.digest"), nullable=False),
    Column("components", LargeBinary, nullable=False),
    Column("outline", LargeBinary),
    Column("document", LargeBinary),
    Index(None, "host", "since"),
)
"""A row holds from `since` until the host's next one begins; a scan that finds nothing new only
moves `collected_at`. The outline is what questions about the whole fleet ask of a host; a row of
before there were any has none. The document, of a host's newest rows only, is what else the scan
brought."""

component_hosts = Table(
    "component_hosts",
    metadata,
    Column("component", Integer, ForeignKey("components.id"), primary_key=True),
    Column("since", Integer, primary_key=True),
    Column("is_successor", Boolean, primary_key=True),
    Column("hosts", LargeBinary, nullable=False),
)
"""Which hosts have a component: a bitmap of their numbers for each day, counted from 1970, on which
they got it. Successor: those that had another version of the package before."""

fleet_marks = Table(
    "fleet_marks",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Integer, nullable=False),
)
"""`folded`: the last row of facts that is in component_hosts. `last host number`: as it says."""

scan_failures = Table(
    "scan_failures",
    metadata,
    Column("host", String, ForeignKey("hosts.id", ondelete="CASCADE"), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("reason", Text, nullable=False),
    Column("hint", Text, nullable=False),
)

feeds = Table(
    "feeds",
    metadata,
    Column("feed", String, primary_key=True),
    Column("document", LargeBinary, nullable=False),
)

statements = Table(
    "statements",
    metadata,
    Column("feed", String, nullable=False),
    Column("release", String, nullable=False),
    Column("source_name", String, nullable=False),
    Column("cve", String, nullable=False),
    Column("status", String, nullable=False),
    Column("fixed_version", String, nullable=False),
    Column("urgency", String, nullable=False),
    Column("no_dsa", String, nullable=False),
    Column("advisory", String, nullable=False, server_default=""),
    Column("issued_on", Date),
    Column("channel", String, nullable=False, server_default=""),
    Column("module", String, nullable=False, server_default=""),
    Column("id", Integer, primary_key=True),
    Column("known_from", Moment, nullable=False),
    Column("known_to", Moment),
    Column("fix_known_from", Moment, nullable=False),
    Index(None, "release", "source_name"),
    Index(None, "feed", "known_to"),
    Index(None, "cve"),
)
"""What was said from `known_from` to `known_to`; present where the latter is null. What is said
anew of the same fix, for example of its urgency, keeps `fix_known_from`."""

rulings = Table(
    "rulings",
    metadata,
    Column("release", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("document", LargeBinary, nullable=False),
)
"""What counts now, of all that is said of a package: made from `statements` when a feed changes, so
that a fleet is judged without reading them all."""

signals = Table(
    "signals",
    metadata,
    Column("feed", String, primary_key=True),
    Column("cve", String, primary_key=True),
    Column("document", LargeBinary, nullable=False),
    Index(None, "cve"),
)

removed_hosts = Table(
    "removed_hosts",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
)
"""Numbers of hosts that were removed: bitmaps may still hold them."""

exceptions = Table(
    "exceptions",
    metadata,
    Column("id", String, primary_key=True),
    Column("document", LargeBinary, nullable=False),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("id", String, primary_key=True),
    Column("created_at", Moment, nullable=False),
    Column("document", LargeBinary, nullable=False),
)

plans = Table(
    "plans",
    metadata,
    Column("id", String, primary_key=True),
    Column("created_at", Moment, nullable=False),
    Column("document", LargeBinary, nullable=False),
)

rehearsals = Table(
    "rehearsals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("plan", String, ForeignKey("plans.id"), nullable=False, index=True),
    Column("document", LargeBinary, nullable=False),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("plan", String, ForeignKey("plans.id"), nullable=False, index=True),
    Column("document", LargeBinary, nullable=False),
)

rollouts = Table(
    "rollouts",
    metadata,
    Column("id", String, primary_key=True),
    Column("plan", String, ForeignKey("plans.id"), nullable=False),
    Column("phase", String, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("lease_holder", String, nullable=False, default=""),
    Column("lease_until", Moment),
    Column("epoch", Integer, nullable=False, default=0),
    Column("revision", Integer, nullable=False, server_default="0"),
)
"""Revision: the number of the last change to the rollout or to one of its runs."""

host_runs = Table(
    "host_runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("rollout", String, ForeignKey("rollouts.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("host", String, nullable=False, index=True),
    Column("ring", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column(
        "revision", BigInteger().with_variant(Integer, "sqlite"), nullable=False, server_default="0"
    ),
    Index(None, "rollout", "position"),
    Index(None, "rollout", "revision"),
)
"""Revision: see `revisions.py`."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("host_run", String, ForeignKey("host_runs.id"), primary_key=True),
    Column("rollout", String, ForeignKey("rollouts.id"), nullable=False),
    Column("worker_group", String, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("worker", String, nullable=False),
    Column("since", Moment, nullable=False),
    Column("defect", Text, nullable=False),
    Index(None, "rollout", "state"),
    Index(None, "state", "worker"),
    Index(
        "ix_deliveries_broken",
        "defect",
        sqlite_where=text("defect <> ''"),
        postgresql_where=text("defect <> ''"),
    ),
)
"""Where a host run is with the workers. Since: when it came into its state, or was last known to
get on. Attempts are counted for ever: one that was taken back is never mistaken for a later one."""

workers = Table(
    "workers",
    metadata,
    Column("id", String, primary_key=True),
    Column("groups", String, nullable=False),
    Column("version", String, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
)

engine_migrations = Table(
    "engine_migrations",
    metadata,
    Column("name", String, primary_key=True),
)
"""Changes of the job queue's own tables that were made here, by their makers' names for them."""

audit_events = Table(
    "audit_events",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("subject", String, nullable=False, index=True),
    Column("content", LargeBinary, nullable=False),
    Column("digest", String, nullable=False, unique=True),
)
"""Content: the canonical JSON that the digest is made of, byte for byte."""
