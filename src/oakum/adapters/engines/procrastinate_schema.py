"""The tables of Procrastinate's queue, made and brought forward beside ours."""

from collections.abc import Collection
from importlib import resources

import psycopg

LAYOUT, CHANGES = "schema.sql", "migrations"
AFTER = "_post_"
"""In the name of a change that workers of the version before do not bear."""


def bring_up_to_date(connection: object, *, others_are_older: bool) -> None:
    """Make the queue's tables, or bring older ones to the installed version.

    Must be called inside one transaction that others who do the same wait for. Changes that older
    workers do not bear are left for a later call while such workers are alive.
    """
    if not isinstance(connection, psycopg.Connection):
        message = f"{type(connection).__name__} is no connection of psycopg"
        raise TypeError(message)
    folder = resources.files("procrastinate.sql")
    changes = folder / CHANGES
    known = sorted(file.name for file in changes.iterdir() if file.name.endswith(".sql"))
    made = {name for (name,) in connection.execute("SELECT name FROM engine_migrations")}
    if not made:
        _run((folder / LAYOUT).read_text(), connection)
        _note(known, connection)
        return
    for name in known:
        if name not in made and not (others_are_older and AFTER in name):
            _run((changes / name).read_text(), connection)
            _note([name], connection)


def _run(script: str, connection: "psycopg.Connection[tuple[str]]") -> None:
    connection.execute(script.encode())


def _note(names: Collection[str], connection: "psycopg.Connection[tuple[str]]") -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO engine_migrations (name) VALUES (%s)", [(name,) for name in names]
        )
