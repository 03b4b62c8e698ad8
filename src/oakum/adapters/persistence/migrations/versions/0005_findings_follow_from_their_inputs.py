"""Findings are computed from what was known when, and no longer stored a host and a CVE.

What hosts reported and what vendors said is kept with the time from which it held. Statements that
are here are taken to be known since the first finding, which makes no deadline later than it was.
Facts are read anew into package sets of the new form; what components they hold is computed by the
next scan of each host, and until then those facts are not there.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Bring the tables forward."""
    connection = op.get_bind()
    known = connection.execute(sa.text("SELECT min(valid_from) FROM findings")).scalar() or 0
    with op.batch_alter_table("hosts") as hosts:
        hosts.add_column(sa.Column("number", sa.Integer()))
    connection.execute(
        sa.text(
            "UPDATE hosts SET number = (SELECT count(*) FROM hosts AS other WHERE other.id <= hosts.id)"
        )
    )
    with op.batch_alter_table("hosts") as hosts:
        hosts.alter_column("number", existing_type=sa.Integer(), nullable=False)
        hosts.create_unique_constraint("uq_hosts_number", ["number"])
    op.drop_table("findings")
    op.drop_table("facts")
    op.drop_table("package_sets")
    op.drop_table("package_versions")
    _make_inventory()
    _date_statements(known)


def _make_inventory() -> None:
    op.create_table(
        "package_versions",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("architecture", sa.String(), nullable=False),
        sa.Column("source_name", sa.String(), nullable=False),
        sa.Column("source_version", sa.String(), nullable=False),
        sa.Column("built_using", sa.String(), nullable=False),
        sa.Column("module", sa.String(), nullable=False, server_default=""),
        sa.UniqueConstraint(
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
    op.create_table(
        "package_sets",
        sa.Column("digest", sa.String(), primary_key=True),
        sa.Column("members", sa.LargeBinary(), nullable=False),
        sa.Column("packages", sa.Integer(), nullable=False),
    )
    op.create_table(
        "components",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("release", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.UniqueConstraint("document", name="uq_components_document"),
    )
    op.create_index("ix_components_release_name", "components", ["release", "name"])
    op.create_index("ix_components_release_source", "components", ["release", "source"])
    op.create_table(
        "facts",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column(
            "host", sa.String(), sa.ForeignKey("hosts.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("collected_at", sa.BigInteger(), nullable=False),
        sa.Column("package_set", sa.String(), sa.ForeignKey("package_sets.digest"), nullable=False),
        sa.Column("components", sa.LargeBinary(), nullable=False),
        sa.Column("document", sa.LargeBinary()),
    )
    op.create_index("ix_facts_host_since", "facts", ["host", "since"])
    op.create_table(
        "component_hosts",
        sa.Column("component", sa.Integer(), sa.ForeignKey("components.id"), primary_key=True),
        sa.Column("since", sa.Integer(), primary_key=True),
        sa.Column("is_successor", sa.Boolean(), primary_key=True),
        sa.Column("hosts", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "fleet_marks",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("value", sa.Integer(), nullable=False),
    )


def _date_statements(known: int) -> None:
    op.rename_table("statements", "statements_before")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX ix_statements_release_source_name RENAME TO ix_statements_before")
    else:
        op.drop_index("ix_statements_release_source_name", table_name="statements_before")
    op.create_table(
        "statements",
        sa.Column("feed", sa.String(), nullable=False),
        sa.Column("release", sa.String(), nullable=False),
        sa.Column("source_name", sa.String(), nullable=False),
        sa.Column("cve", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("fixed_version", sa.String(), nullable=False),
        sa.Column("urgency", sa.String(), nullable=False),
        sa.Column("no_dsa", sa.String(), nullable=False),
        sa.Column("advisory", sa.String(), nullable=False, server_default=""),
        sa.Column("issued_on", sa.Date()),
        sa.Column("channel", sa.String(), nullable=False, server_default=""),
        sa.Column("module", sa.String(), nullable=False, server_default=""),
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("known_to", sa.BigInteger()),
        sa.Column("fix_known_from", sa.BigInteger(), nullable=False),
    )
    op.execute(
        sa.text(
            "INSERT INTO statements (feed, release, source_name, cve, status, fixed_version,"
            " urgency, no_dsa, advisory, issued_on, channel, module, known_from, fix_known_from)"
            " SELECT feed, release, source_name, cve, status, fixed_version, urgency, no_dsa,"
            " advisory, issued_on, '', '', :known, :known FROM statements_before"
        ).bindparams(known=known)
    )
    op.drop_table("statements_before")
    op.create_index("ix_statements_release_source_name", "statements", ["release", "source_name"])
    op.create_index("ix_statements_feed_known_to", "statements", ["feed", "known_to"])
    op.create_index("ix_statements_cve", "statements", ["cve"])
    op.create_table(
        "rulings",
        sa.Column("release", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("document", sa.LargeBinary(), nullable=False),
    )
    # Made from the statements by the next update; until then nothing is judged.
    op.execute("DELETE FROM feeds")
