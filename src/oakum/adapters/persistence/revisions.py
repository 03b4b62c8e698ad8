"""Which host runs changed since somebody looked, without any two who write waiting for it.

SQLite has one writer: a rollout counts its changes. On PostgreSQL a counter would be a row that
every worker has to lock; there a trigger writes the number of the transaction into each run, and
whoever looks notes before which transaction all had ended. A run may then be read twice, and none
is missed. The numbers begin beyond every counter of a layout that still counted.
"""

from sqlalchemy import Connection, text

OFFSET = 1 << 40
"""As the trigger of migration 0013 adds it."""
_HORIZON = text(f"SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint + {OFFSET}")


def is_counted(connection: Connection) -> bool:
    """Tell whether rollouts count their changes themselves."""
    return connection.dialect.name == "sqlite"


def horizon(connection: Connection, revision: int) -> int:
    """Return from which number on a run may change after what is read from now on."""
    if is_counted(connection):
        return revision + 1
    return int(connection.execute(_HORIZON).scalar_one())
