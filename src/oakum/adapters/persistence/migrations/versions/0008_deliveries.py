"""Who holds which host run, which workers there are, and what changed since a rollout was seen."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Bring the tables forward."""
    for table in ("rollouts", "host_runs"):
        number = sa.Column("revision", sa.Integer(), nullable=False, server_default="0")
        op.add_column(table, number)
    op.create_index("ix_host_runs_rollout_revision", "host_runs", ["rollout", "revision"])
    op.create_table(
        "deliveries",
        sa.Column(
            "host_run",
            sa.String(),
            sa.ForeignKey("host_runs.id", name="fk_deliveries_host_run"),
            primary_key=True,
        ),
        sa.Column(
            "rollout",
            sa.String(),
            sa.ForeignKey("rollouts.id", name="fk_deliveries_rollout"),
            nullable=False,
        ),
        sa.Column("worker_group", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("defect", sa.Text(), nullable=False),
    )
    op.create_index("ix_deliveries_rollout_state", "deliveries", ["rollout", "state"])
    op.create_index("ix_deliveries_state_worker", "deliveries", ["state", "worker"])
    op.create_table(
        "workers",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("groups", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
    )
    op.create_table("engine_migrations", sa.Column("name", sa.String(), primary_key=True))
