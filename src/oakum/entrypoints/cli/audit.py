"""oakum audit: what was done, by whom, and the proof that the record is whole."""

from typing import Annotated

import typer

from oakum.core.errors import TrustError
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import application

app = typer.Typer(help="Read and check the audit log.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_events(
    subject: Annotated[str, typer.Option(help="Only events about this host, plan …")] = "",
    json: Json = False,
) -> None:
    """List events, oldest first."""
    with application().reading() as work:
        events = work.audit.events(subject=subject or None)
    if json:
        output.print_json(events)
        return
    rows = [
        (e.sequence, f"{e.at:%Y-%m-%d %H:%M:%S}", e.actor, e.action.value, e.subject, e.digest[:12])
        for e in events
    ]
    output.print_table(("#", "at (UTC)", "who", "what", "subject", "digest"), rows)


@app.command()
def verify(json: Json = False) -> None:
    """Check every link of the chain; name the first that does not hold."""
    with application().reading() as work:
        links, fault = work.audit.verify()
        head = work.audit.head()
    if json:
        output.print_json({"links": links, "head": head, "fault": fault})
    if fault is not None:
        raise TrustError(
            f"the audit log does not hold: {fault} ({links} events before it do)",
            hint="keep the database as it is, and compare it with a backup: who wrote to it?",
        )
    if not json:
        output.show(f"{links} events, every link holds; head {head}")
