"""oakum queue: what to patch first, and why."""

from enum import Enum
from typing import Annotated

import typer

from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import application
from oakum.entrypoints.cli.words import (
    Knowledge,
    age_lines,
    exception_lines,
    queue_rows,
    weakness_rows,
)
from oakum.services.choose import choose_hosts
from oakum.services.prioritise_findings import group_by_weakness, prioritise

EXIT_WORK_TO_DO = 100


class Grouping(Enum):
    """What a line of the answer stands for."""

    PATCH = "patch"
    CWE = "cwe"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("queue")(queue)


def queue(
    limit: Annotated[str, typer.Option(help="Only hosts that this selects.")] = "",
    first: Annotated[int, typer.Option(min=0, help="Only so many lines; 0 for all.")] = 0,
    by: Annotated[
        Grouping, typer.Option(help="A line for each patch, or for each kind of mistake (CWE).")
    ] = Grouping.PATCH,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List patches in the order in which to apply them, with the share of risk that each removes.

    Exit status 100 says that there is something to do.
    """
    chosen = application()
    now = chosen.clock.now()
    with chosen.begin() as work:
        hosts = choose_hosts(limit, work)
        ids, today = [host.id for host in hosts], now.date()
        items = prioritise(work, chosen.assessor, today, ids) if by is Grouping.PATCH else ()
        groups = group_by_weakness(work, today, ids) if by is Grouping.CWE else ()
        exceptions = work.exceptions.all()
        feeds = work.advisories.feeds()
        knowledge = Knowledge.of(hosts, work)
    answer = items or groups
    if json:
        output.print_json(answer[:first] if first else answer)
    else:
        rows = queue_rows(items) if by is Grouping.PATCH else weakness_rows(groups)
        output.print_table(rows[0], rows[1][:first] if first else rows[1])
        for line in exception_lines(exceptions, now.date()):
            output.say(line)
        for line in knowledge.gaps(0, chosen.releases, now.date()):
            output.say(line)
        for line in age_lines(feeds.values(), chosen.declared.feed_limits(), now):
            output.say(line)
        if answer:
            output.say("next: oakum snapshots create; then: oakum plan create")
        else:
            output.say("nothing that has a fix is left to do on what could be judged")
    if answer:
        raise typer.Exit(EXIT_WORK_TO_DO)
