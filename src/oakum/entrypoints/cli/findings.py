"""oakum findings: which vulnerabilities expose which hosts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from oakum.core.advisories.cve import parse_cve
from oakum.core.errors import InputError
from oakum.core.ids import CveId, HostId
from oakum.core.inventory.host import Host
from oakum.core.matching.finding import Finding, FindingState
from oakum.core.text import counted
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import application
from oakum.entrypoints.cli.moments import parse_past
from oakum.entrypoints.cli.reconcile import reconcile
from oakum.entrypoints.cli.words import Knowledge, age_lines
from oakum.services.choose import choose_hosts, require_sources
from oakum.services.find_exposure import findings_about

SHOWN_GAPS = 3


def register(app: typer.Typer) -> None:
    """Add the command, and its form for another scanner's report."""
    group = typer.Typer()
    group.callback(invoke_without_command=True)(findings)
    group.command("reconcile")(reconcile)
    app.add_typer(group, name="findings")


def findings(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Only hosts that this selects.")] = "",
    cve: Annotated[str, typer.Option(help="Only this CVE.")] = "",
    package: Annotated[str, typer.Option(help="Only this source package.")] = "",
    state: Annotated[
        FindingState | None, typer.Option(help="Only this state, in the words of the output.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also what is fixed, not affected or unimportant.")
    ] = False,
    as_of: Annotated[
        str, typer.Option(help="What was known at that moment: a date (its end, UTC), or ISO 8601.")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List findings: open ones, without those that the vendor calls unimportant.

    `oakum findings reconcile` holds another scanner's report against them.
    """
    if context.invoked_subcommand is not None:
        if any((host, cve, package, state, every, as_of, json)):
            raise InputError(f"options stand after the word {context.invoked_subcommand}")
        return
    chosen, wanted_cve = application(), parse_cve(cve) if cve else None
    now = chosen.clock.now()
    moment = parse_past(as_of, "--as-of", now) if as_of else None
    with chosen.begin() as work:
        hosts = {h.id: h for h in choose_hosts(host, work)}
        found = findings_about(work, hosts, wanted_cve, package, moment)
        feeds = work.advisories.feeds()
        knowledge = Knowledge.of(list(hosts.values()), work)
        scanned = work.facts.scanned(moment)
        if package:
            require_sources([package], work.facts.latest_of(hosts).values())
    filters = _Filters(wanted_cve, package, state, every=every)
    listed = [finding for finding in found if filters.take(finding)]
    if json:
        output.print_json(listed)
        return
    _show(listed, hosts)
    output.say(
        f"{counted(len(listed), 'finding')} on {counted(len(hosts), 'host')}, "
        f"{len(scanned & hosts.keys())} of them scanned"
        + (f" by {moment:%Y-%m-%d %H:%M} UTC" if moment else "")
    )
    for line in filters.left_out(found, listed):
        output.say(line)
    if moment is not None:
        for name in sorted(hosts[identity].name for identity in hosts.keys() - scanned):
            output.say(f"nothing was known of {name} then")
        return
    for line in knowledge.gaps(SHOWN_GAPS, chosen.releases, now.date()):
        output.say(line)
    for line in age_lines(feeds.values(), chosen.feed_limits(), now):
        output.say(line)


@dataclass(frozen=True, slots=True)
class _Filters:
    """What a person wants to see of the findings, and what that leaves out."""

    cve: CveId | None
    package: str
    state: FindingState | None
    every: bool

    def take(self, finding: Finding) -> bool:
        """Tell whether a finding is wanted."""
        is_news = finding.state.is_open and not finding.is_minor
        return (
            (self.every or self.state is not None or is_news)
            and self.cve in (None, finding.cve)
            and self.package in ("", finding.source_name)
            and self.state in (None, finding.state)
        )

    def left_out(self, found: Sequence[Finding], listed: Sequence[Finding]) -> Iterator[str]:
        """Give a line for what an empty or short list must not be taken for."""
        unseen = sum(finding.state is FindingState.FIXED_ON_DISK for finding in found)
        if unseen and self.state is None:
            yield (
                f"{counted(unseen, 'finding')} fixed on disk, where memory could not be read: "
                f"--state '{FindingState.FIXED_ON_DISK.value}' shows them"
            )
        if self.cve and not any(finding.cve == self.cve for finding in found):
            yield (
                f"{self.cve} is in no advisory about what is installed there: the vendor has not "
                "named it, or it concerns nothing that these hosts have"
            )
        elif not listed and found and not self.every:
            yield f"{counted(len(found), 'finding')} in other states: --all shows them too"


def _show(listed: Sequence[Finding], hosts: Mapping[HostId, Host]) -> None:
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
        for f in listed
    ]
    output.print_table(("host", "CVE", "package", "state", "installed", "fixed in", "vendor"), rows)
