"""oakum rollback: put hosts back to exactly what they were."""

from typing import Annotated

import typer

from oakum.core.ids import HostId, RolloutId
from oakum.core.rollout.state import Phase, RunState, Wish
from oakum.core.text import counted
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import actor, application
from oakum.entrypoints.cli.rollout_view import drive
from oakum.services.start_rollout import Wanted, last_rollout_of, want


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rollback")(rollback)


def rollback(
    what: Annotated[str, typer.Argument(help="A rollout (all its hosts), or one host.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Roll back a rollout, or the last rollout of one host; verified like a deployment."""
    chosen = application(goes_on=True)
    rollout, hosts = _scope(what)
    asked = want(Wanted(rollout, Wish.ROLL_BACK, actor(), hosts), chosen.begin, chosen.clock)
    output.say(
        f"rolling back {what if asked.rollback_scope else 'every changed host'} of {rollout}"
    )
    if waiting := sum(found.state is RunState.PENDING for found in asked.runs):
        output.say(f"this ends {rollout}: {counted(waiting, 'host')} not begun, and skipped")
    drive(rollout, wanted=Phase.ROLLED_BACK, json=json)


def _scope(what: str) -> tuple[RolloutId, tuple[HostId, ...]]:
    chosen = application(goes_on=True)
    with chosen.reading() as work:
        if what == "latest" or what.startswith("rollout-"):
            return work.rollouts.get(what).id, ()
        host = work.hosts.named(what)
    return last_rollout_of(host.id, chosen.reading).id, (host.id,)
