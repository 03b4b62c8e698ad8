"""Bringing a database to the present layout: loaded only when there is something to bring."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection

from oakum.core.errors import RefusedError


def migration_config() -> Config:
    """Return Alembic's configuration; the scripts ship with the package."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def upgrade(connection: Connection, present: str | None) -> None:
    """Run what is missing. Raises RefusedError for a layout that is not known here."""
    config = migration_config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise RefusedError(
            f"the database was written by a newer Oakum (its layout is {present})",
            hint="use that version, or restore the backup that it made",
        ) from error
