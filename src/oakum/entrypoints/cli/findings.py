"""oakum findings: which vulnerabilities expose which hosts."""

from typing import Annotated

import typer

from oakum.core.inventory.selector import parse_selector
from oakum.core.matching.finding import Finding, FindingState
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import application
from oakum.entrypoints.cli.words import Knowledge, age_lines

SHOWN_GAPS = 3


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("findings")(findings)


def findings(
    host: Annotated[str, typer.Option(help="Only hosts that this selects.")] = "",
    cve: Annotated[str, typer.Option(help="Only this CVE.")] = "",
    package: Annotated[str, typer.Option(help="Only this source package.")] = "",
    state: Annotated[FindingState | None, typer.Option(help="Only this state.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also what is fixed, not affected or unimportant.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List findings: open ones, without those that the vendor calls unimportant."""
    chosen, selector = application(), parse_selector(host)
    with chosen.begin() as work:
        hosts = {h.id: h for h in work.hosts.all() if selector.matches(h)}
        found = work.findings.of(hosts)
        feeds = work.advisories.feeds()
        knowledge = Knowledge.of(list(hosts.values()), work)

    def wanted(finding: Finding) -> bool:
        shown = every or state is not None or (finding.state.is_open and not finding.is_minor)
        return (
            shown
            and cve in ("", finding.cve)
            and package in ("", finding.source_name)
            and state in (None, finding.state)
        )

    chosen_findings = [finding for finding in found if wanted(finding)]
    if json:
        output.print_json(chosen_findings)
        return
    rows = [
        (
            hosts[f.host].name,
            f.cve,
            f.source_name,
            f.state.value,
            f.evidence.installed_version,
            f.evidence.fixed_version or "none",
            f.no_dsa.value,
        )
        for f in chosen_findings
    ]
    output.print_table(("host", "CVE", "package", "state", "installed", "fixed in", "vendor"), rows)
    output.say(f"{len(chosen_findings)} findings")
    for line in knowledge.gaps(SHOWN_GAPS):
        output.say(line)
    for line in age_lines(feeds.values(), chosen.feed_limits(), chosen.clock.now()):
        output.say(line)
