"""A rollout in the terminal: a live table, or a line for each change where there is none."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from typing import TYPE_CHECKING

import typer
from rich.live import Live
from rich.table import Table
from rich.text import Text

from oakum.core.ids import HostId, RolloutId
from oakum.core.planning.lane import shortened_gates
from oakum.core.planning.openings import HostFreeze
from oakum.core.rollout.decide import lasting_fault
from oakum.core.rollout.hooks import HookState, executions
from oakum.core.rollout.measuring import in_words
from oakum.core.rollout.rollout import HostRun, Rollout
from oakum.core.rollout.state import Phase, RunState
from oakum.core.text import counted, first_of, harmless, one_line
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import actor, application, run
from oakum.services.run_rollout import LostLeaseError, OnChange, is_idle

if TYPE_CHECKING:
    from oakum.bootstrap.application import Application

LOOK_SECONDS = 1.0
NAMED = 5
STYLES = {
    RunState.SUCCEEDED: "green",
    RunState.ROLLED_BACK: "cyan",
    RunState.REFUSED: "yellow",
    RunState.FAILED: "red",
    RunState.ROLLBACK_FAILED: "red",
}
Names = Mapping[HostId, str]
"""A host that was removed since has none, and is shown by its id."""
HEADINGS = ("host", "ring", "state", "why")


def drive(rollout: RolloutId, *, wanted: Phase = Phase.SUCCEEDED, json: bool = False) -> None:
    """Drive a rollout to its end; where another controller does, look on until it is gone.

    Exits with 1 unless it ends in the wanted phase.
    """
    with _view(_names()) as on_change:
        ended = run(_follow(rollout, on_change, drives=True))
    _end(ended, wanted, json=json)


async def _follow(rollout: RolloutId, on_change: OnChange, *, drives: bool) -> Rollout:
    """Show a rollout until it is at rest; drive it, unless another controller does."""
    chosen, is_told = application(goes_on=True), False
    while not is_idle(state := _read(rollout, chosen)):
        on_change(state)
        if drives:
            try:
                return await chosen.reconciler(rollout, actor(), on_change, output.say).run()
            except LostLeaseError as error:
                if not is_told:
                    output.say(f"{error.message}; looking on, and taking over should it be gone")
                is_told = True
        await asyncio.sleep(LOOK_SECONDS)
    on_change(state)
    return state


def look(rollout: RolloutId, *, json: bool = False) -> None:
    """Show a rollout that another controller drives, until it is at rest."""
    with _view(_names()) as on_change:
        ended = run(_follow(rollout, on_change, drives=False))
    _end(ended, Phase.SUCCEEDED, json=json)


def _read(rollout: RolloutId, chosen: "Application") -> Rollout:
    with chosen.reading() as work:
        return work.rollouts.get(rollout)


def show_rollout(rollout: Rollout) -> None:
    """Print how a rollout and each host stand."""
    output.show(f"{rollout.id}  {_headline(rollout)}", "bold")
    if metrics := in_words(rollout.measuring):
        output.show(f"  metrics    {one_line(metrics)}")
    for line in _lane(rollout):
        output.show(line)
    if not rollout.phase.is_final:
        for held in rollout.freezes:
            output.show(_freeze_line(held))
    names = _names()
    output.print_table(HEADINGS, [_row(found, names) for found in rollout.runs])
    _show_hooks(rollout, names)


def _show_hooks(rollout: Rollout, names: Names) -> None:
    """Print how many hooks passed, and each that did not; --json has what all of them said."""
    begun = [
        (found, name, execution)
        for found in rollout.runs
        for name, execution in executions(found.hooks)
        if execution.state is not HookState.WAITING
    ]
    if not begun:
        return
    counts = Counter(execution.state for _, _, execution in begun)
    output.show()
    words = [f"{counts[state]} {state.value}" for state in HookState if counts[state]]
    output.show(f"hooks: {', '.join(words)}")
    for found, name, execution in begun:
        if execution.state is not HookState.PASSED:
            output.show(f"  {names.get(found.host, found.host)}: {name}: {execution.in_words()}")


def _end(rollout: Rollout, wanted: Phase, *, json: bool) -> None:
    if json:
        output.print_json(rollout)
    else:
        show_rollout(rollout)
    output.say(_next_step(rollout))
    if rollout.phase is not wanted or (wanted is Phase.SUCCEEDED and _left(rollout)):
        raise typer.Exit(1)


def _left(rollout: Rollout) -> list[HostRun]:
    """Return the hosts that are not as planned, though the rollout came to its end."""
    return [found for found in rollout.runs if found.state is not RunState.SUCCEEDED]


def _next_step(rollout: Rollout) -> str:
    match rollout.phase:
        case Phase.SUCCEEDED if left := _left(rollout):
            return _after_leaving(left, rollout)
        case Phase.SUCCEEDED:
            return "next: oakum scan; it closes the findings"
        case Phase.ROLLED_BACK:
            return _after_rolling_back(rollout)
        case Phase.NEEDS_HELP:
            return "hosts named above could not be put back: look at them, then roll back again"
        case Phase.PAUSED:
            return f"paused; next: oakum rollout resume {rollout.id}, abort or oakum rollback"
        case Phase.ABORTED:
            if not any(found.may_have_changed for found in rollout.runs):
                return "aborted; no host was changed"
            return f"aborted; to put changed hosts back: oakum rollback {rollout.id}"
        case Phase.WAITING | Phase.PROGRESSING | Phase.ROLLING_BACK | Phase.ABORTING:
            return f"not at its end; next: oakum rollout watch {rollout.id}"


def _after_leaving(left: list[HostRun], rollout: Rollout) -> str:
    names = _names()
    who = first_of([names.get(found.host, found.host) for found in left], NAMED)
    changed = any(found.may_have_changed for found in left)
    back = "; to put one that failed back: oakum rollback HOST" if changed else ""
    return (
        f"{counted(len(left), 'host')} of {len(rollout.runs)} not as planned: {who}{back}; "
        "next: oakum scan, and a plan for them"
    )


def _after_rolling_back(rollout: Rollout) -> str:
    names = _names()
    changed = [
        names.get(found.host, found.host) for found in rollout.runs if found.may_have_changed
    ]
    if not changed:
        return "every host that was changed is as it was before; nothing more is to be done"
    return (
        f"still changed: {', '.join(changed)}; next, if they shall go back too: "
        f"oakum rollback {rollout.id}"
    )


def _names() -> Names:
    with application(goes_on=True).reading() as work:
        return {host.id: host.name for host in work.hosts.all()}


@contextmanager
def _view(names: Names) -> Iterator[OnChange]:
    if not sys.stderr.isatty():
        yield _Lines(names)
        return
    with Live(console=output.talk(), refresh_per_second=4, transient=True) as live:
        yield lambda rollout: live.update(_table(rollout, names))


class _Lines:
    """Says each change of a state once."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._phase = ""
        self._states: dict[HostId, RunState] = {}

    def __call__(self, rollout: Rollout) -> None:
        """Say what changed since the last call."""
        for found in rollout.runs:
            if self._states.get(found.host) is not found.state:
                is_news = found.host in self._states or found.state.is_busy
                self._states[found.host] = found.state
                if is_news:
                    name = self._names.get(found.host, found.host)
                    output.say(f"{name}: {found.state.value}: {one_line(found.reason)}")
        headline = _headline(rollout)
        if headline != self._phase:
            self._phase = headline
            output.say(headline)


