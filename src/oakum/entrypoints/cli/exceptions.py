"""oakum exceptions: who answers for not patching what, and until when."""

from datetime import date
from typing import Annotated

import typer

from oakum.core.advisories.cve import parse_cve
from oakum.core.errors import InputError
from oakum.core.risk.exceptions import RiskException
from oakum.core.text import one_line
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import actor, application
from oakum.services.manage_exceptions import Wanted, add_exception, remove_exception

app = typer.Typer(help="Take work out of the queue for a while, on record.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def add(
    owner: Annotated[str, typer.Option(help="Who answers for it.")],
    reason: Annotated[str, typer.Option(help="Why it is not patched, and what protects it.")],
    until: Annotated[str, typer.Option(help="The last day: 2027-03-31. At most a year away.")],
    cve: Annotated[str, typer.Option(help="Only this CVE.")] = "",
    package: Annotated[str, typer.Option(help="Only this source package.")] = "",
    limit: Annotated[str, typer.Option(help="Only hosts that this selects.")] = "",
    json: Json = False,
) -> None:
    """Except a CVE, a package or both from the queue; its findings stay."""
    chosen = application()
    wanted = Wanted(parse_cve(cve) if cve else None, package, limit, owner, reason, _day(until))
    added = add_exception(wanted, chosen.begin, chosen.clock, actor())
    if json:
        output.print_json(added)
    output.say(f"{added.id}: {added.what} is excepted until {added.until}")


@app.command("list")
def list_(json: Json = False) -> None:
    """Show every exception, and which have run out."""
    chosen = application()
    today = chosen.clock.now().date()
    with chosen.reading() as work:
        found = work.exceptions.all()
    if json:
        output.print_json(found)
        return
    output.print_table(
        ("exception", "what", "hosts", "owner", "until", "reason"),
        [_row(exception, today) for exception in found],
    )


@app.command()
def remove(name: Annotated[str, typer.Argument(metavar="EXCEPTION")], json: Json = False) -> None:
    """Take an exception back: what it covered is due again."""
    chosen = application()
    remove_exception(name, chosen.begin, chosen.clock, actor())
    if json:
        output.print_json({"removed": name})
    output.say(f"{one_line(name)} is removed; `oakum queue` has what it covered")


def _row(exception: RiskException, today: date) -> tuple[object, ...]:
    until = str(exception.until) if exception.holds(today) else f"{exception.until}, RUN OUT"
    hosts = exception.hosts or "all"
    return (exception.id, exception.what, hosts, exception.owner, until, exception.reason)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            f"--until {one_line(text, 40)!r} is no day", hint="write: 2027-03-31"
        ) from error
