"""oakum scan: ask the fleet, or this machine."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from oakum.core.ids import HostId
from oakum.core.inventory.host import Host
from oakum.core.inventory.support import ended_or_ending
from oakum.core.matching.coverage import Covered, coverage, outline_of
from oakum.core.matching.finding import FindingState
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import actor, application, run
from oakum.entrypoints.cli.words import age_lines, queue_rows, tally_line
from oakum.services.choose import choose_hosts
from oakum.services.judge_host import Judgement, judge_host
from oakum.services.match_fleet import match_fleet
from oakum.services.scan_fleet import Scanner, ScanResult

EXIT_WORK_TO_DO = 100
SCAN_CONCURRENCY = 50
SHOWN_PATCHES = 10


def register(app: typer.Typer) -> None:
    """Add the command and its form for this machine."""
    group = typer.Typer(help="Ask hosts what they run, and match it with advisories.")
    group.callback(invoke_without_command=True)(scan)
    group.command("local")(scan_local)
    app.add_typer(group, name="scan")


def scan(
    context: typer.Context,
    limit: Annotated[str, typer.Option(help="For example: role:web not label:frozen.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Scan the fleet; `oakum scan local` judges this machine."""
    if context.invoked_subcommand is not None:
        return
    chosen = application()
    with chosen.reading() as work:
        hosts = choose_hosts(limit, work)
        has_advisories = bool(work.advisories.feeds())
    if not has_advisories:
        output.say(
            "no advisories are here yet, so nothing will be found: run `oakum advisories update` "
            "too, or `oakum advisories update --offline shipped`"
        )
    with output.progress_bar() as progress:
        scanner = Scanner(
            chosen.writer,
            chosen.transport,
            chosen.collector,
            chosen.clock,
            actor(),
            SCAN_CONCURRENCY,
            progress,
        )
        result = run(scanner.scan(hosts))
    matched = match_fleet(chosen.begin, chosen.clock, actor()) if has_advisories else None
    if json:
        output.print_json(
            {
                "scanned": len(result.facts),
                "failures": result.failures,
                "findings": matched and matched.tally.by_state,
            }
        )
    else:
        with chosen.reading() as work:
            covered = work.advisories.covered()
        _show(hosts, result, covered)
        run_there = (known.distribution.named for known in result.facts.values())
        for line in ended_or_ending(run_there, chosen.releases, chosen.clock.now().date()):
            output.say(line)
        if matched is not None:
            output.say(f"{tally_line(matched)}; `oakum queue` says what to do first")
    if result.failures:
        raise typer.Exit(1)


def _show(hosts: Sequence[Host], result: ScanResult, covered: Covered) -> None:
    rows = []
    for host in hosts:
        facts = result.facts.get(host.id)
        if facts is not None:
            unknown = len(coverage(outline_of(facts), covered).unknown)
            old = len(facts.stale_processes)
            rows.append((host.name, facts.distribution.label, len(facts.packages), old, unknown))
    output.print_table(("host", "system", "packages", "old in memory", "unknown"), rows)
    names = {host.id: host.name for host in hosts}
    for failure in result.failures:
        output.say(f"{names[failure.host]}: {failure.reason}")
        output.say(f"  hint: {failure.hint}")
    for machine, clones in result.clones:
        output.say(f"warning: {', '.join(clones)} have the same machine-id {machine}: clones?")
    output.say(f"{len(result.facts)} of {len(hosts)} hosts scanned")


def scan_local(
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Judge this machine with the shipped advisories: no fleet, no root, no configuration."""
    chosen = application()
    now = chosen.clock.now()
    host = Host(
        HostId("local"), "this machine", "localhost", 0, "", "", datetime(1970, 1, 1, tzinfo=UTC)
    )

    async def collect() -> Judgement:
        async with chosen.local_transport.connect(host) as session:
            facts = await chosen.collector.collect(session, now=now)
        return judge_host(host, facts, chosen.feeds.shipped_advisories, chosen.assessor, now.date())

    judged = run(collect())
    if json:
        output.print_json(judged)
    else:
        _show_judgement(judged)
        release = judged.facts.distribution.named
        for line in ended_or_ending([release], chosen.releases, now.date()):
            output.say(line)
        for line in age_lines(judged.feeds, chosen.declared.feed_limits(), now):
            output.say(line)
    if judged.queue:
        raise typer.Exit(EXIT_WORK_TO_DO)


def _show_judgement(judged: Judgement) -> None:
    facts = judged.facts
    output.show(
        f"{facts.hostname}: {facts.distribution.pretty_name}, kernel {facts.kernel.release}"
    )
    counts = dict.fromkeys(FindingState, 0)
    for finding in judged.findings:
        if not finding.is_minor:
            counts[finding.state] += 1
    output.show(f"{len(facts.packages)} packages, {judged.coverage.judged} judged")
    for state, count in counts.items():
        if count and (state.is_open or state is FindingState.FIXED_ON_DISK):
            output.show(f"  {count:>6}  {state.value}")
    if judged.queue:
        shown = judged.queue[:SHOWN_PATCHES]
        output.show("")
        output.show(f"{len(judged.queue)} patches to apply; the first {len(shown)}:")
        output.print_table(*queue_rows(shown))
    elif judged.coverage.judged:
        output.show("  nothing that has a fix is left to do on what could be judged")
    else:
        output.show("  this machine could not be judged: see below")
    for what, why in judged.coverage.unknown[:5]:
        output.say(f"not judged: {what}: {why}")
    if len(judged.coverage.unknown) > 5:  # noqa: PLR2004 (as above)
        output.say(f"not judged: {len(judged.coverage.unknown) - 5} more; --json lists them")
