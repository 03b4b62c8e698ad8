"""The audit log refuses to have an event replaced.

SQLite's INSERT OR REPLACE deletes the old row without asking the trigger for deletions.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

NO_REPLACEMENT = """
CREATE TRIGGER audit_no_replacement BEFORE INSERT ON audit_events
WHEN EXISTS (
  SELECT 1 FROM audit_events WHERE sequence = NEW.sequence OR digest = NEW.digest
)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
"""


def upgrade() -> None:
    """Bring the tables forward."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(NO_REPLACEMENT)
