"""oakum findings: which vulnerabilities expose which hosts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from oakum.core.advisories.cve import parse_cve
from oakum.core.errors import InputError
from oakum.core.ids import CveId, HostId
from oakum.core.inventory.facts import Facts
from oakum.core.inventory.host import Host
from oakum.core.matching.finding import Finding, FindingState
from oakum.core.text import counted
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import application
from oakum.entrypoints.cli.moments import parse_past
from oakum.entrypoints.cli.reconcile import reconcile
from oakum.entrypoints.cli.words import Knowledge, age_lines
from oakum.ports.stores import UnitOfWork
from oakum.services.choose import choose_hosts, require_sources
from oakum.services.list_findings import PART, About, FindingsReader, listed

SHOWN_GAPS = 3
CVE_WIDTH, NAME_WIDTH = 16, 26


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
    about = About(
        # A person is told as well what is left out.
        wanted_cve, package, moment, only_open=json and not every and state is None,
    )  # fmt: skip
    with chosen.begin() as work:
        hosts = {h.id: h for h in choose_hosts(host, work)}
        reader = FindingsReader.of(work, list(hosts), about)
        if package and not reader.is_about_some:
            require_sources([package], _facts_of(work, list(hosts)))
    seen = _Seen(_Filters(wanted_cve, package, state, every=every))
    with output.progress_beside("hosts listed", is_data_shown=True) as report:
        parts = (
            [f for of in part for f in of.findings if seen.take(f)]
            for part in listed(chosen.begin, reader, report)
        )
        if json:
            output.print_json_list(parts)
            return
        rows = ([_row(finding, hosts[finding.host]) for finding in part] for part in parts)
        count = output.print_rows(_columns(hosts.values()), rows)
    # It takes seconds to learn of a large fleet, for which the first lines need not wait.
    with chosen.begin() as work:
        feeds = work.advisories.feeds()
        knowledge = Knowledge.of(list(hosts.values()), work)
        scanned = work.facts.scanned(moment)
    output.say(
        f"{counted(count, 'finding')} on {counted(len(hosts), 'host')}, "
        f"{len(scanned & hosts.keys())} of them scanned"
        + (f" by {moment:%Y-%m-%d %H:%M} UTC" if moment else "")
    )
    for line in seen.left_out():
        output.say(line)
    if moment is not None:
        for name in sorted(hosts[identity].name for identity in hosts.keys() - scanned):
            output.say(f"nothing was known of {name} then")
        return
    for line in knowledge.gaps(SHOWN_GAPS, chosen.releases, now.date()):
        output.say(line)
    for line in age_lines(feeds.values(), chosen.declared.feed_limits(), now):
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


@dataclass
class _Seen:
    """What was seen of the findings while they went by."""

    filters: _Filters
    listed: int = 0
    others: int = 0
    unseen: int = 0
    """Fixed on disk, where memory could not be read."""

    def take(self, finding: Finding) -> bool:
        """Tell whether a finding is wanted, and count it."""
        is_wanted = self.filters.take(finding)
        self.listed += is_wanted
        self.others += not is_wanted
        self.unseen += finding.state is FindingState.FIXED_ON_DISK
        return is_wanted

    def left_out(self) -> Iterator[str]:
        """Give a line for what an empty or short list must not be taken for."""
        filters, found = self.filters, self.listed + self.others
        if self.unseen and filters.state is None:
            yield (
                f"{counted(self.unseen, 'finding')} fixed on disk, where memory could not be read: "
                f"--state '{FindingState.FIXED_ON_DISK.value}' shows them"
            )
        if filters.cve and not found:
            yield (
                f"{filters.cve} is in no advisory about what is installed there: the vendor has "
                "not named it, or it concerns nothing that these hosts have"
            )
        elif not self.listed and found and not filters.every:
            yield f"{counted(found, 'finding')} in other states: --all shows them too"


def _facts_of(work: UnitOfWork, hosts: Sequence[HostId]) -> Iterator[Facts]:
    """Give what hosts reported last, a part of them at a time."""
    for first in range(0, len(hosts), PART):
        yield from work.facts.latest_of(hosts[first : first + PART]).values()


def _columns(hosts: Iterable[Host]) -> Sequence[tuple[str, int]]:
    longest = max(len(state.value) for state in FindingState)
    names = max(len(host.name) for host in hosts)
    return (("host", names), ("CVE", CVE_WIDTH), ("package", NAME_WIDTH), ("state", longest),
            ("installed", NAME_WIDTH), ("fixed in", NAME_WIDTH), ("vendor", 0))  # fmt: skip


def _row(finding: Finding, host: Host) -> Sequence[str]:
    evidence = finding.evidence
    return (host.name, finding.cve, finding.source_name, finding.state.value,
            evidence.installed_version, evidence.fixed_version or "none",
            finding.no_dsa.value)  # fmt: skip
