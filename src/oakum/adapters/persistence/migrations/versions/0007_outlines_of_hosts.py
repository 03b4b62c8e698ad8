"""What questions about the whole fleet ask of a host, beside its facts."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Bring the tables forward. Rows that are there get an outline with their next scan."""
    op.add_column("facts", sa.Column("outline", sa.LargeBinary()))
