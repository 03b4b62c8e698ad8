"""oakum workers: who drives hosts at the moment."""

from typing import Annotated

import typer

from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import application
from oakum.entrypoints.cli.words import group_in_words


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("workers")(workers)


def workers(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the workers that are alive."""
    alive = application().live_workers()
    if json:
        output.print_json(alive)
        return
    rows = [
        (
            seen.id,
            ", ".join(group_in_words(name) for name in seen.groups),
            seen.version,
            f"{seen.started_at:%Y-%m-%d %H:%M}",
            f"{seen.seen_at:%H:%M:%S}",
        )
        for seen in alive
    ]
    output.print_table(("worker", "hosts", "version", "since (UTC)", "last seen"), rows)
