"""oakum reconcile: what another scanner says, beside what Oakum says."""

from pathlib import Path
from typing import Annotated

import typer

from oakum.core.reconciling.reconcile import Comparison, HostComparison
from oakum.core.reconciling.report import ScannerReport
from oakum.core.text import counted
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import application
from oakum.services.reconcile_report import reconcile_report

SHOWN_PLACES = 3


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("reconcile")(reconcile)


def reconcile(
    report: Annotated[Path, typer.Argument(metavar="REPORT", help="The scanner's file.")],
    host: Annotated[
        str, typer.Option(help="Whom a report of one system is about: an image, a directory.")
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="Also what only Oakum found.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare a report of Nessus, OpenVAS, Qualys, Trivy, Grype or Vuls with Oakum's findings.

    For each host: what both found, what only the scanner found and why Oakum does not, and what
    only Oakum found.
    """
    chosen = application()
    read = chosen.read_report(report)
    with chosen.begin() as work:
        found = reconcile_report(read, host, work)
    if json:
        output.print_json({"report": read, "comparison": found})
        return
    for compared in found.hosts:
        _show(compared, every=every)
    _tell(read, found)


def _show(compared: HostComparison, *, every: bool) -> None:
    theirs, ours = compared.only_theirs, compared.only_ours
    output.show(
        f"{compared.host.name}: {len(compared.agreed)} agreed, {len(theirs)} only theirs, "
        f"{len(ours)} only ours"
    )
    rows: list[tuple[object, ...]] = [
        ("only theirs", entry.result.cve, entry.result.package, entry.why) for entry in theirs
    ]
    if every:
        rows += [
            ("only ours", f.cve, f.source_name, f"{f.state.value}: {f.evidence.rule}") for f in ours
        ]
    if rows:
        output.print_table(("who", "CVE", "package", "why"), rows)


def _tell(report: ScannerReport, found: Comparison) -> None:
    made = f" of {report.made_at:%Y-%m-%d}" if report.made_at else ""
    output.say(
        f"{report.scanner} report{made}: {counted(len(report.results), 'result')} with a CVE, "
        f"{report.without_cve} without, on {counted(len(report.hosts), 'host')}"
    )
    for scanned, why in found.strangers:
        output.say(f"not compared: {scanned.name}: {why}")
    if report.unreadable:
        output.say(f"{len(report.unreadable)} records could not be read")
        for place in report.unreadable[:SHOWN_PLACES]:
            output.say(f"  {place}")
