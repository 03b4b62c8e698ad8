"""oakum queue: what to patch first, and why."""

from typing import Annotated

import typer

from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import application
from oakum.entrypoints.cli.words import Knowledge, age_lines, exception_lines, queue_rows
from oakum.services.choose import choose_hosts
from oakum.services.prioritise_findings import prioritise

EXIT_WORK_TO_DO = 100


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("queue")(queue)


def queue(
    limit: Annotated[str, typer.Option(help="Only hosts that this selects.")] = "",
    first: Annotated[int, typer.Option(min=0, help="Only so many patches; 0 for all.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List patches in the order in which to apply them, with the share of risk that each removes.

    Exit status 100 says that there is something to do.
    """
    chosen = application()
    now = chosen.clock.now()
    with chosen.begin() as work:
        hosts = choose_hosts(limit, work)
        items = prioritise(work, chosen.assessor, now.date(), [host.id for host in hosts])
        exceptions = work.exceptions.all()
        feeds = work.advisories.feeds()
        knowledge = Knowledge.of(hosts, work)
    shown = items[:first] if first else items
    if json:
        output.print_json(shown)
    else:
        output.print_table(*queue_rows(shown))
        for line in exception_lines(exceptions, now.date()):
            output.say(line)
        for line in knowledge.gaps(0, chosen.releases, now.date()):
            output.say(line)
        for line in age_lines(feeds.values(), chosen.feed_limits(), now):
            output.say(line)
        if items:
            output.say("next: oakum snapshots create; then: oakum plan create")
        else:
            output.say("nothing that has a fix is left to do on what could be judged")
    if items:
        raise typer.Exit(EXIT_WORK_TO_DO)
