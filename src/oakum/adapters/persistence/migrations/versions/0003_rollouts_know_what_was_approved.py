"""A rollout keeps the digest of its plan, as the audit log has it from its start."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

rollouts = sa.table("rollouts", sa.column("id"), sa.column("document", sa.LargeBinary()))
events = sa.table("audit_events", sa.column("subject"), sa.column("content", sa.LargeBinary()))


def upgrade() -> None:
    """Bring the documents forward; without an event of its start a rollout matches no plan."""
    connection = op.get_bind()
    for row in connection.execute(sa.select(rollouts)).all():
        document = {**json.loads(row.document), "plan_digest": _approved(connection, row.id)}
        connection.execute(
            sa.update(rollouts)
            .where(rollouts.c.id == row.id)
            .values(document=json.dumps(document).encode())
        )


def _approved(connection: sa.Connection, rollout: str) -> str:
    query = sa.select(events.c.content).where(events.c.subject == rollout)
    contents = [json.loads(content) for (content,) in connection.execute(query)]
    started = (event for event in contents if event["action"] == "rollout started")
    return next((str(event["details"]["digest"]) for event in started), "")
