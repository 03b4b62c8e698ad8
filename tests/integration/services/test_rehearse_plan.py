"""Rehearsing a plan with hooks: those of the host are run on the twin, and undone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests import plans
from tests.fakes.fleet import FakeFleet, ProcessMemory, assignments, facts_of, plan_for, store

from oakum.core.audit.event import Action
from oakum.core.ids import HostId
from oakum.core.inventory.facts import Facts
from oakum.core.inventory.host import Host
from oakum.core.planning.hook import HookKind, HookMoment, HookPlace, UndoWhen
from oakum.core.planning.plan import Plan
from oakum.core.staging.check import Verdict
from oakum.core.staging.rehearsal import Stage, StageResult
from oakum.ports.clock import Clock
from oakum.ports.package_manager import SnapshotAccess
from oakum.ports.stores import UnitOfWorkFactory
from oakum.services import rehearse_plan
from oakum.services.rehearse_plan import Rehearser

WEB = HostId("web")
DRAIN = replace(plans.DRAIN, name="leave", hosts=(WEB,))
REST = replace(
    DRAIN,
    name="rest",
    kind=HookKind.QUIESCE,
    place=HookPlace.HOST,
    undo_when=UndoWhen.ALWAYS,
)
TRY = replace(REST, name="try", kind=HookKind.SMOKE, moment=HookMoment.AFTER, undo=())
PLAN = replace(plan_for([WEB]), hooks=(DRAIN, REST, TRY))


class OneTwin:
    """Builds the host itself."""

    async def clear(self) -> None:
        pass

    @asynccontextmanager
    async def build(
        self, name: str, host: Host, facts: Facts, access: SnapshotAccess
    ) -> AsyncIterator[Host]:
        del name, facts, access
        yield host


def rehearse(
    begin: UnitOfWorkFactory, clock: Clock, fleet: FakeFleet, plan: Plan = PLAN
) -> tuple[dict[Stage, StageResult], list[str]]:
    """Return the stages, and what was done on the twin."""
    store(plan, begin)
    with begin() as work:
        work.facts.save(WEB, facts_of(WEB))
        work.commit()
    rehearser = Rehearser(
        begin=begin,
        transport=fleet,
        builder=OneTwin(),  # type: ignore[arg-type]
        tools=fleet.tools(clock),
        match=lambda _: (),
        actor="ann",
        twins_at_once=1,
        report=lambda *_: None,
    )
    found = asyncio.run(rehearser.rehearse(plan, assignments(plan, begin)))
    stages = {result.stage: result for result in found.twins[0].stages}
    return stages, [deed.split()[0] for deed in fleet.memory.deeds(WEB)]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearse_plan, "POLL_SECONDS", 0.01)


def test_hooks_of_the_host_are_run_on_the_twin_and_undone(
    begin: UnitOfWorkFactory, clock: Clock, actions: Callable[[], list[Action]]
) -> None:
    """Around the first upgrade; the controller's are named and not run."""
    stages, deeds = rehearse(begin, clock, FakeFleet(ProcessMemory()))
    assert {result.verdict for result in stages.values()} == {Verdict.PASSED}
    assert [deed for deed in deeds if deed != "confirm"] == [
        *("2", "upgrade", "2.undo", "3", "undo", "upgrade")
    ]
    detail = stages[Stage.AFTER_UPGRADE].detail
    assert "hooks: rest passed: said, undo of rest passed: said, try passed: said" in detail
    assert "not run on a twin, for they are the controller's: leave" in detail
    assert Action.PLAN_REHEARSED in actions()


def test_a_hook_that_must_pass_and_does_not_fails_the_rehearsal(
    begin: UnitOfWorkFactory, clock: Clock
) -> None:
    """Before the change nothing is changed; what was done is undone."""
    fleet = FakeFleet(ProcessMemory(), failing_hooks=frozenset({WEB}))
    stages, deeds = rehearse(begin, clock, fleet)
    assert stages[Stage.UPGRADE].verdict is Verdict.FAILED
    assert stages[Stage.UPGRADE].detail == "hook rest: failed (exit status 3): said"
    assert (deeds, Stage.AFTER_UPGRADE in stages) == (["2", "2.undo"], False)


def test_a_smoke_test_that_fails_fails_the_rehearsal(
    begin: UnitOfWorkFactory, clock: Clock
) -> None:
    """After the change."""
    fleet = FakeFleet(ProcessMemory(), failing_hooks=frozenset({WEB}))
    stages, deeds = rehearse(begin, clock, fleet, replace(PLAN, hooks=(TRY,)))
    assert stages[Stage.UPGRADE].verdict is Verdict.PASSED
    assert stages[Stage.AFTER_UPGRADE].verdict is Verdict.FAILED
    assert "try failed (exit status 3)" in stages[Stage.AFTER_UPGRADE].detail
    assert deeds == ["upgrade", "confirm", "1"]