def _table(rollout: Rollout, names: Names) -> Table:
    table = Table(*HEADINGS, box=None, pad_edge=False, title_justify="left")
    table.title = Text(harmless(_headline(rollout)))
    for found in rollout.runs:
        cells = (Text(harmless(cell)) for cell in _row(found, names))
        table.add_row(*cells, style=STYLES.get(found.state, ""))
    return table


def _freeze_line(held: HostFreeze) -> str:
    who = counted(len(held.hosts), "host") if held.hosts else "every host"
    begins, ends = (
        f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
        for moment in (held.freeze.begins_at, held.freeze.ends_at)
    )
    return f"freeze for {who}: {begins} to {ends} UTC, {one_line(held.freeze.reason)}"


def _headline(rollout: Rollout) -> str:
    ring = rollout.rings[rollout.ring].name
    done = sum(found.state.is_final for found in rollout.runs)
    fault = lasting_fault(rollout)
    # A rollout that paused for it has it as its reason.
    is_told = not fault or fault in rollout.reason
    held_up = "" if is_told else f"; {one_line(fault)}; it goes on by itself once that is mended"
    return (
        f"{rollout.phase.value} ({ring}, {done} of {len(rollout.runs)} hosts done): "
        f"{one_line(rollout.reason)}{held_up}"
    )


def _lane(rollout: Rollout) -> Iterator[str]:
    """Say which lane it is in, and which gates are shortened for it."""
    if rollout.lane is not None:
        less = "; ".join(shortened_gates(rollout.rings))
        yield f"{rollout.lane.value} lane: {less or 'no gate is shortened'}"


def _row(found: HostRun, names: Names) -> tuple[str, str, str, str]:
    name = names.get(found.host, found.host)
    return (name, str(found.ring + 1), found.state.value, one_line(found.reason))
