"""Decisions not to patch something for a while."""

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
