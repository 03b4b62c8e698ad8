"""Decisions not to patch something for a while; and the numbers of removed hosts."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Bring the tables forward."""
    op.create_table(
        "exceptions",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("document", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "removed_hosts",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
    )
