"""oakum advisories: what vendors and public lists say, and how old it is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from oakum.core.advisories.feed import FeedName
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import actor, application
from oakum.entrypoints.cli.words import age_lines, tally_line
from oakum.services.bundle_advisories import bundle_advisories
from oakum.services.match_fleet import MatchResult, match_fleet
from oakum.services.update_advisories import AdvisoryUpdater, FeedOutcome

app = typer.Typer(help="Renew advisories, and see their age.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def update(
    offline: Annotated[
        str, typer.Option(help="A bundle: a directory, a tar, or `shipped` for Oakum's own.")
    ] = "",
    feed: Annotated[list[FeedName] | None, typer.Option(help="Only these feeds.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="A file of the one --feed, as its source publishes it.")
    ] = None,
    allow_older: Annotated[
        bool, typer.Option(help="Replace data with older data too, for example to go back.")
    ] = False,
    unsigned: Annotated[
        bool, typer.Option(help="Take a bundle that nobody signed: anybody may have made it.")
    ] = False,
    json: Json = False,
) -> None:
    """Renew every feed; one that fails keeps its last good copy, and the others go on."""
    chosen = application()
    with chosen.locks.hold("advisories", "oakum advisories update"), output.progress_bar() as bar:
        updater = AdvisoryUpdater(chosen.begin, chosen.clock, actor(), bar, allow_older=allow_older)
        source = chosen.feeds.source(offline, file, feed or (), bar, may_be_unsigned=unsigned)
        outcomes = updater.update(source, feed or ())
    _tell(outcomes)
    failed = any(outcome.state is None for outcome in outcomes)
    matched = None if all(outcome.state is None for outcome in outcomes) else _match()
    if json:
        output.print_json(
            {
                "feeds": [
                    {
                        "feed": outcome.feed,
                        "state": outcome.state,
                        "unreadable": outcome.unreadable,
                        "error": outcome.error and outcome.error.message,
                    }
                    for outcome in outcomes
                ],
                "findings": matched and matched.tally.by_state,
            }
        )
    if failed:
        raise typer.Exit(1)


def _tell(outcomes: Sequence[FeedOutcome]) -> None:
    for outcome in outcomes:
        if outcome.state is not None:
            state, unreadable = outcome.state, len(outcome.unreadable)
            output.say(
                f"{state.feed.value}: {state.records} records as of {state.data_as_of:%Y-%m-%d}"
                + (f"; {unreadable} could not be read" if unreadable else "")
            )
            for place in outcome.unreadable[:3]:
                output.say(f"  {place}")
        elif outcome.error is not None:
            output.say(f"{outcome.feed.value}: {outcome.error.message}")
            output.say(f"  hint: {outcome.error.hint or 'the last good copy stays in use'}")


@app.command()
def bundle(
    path: Annotated[Path, typer.Argument(help="The file to write, for example feeds.tar.")],
    json: Json = False,
) -> None:
    """Write what was loaded here into one signed file, for places without a network."""
    chosen = application()
    with chosen.locks.hold("advisories", "oakum advisories bundle"):
        done = bundle_advisories(
            chosen.begin, chosen.feeds.bundle_writer(path), path.name, chosen.clock, actor()
        )
    for state in done.missing:
        output.say(
            f"{state.feed.value} is not in it: its original bytes are not kept here; "
            "load it again, and write the bundle then"
        )
    if json:
        output.print_json({"written": done.written, "missing": done.missing})
    else:
        for state in done.written:
            output.show(f"{state.feed.value}: as of {state.data_as_of:%Y-%m-%d}")
        output.show(f"written to {path}; whoever loads it needs `oakum advisories key`")


@app.command()
def key(json: Json = False) -> None:
    """Print the public key that bundles of this installation are signed with."""
    public = application().feeds.bundle_key.public_key().rstrip()
    if json:
        output.print_json({"key": public})
    else:
        output.show(public)


@app.command()
def status(json: Json = False) -> None:
    """Show each feed, its date and its age."""
    chosen = application()
    with chosen.reading() as work:
        feeds = work.advisories.feeds()
    if json:
        output.print_json(feeds)
        return
    for line in age_lines(feeds.values(), chosen.declared.feed_limits(), chosen.clock.now()):
        output.show(line)
    for state in feeds.values():
        output.show(f"  {state.feed.value}: {state.records} records, {state.origin}")
        if state.error:
            output.show(f"  {state.feed.value}: the last try to renew it failed: {state.error}")
    for feed in chosen.configuration.advisories.fetched():
        if feed not in feeds:
            output.show(f"{feed.value}: none yet; run `oakum advisories update`")


def _match() -> MatchResult:
    """Count the fleet's findings anew."""
    chosen = application()
    matched = match_fleet(chosen.begin, chosen.clock, actor())
    output.say(tally_line(matched))
    return matched
