"""oakum backtest: how the order would have done, and how the orders that others use."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from oakum.core.errors import InputError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Criticality, Exposure, Host
from oakum.core.risk.backtest import CAPACITY, Backtest, Choice, Result
from oakum.core.risk.gain import chance_margin
from oakum.core.risk.proportion import Share
from oakum.core.text import counted, one_line
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import application
from oakum.services.backtest_order import backtest_order

FEW = 30
"""With fewer outcomes, intervals are so wide that most orders cannot be told apart."""
FILES = typer.Option(help="A KEV catalogue (JSON), as CISA published it by the day.")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("backtest")(backtest)


def backtest(
    kev: Annotated[Path, FILES],
    until_kev: Annotated[Path, typer.Option(help="A later one: its additions are the outcome.")],
    advisories: Annotated[
        list[Path], typer.Option(help="Debian's DSA or DLA list; may be given again.")
    ],
    epss: Annotated[
        Path | None, typer.Option(help="EPSS scores (CSV) of the day, or of one before it.")
    ] = None,
    cvss: Annotated[
        list[Path] | None,
        typer.Option(
            help="A tar of CVE records (CVSS and SSVC), or a CSV cve,vector,source, of the day "
            "or before it; may be given again, and the first that knows a CVE counts."
        ),
    ] = None,
    on: Annotated[str, typer.Option(help="The day: 2025-08-25; else that of KEV or EPSS.")] = "",
    release: Annotated[
        list[str] | None,
        typer.Option(help="Only fixes in this release, `bookworm`; may be given again."),
    ] = None,
    exposure: Annotated[Exposure, typer.Option(help="Of the host in mind.")] = Exposure.OPEN,
    criticality: Annotated[
        Criticality, typer.Option(help="Of the host in mind.")
    ] = Criticality.MEDIUM,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Judge the order as of a past day by what was exploited after it, beside other orders.

    The cases are the CVEs that an advisory of Debian had fixed by the day; the outcome is those of
    them that CISA's KEV catalogue took up later. Files may be packed with gzip or xz.
    """
    chosen = application()
    day = _day(on)
    feeds = chosen.feeds.frozen(kev, until_kev, epss, cvss or (), advisories)
    found = backtest_order(feeds, chosen.assessor, _host(exposure, criticality), day, release or ())
    if json:
        output.print_json(found)
        return
    for line in _heading(found):
        output.show(line)
    output.show()
    output.print_table(
        (
            *("order", "CVEs", "patches", "effort", "efficiency", "coverage", "by patches"),
            *(f"first {found.equal_effort}", f"first {CAPACITY:.0%}", "equals", "area"),
        ),
        [_row(result, len(found.exploited)) for result in found.results],
    )
    for line in _caveats(found, len(feeds.unreadable)):
        output.say(line)


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        shown = one_line(text, 40)
        raise InputError(f"--on {shown!r} is no date", hint="write it like 2025-08-25") from error


def _host(exposure: Exposure, criticality: Criticality) -> Host:
    never = datetime(1970, 1, 1, tzinfo=UTC)
    return Host(
        HostId("reference"), "the host in mind", "", 0, "", "", never,
        exposure=exposure, criticality=criticality,
    )  # fmt: skip


def _heading(found: Backtest) -> Iterator[str]:
    exploited = len(found.exploited)
    yield f"as of {found.on}, by what KEV listed after it until {found.until}"
    yield (
        f"{found.cves} CVEs had been fixed by an advisory; {exploited} of them were listed later "
        f"(n = {exploited}), {found.listed_before} had been listed before"
    )
    yield (
        f"known on the day: CVSS of {found.with_cvss}, SSVC of {found.with_ssvc}, "
        f"EPSS of {found.with_epss}"
    )
    if found.exploited:
        yield f"listed later: {', '.join(found.exploited)}"


def _row(result: Result, exploited: int) -> tuple[str, ...]:
    return (
        result.strategy,
        *_chosen(result.choice),
        f"{result.at_equal_effort:.1f} of {exploited}",
        f"{result.at_capacity:.1f} of {exploited}",
        str(result.largest_tie),
        f"{result.area:.2f}" if result.area is not None else "unknown",
    )


def _chosen(choice: Choice | None) -> tuple[str, str, str, str, str, str]:
    if choice is None:
        return ("no line", "", "", "", "", "")
    return (
        str(choice.cves),
        str(choice.patches),
        f"{choice.effort:.1%}",
        _share(choice.efficiency),
        _share(choice.coverage),
        f"{_hits(choice.patch_coverage)} (of all {choice.fixed_by_patches:.0%})",
    )


def _share(share: Share | None) -> str:
    if share is None:
        return "unknown"
    return f"{share.hits}/{share.of} ({share.low:.1%} to {share.high:.1%})"


def _hits(share: Share | None) -> str:
    return "unknown" if share is None else f"{share.hits}/{share.of}"


def _caveats(found: Backtest, unreadable: int) -> Iterator[str]:
    exploited = len(found.exploited)
    if exploited == 0:
        yield "none of them was listed later: this says nothing about any order"
    elif exploited < FEW:
        yield (
            f"n = {exploited} is small: orders whose intervals (95 %, exact) overlap cannot be "
            "told apart by it"
        )
    if exploited:
        margin = chance_margin(exploited)
        yield (
            f"area: chance alone gives {max(0, 0.5 - margin):.2f} to {min(1, 0.5 + margin):.2f} "
            "in 95 cases of 100"
        )
    yield "equals: the most CVEs that the order puts into one place"
    if not found.with_epss:
        yield "EPSS is left out: no scores of the day were given"
    if found.with_cvss or found.with_ssvc:
        yield f"CVSS and SSVC name no day: that their files are not of after {found.on} is assumed"
    if found.equal_effort:
        yield (
            f"first {found.equal_effort}: hits among as many as Oakum's urgent lanes hold; "
            f"first {CAPACITY:.0%}: among what the median organisation closes in a month"
        )
    yield (
        "by patches: what the patches of the chosen CVEs fix at once on a host on which all of it "
        "is open; chance would cover as much as they fix of all"
    )
    yield "KEV, and urgent lanes by it, hold what was exploited before: no outcome can be in them"
    if unreadable:
        yield f"{counted(unreadable, 'record')} could not be read"
