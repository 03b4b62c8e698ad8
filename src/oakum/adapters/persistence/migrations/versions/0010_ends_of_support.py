"""Until when releases get fixes, as a feed tells."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Bring the tables forward."""
    op.create_table(
        "support",
        sa.Column("release", sa.String(), primary_key=True),
        sa.Column("document", sa.LargeBinary(), nullable=False),
    )
