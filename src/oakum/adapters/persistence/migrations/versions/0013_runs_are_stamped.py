"""Workers no longer count a rollout's changes in one row: transactions stamp the runs."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0008"

OFFSET = 1 << 40
STAMPING = (
    f"""CREATE FUNCTION stamp_host_run() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.revision := pg_current_xact_id()::text::bigint + {OFFSET}; RETURN NEW; END $$
    """,
    """CREATE TRIGGER host_run_is_stamped BEFORE INSERT OR UPDATE ON host_runs
       FOR EACH ROW EXECUTE FUNCTION stamp_host_run()""",
)


def upgrade() -> None:
    """Bring the tables forward; SQLite counts on, in integers of any size."""
    is_broken = sa.text("defect <> ''")
    op.create_index(
        "ix_deliveries_broken",
        "deliveries",
        ["defect"],
        sqlite_where=is_broken,
        postgresql_where=is_broken,
    )
    if op.get_bind().dialect.name != "postgresql":
        return
    op.alter_column("host_runs", "revision", type_=sa.BigInteger())
    for statement in STAMPING:
        op.execute(statement)
