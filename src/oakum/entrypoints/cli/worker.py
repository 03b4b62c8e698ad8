"""oakum worker: drive hosts for the controllers that share this database."""

from typing import Annotated

import typer

from oakum.core.errors import InputError
from oakum.core.text import one_line
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import actor, application, run
from oakum.entrypoints.cli.words import group_in_words


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("worker")(worker)


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
    if unfit := [name for name in group or [] if name.split() != [name]]:
        raise InputError(
            f"--group {one_line(unfit[0], 60)!r} is no zone: labels hold no blanks",
            hint="give --group once for each zone; --default is for hosts without one",
        )
    groups = [*(group or []), *([""] if default or not group else [])]
    chosen = application(goes_on=True)
    output.say(
        f"drives hosts {', '.join(group_in_words(name) for name in groups)}; ends with Ctrl-C"
    )
    run(chosen.work(groups, actor()))
