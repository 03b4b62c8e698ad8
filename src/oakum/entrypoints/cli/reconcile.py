"""oakum findings reconcile: another scanner's report, held against Oakum's own findings."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from oakum.core.matching.finding import Finding
from oakum.core.reconciling.reconcile import HostComparison, Reconciliation
from oakum.core.reconciling.report import ScannerReport, ScannerResult
from oakum.core.text import counted, first_of
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import application
from oakum.entrypoints.cli.words import age_lines
from oakum.services.reconcile_report import reconcile_report

SHOWN_UNREADABLE = 5
SHOWN_HOSTS = 10


def reconcile(
    file: Annotated[Path, typer.Argument(help="A report; its content says of which scanner.")],
    host: Annotated[
        str, typer.Option(help="Whose report it is, where it names an image or a directory.")
    ] = "",
    every: Annotated[
        bool,
        typer.Option("--all", help="Also what both say, and everything open that it lacks."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare a scanner's report with the findings: what both say, and what only one says, and why.

    Reads reports of Nessus, OpenVAS, Qualys, Trivy, Grype and Vuls. Changes nothing.
    """
    chosen = application()
    report = chosen.read_report(file)
    with chosen.reading() as work:
        found = reconcile_report(report, work, host=host, every=every)
        feeds = work.advisories.feeds()
    if json:
        output.print_json(
            {
                "scanner": report.scanner,
                "made_at": report.made_at,
                "not_compared": report.not_compared,
                "unreadable": report.unreadable,
                "comparison": found,
            }
        )
        return
    for comparison in found.hosts:
        _show(comparison, every=every)
    for line in (*_about_report(report, found), *_left_over(found)):
        output.say(line)
    for line in age_lines(feeds.values(), chosen.declared.feed_limits(), chosen.clock.now()):
        output.say(line)


def _show(comparison: HostComparison, *, every: bool) -> None:
    more = f" (and {comparison.left_out} without a fix or minor)" if comparison.left_out else ""
    output.show(
        f"{comparison.host.name}: {len(comparison.agreed)} agreed, "
        f"{len(comparison.only_theirs)} only theirs, {len(comparison.only_ours)} only ours{more}",
        "bold",
    )
    if comparison.not_judged:
        output.show(f"  not judged: {comparison.not_judged}")
    if comparison.only_theirs:
        output.print_table(
            ("only theirs", "package", "they saw", "check", "Oakum says"),
            [
                (only.cve, *_theirs(only.theirs), _ids(only.theirs), only.reason)
                for only in comparison.only_theirs
            ],
        )
    if every and comparison.only_ours:
        output.print_table(
            ("only ours", "package", "state", "why"), [_ours(f) for f in comparison.only_ours]
        )
    if every and comparison.agreed:
        output.print_table(
            ("agreed", "package", "they saw", "check", "Oakum says"),
            [
                (
                    both.cve,
                    *_theirs(both.theirs),
                    _ids(both.theirs),
                    "; ".join(f"{f.source_name}: {f.state.value}" for f in both.ours),
                )
                for both in comparison.agreed
            ],
        )


def _theirs(results: Sequence[ScannerResult]) -> tuple[str, str]:
    """Return the packages of some results, and the versions that the scanner saw."""
    return (
        ", ".join(_once(result.package for result in results)) or "none named",
        ", ".join(_once(result.installed_version for result in results)),
    )


def _ids(results: Sequence[ScannerResult]) -> str:
    return ", ".join(_once(result.scanner_id for result in results))


def _once(words: Iterator[str]) -> list[str]:
    return [word for word in dict.fromkeys(words) if word]


def _ours(finding: Finding) -> tuple[str, ...]:
    return (finding.cve, finding.source_name, finding.state.value, finding.evidence.rule)


def _about_report(report: ScannerReport, found: Reconciliation) -> Iterator[str]:
    made = f" of {report.made_at:%Y-%m-%d %H:%M} UTC" if report.made_at else " without a date"
    yield (
        f"{report.scanner}{made}: {counted(len(report.results), 'result')} on "
        f"{counted(len(report.hosts), 'host')}, {len(found.hosts)} of them Oakum's"
    )
    if report.not_compared:
        yield (
            f"not compared: {counted(report.not_compared, 'result')} that the scanner names no "
            "CVE for, or itself calls closed or no weakness"
        )
    if report.unreadable:
        yield f"{counted(len(report.unreadable), 'record')} of the report cannot be used:"
        yield from (f"  {line}" for line in report.unreadable[:SHOWN_UNREADABLE])
        if len(report.unreadable) > SHOWN_UNREADABLE:
            yield "  …; --json has them all"


def _left_over(found: Reconciliation) -> Iterator[str]:
    for stranger in found.not_matched:
        known_as = (stranger.host.name or "a host without a name", *stranger.host.addresses)
        results = counted(len(stranger.results), "result")
        yield f"not matched: {', '.join(known_as)}: {stranger.reason} ({results})"
    if len(found.not_matched) == 1 and not found.hosts:
        yield "--host NAME says whose report it is"
    if found.not_reported:
        names = [host.name for host in found.not_reported]
        yield f"not in the report: {first_of(names, SHOWN_HOSTS)}"
