"""A statement names its advisory, and when that was issued."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Bring the tables forward; the next update of advisories fills the columns."""
    with op.batch_alter_table("statements") as statements:
        statements.add_column(sa.Column("advisory", sa.String(), nullable=False, server_default=""))
        statements.add_column(sa.Column("issued_on", sa.Date()))
