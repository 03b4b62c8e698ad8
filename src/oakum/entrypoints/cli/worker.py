"""oakum worker: drive hosts for the controllers that share this database."""

from typing import Annotated

import typer

from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import actor, application, run


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("worker")(worker)
    app.command("workers")(workers)


def worker(
    group: Annotated[
        list[str] | None,
        typer.Option(help="A zone whose hosts it drives (label zone=…); may be given again."),
    ] = None,
    default: Annotated[
        bool, typer.Option("--default", help="With --group: also hosts without a zone.")
    ] = False,
) -> None:
    """Drive hosts for the rollouts that controllers run, until it is told to end.

    Without --group it takes the hosts that have no zone. Any number may run, on any machine that
    reaches the database, the hosts and their keys. One that dies is followed by another of its
    group.
    """
    groups = [*(group or []), *([""] if default or not group else [])]
    chosen = application()
    output.say(f"drives hosts {', '.join(_in_words(name) for name in groups)}; ends with Ctrl-C")
    run(chosen.work(groups, actor()))


def workers(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the workers that are alive."""
    alive = application().live_workers()
    if json:
        output.print_json(alive)
        return
    rows = [
        (
            seen.id,
            ", ".join(_in_words(name) for name in seen.groups),
            seen.version,
            f"{seen.started_at:%Y-%m-%d %H:%M}",
            f"{seen.seen_at:%H:%M:%S}",
        )
        for seen in alive
    ]
    output.print_table(("worker", "hosts", "version", "since (UTC)", "last seen"), rows)


def _in_words(group: str) -> str:
    return f"of {group}" if group else "without a zone"
