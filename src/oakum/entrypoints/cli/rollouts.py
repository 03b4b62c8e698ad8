"""oakum rollout: carry an approved plan out, ring by ring."""

from collections.abc import Sequence
from typing import Annotated

import typer

from oakum.core.ids import RolloutId
from oakum.core.rollout.state import Phase, Wish
from oakum.core.text import counted
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import actor, application, run
from oakum.entrypoints.cli.rollout_view import drive, look, show_rollout
from oakum.services.choose import choose_hosts
from oakum.services.compare_conffiles import ConffileComparer, HostDiffs
from oakum.services.order_plan import require_signatures
from oakum.services.require_freshness import require_freshness
from oakum.services.start_rollout import Wanted, start_rollout, want

app = typer.Typer(help="Start, watch, pause, resume and abort rollouts.", no_args_is_help=True)

ASKED_AT_ONCE = 50
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Which = Annotated[str, typer.Argument(help="Its id or the beginning of it; `latest`.")]
Plan = Annotated[str, typer.Argument(help="A plan: its id or the beginning of it; `latest`.")]


@app.command()
def start(plan: Plan, json: Json = False) -> None:
    """Start a rollout of an approved plan, and drive it until it ends or is paused.

    If this command ends early, `oakum rollout watch` takes the rollout up where it stands.
    Exit status 0 says that every host was changed and is well.
    """
    chosen = application()
    with chosen.reading() as work:
        found = work.plans.get(plan)
        access = chosen.snapshots.access(work.snapshots.get(found.snapshot))
        require_signatures(found, access, work)
    release = found.release
    require_freshness(chosen.reading, chosen.declared.refusal_limits(release), chosen.clock)
    chosen.snapshots.require_served()
    rollout = start_rollout(plan, actor(), chosen.begin, chosen.clock)
    output.say(f"{rollout.id} is started")
    drive(rollout.id, json=json)


@app.command()
def watch(
    which: Which = "latest",
    only_look: Annotated[
        bool, typer.Option(help="Do not drive it; show how another controller does.")
    ] = False,
    json: Json = False,
) -> None:
    """Take a rollout up where it stands and drive it, or look at it."""
    rollout = _id(which)
    if only_look:
        look(rollout, json=json)
    else:
        drive(rollout, json=json)


@app.command("list")
def list_rollouts(json: Json = False) -> None:
    """List rollouts, oldest first; `oakum rollout show` has the hosts of one."""
    with application().reading() as work:
        rollouts = work.rollouts.outlines()
    if json:
        output.print_json(rollouts)
        return
    rows = [
        (r.id, r.plan, r.phase.value, f"{r.started_at:%Y-%m-%d %H:%M}", r.hosts, r.reason)
        for r in rollouts
    ]
    output.print_table(("rollout", "plan", "phase", "started (UTC)", "hosts", "why"), rows)


@app.command()
def show(which: Which = "latest", json: Json = False) -> None:
    """Show how a rollout and each of its hosts stand."""
    with application().reading() as work:
        rollout = work.rollouts.get(which)
    if json:
        output.print_json(rollout)
    else:
        show_rollout(rollout)


@app.command()
def conffiles(
    which: Which = "latest",
    limit: Annotated[str, typer.Option(help="Of these hosts only: role:web.")] = "",
    json: Json = False,
) -> None:
    """Show how configuration files that hosts kept as changed differ from their new versions.

    Hosts are asked now; what they answer is stored nowhere.
    """
    chosen = application()
    with chosen.reading() as work:
        rollout, hosts = work.rollouts.get(which), choose_hosts(limit, work)
    with output.progress_bar() as progress:
        comparer = ConffileComparer(
            chosen.transport, chosen.package_manager, ASKED_AT_ONCE, progress
        )
        answers = run(comparer.compare(rollout.runs, hosts))
    if json:
        output.print_json(
            [{"host": a.host.name, "diffs": a.diffs, "problem": a.problem} for a in answers]
        )
    else:
        _show_diffs(answers)
    if any(answer.problem for answer in answers):
        raise typer.Exit(1)


def _show_diffs(answers: Sequence[HostDiffs]) -> None:
    """Show each difference once, with all hosts that have it."""
    same: dict[str, list[str]] = {}
    for answer in answers:
        if answer.problem:
            output.say(f"{answer.host.name}: {answer.problem}")
        elif answer.diffs:
            same.setdefault(answer.diffs, []).append(answer.host.name)
    for diffs, names in same.items():
        output.show(f"{', '.join(names)}:")
        output.write(f"{diffs}\n")
    asked = sum(not answer.problem for answer in answers)
    kept = sum(map(len, same.values()))
    output.say(f"{kept} of {counted(asked, 'changed host')} kept configuration files of their own")


@app.command()
def pause(which: Which = "latest", json: Json = False) -> None:
    """Let what runs end, and start nothing new; whoever drives it does so at its next step."""
    rollout = _want(which, Wish.PAUSE)
    if json:
        show(rollout, json=True)


@app.command()
def resume(which: Which = "latest", json: Json = False) -> None:
    """Go on with a paused rollout, and drive it."""
    drive(_want(which, Wish.RESUME), json=json)


@app.command()
def abort(which: Which = "latest", json: Json = False) -> None:
    """End a rollout; hosts that are at work end first, and changed ones stay as they are."""
    drive(_want(which, Wish.ABORT), wanted=Phase.ABORTED, json=json)


def _want(which: str, wish: Wish) -> RolloutId:
    chosen = application(goes_on=True)
    rollout = want(Wanted(which, wish, actor()), chosen.begin, chosen.clock)
    output.say(f"{rollout.id}: {wish.value} is asked for")
    return rollout.id


def _id(which: str) -> RolloutId:
    with application(goes_on=True).reading() as work:
        return work.rollouts.get(which).id
