"""oakum rehearse: carry a plan out, undo it and carry it out again, on twins of production."""

from typing import Annotated

import typer

from oakum.core.staging.check import Verdict
from oakum.core.staging.rehearsal import StageResult
from oakum.core.text import seconds_in_words
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import actor, application, run
from oakum.entrypoints.cli.plan_view import show_rehearsal


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rehearse")(rehearse)


def rehearse(
    which: Annotated[str, typer.Argument(help="A plan: its id, the beginning of it; `latest`.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Rehearse a plan on a twin of each of its host classes, and keep the verdict with it.

    Exit status 1 says that the rehearsal did not pass.
    """
    chosen = application()
    with chosen.reading() as work:
        plan = work.plans.get(which)
    chosen.snapshots.require_served()
    with chosen.locks.hold("rehearsal", f"oakum rehearse {plan.id}"):
        rehearser = chosen.rehearser(actor(), _tell, output.say)
        rehearsal = run(rehearser.rehearse(plan, chosen.assignments(plan)))
    if json:
        output.print_json(rehearsal.to_json())
    else:
        show_rehearsal(rehearsal, plan)
    if rehearsal.verdict is not Verdict.PASSED:
        raise typer.Exit(1)
    output.say(f"next: oakum approve {plan.id}")


def _tell(host_class: str, result: StageResult) -> None:
    output.say(
        f"{host_class}: {result.stage.value}: {result.verdict.value} "
        f"({seconds_in_words(result.seconds)}) {result.detail}"
    )
