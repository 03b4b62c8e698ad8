"""One piece of work on one host, with a host that does and says as it is told."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tests.fakes.fleet import MANIFEST, FakeFleet, HostSession, ProcessMemory, plan_for
from tests.plans import NOW

from oakum.core.ids import HostId, HostRunId, TransactionId
from oakum.core.inventory.facts import INDICES_UNASKED, Facts, IndexReading
from oakum.core.inventory.host import Host
from oakum.core.rollout.host_run import Work, advance
from oakum.core.rollout.measuring import Reading, Sample
from oakum.core.rollout.observation import ChecksDone, Measured, TransactionSeen, Verified
from oakum.core.rollout.rollout import HostRun
from oakum.core.rollout.state import HardSignal, RunState
from oakum.core.staging.vitals import VitalQuestions, Vitals, to_text
from oakum.ports.package_manager import SnapshotAccess
from oakum.ports.transport import Session
from oakum.services.drive_host import Assignment, do

HOST = HostId("h0")
WELL = Vitals(clock=NOW, resolved=("deb.example",), ways=("a default route over IPv4",), rules=())
KEPT = to_text(WELL)
CUT_OFF = replace(WELL, resolved=(), ways=())


@dataclass
class SickFleet(FakeFleet):
    """Hosts whose vital signs are told."""

    vitals: Vitals = WELL
    asked: list[VitalQuestions] = field(default_factory=list)

    async def look(self, questions: VitalQuestions, session: Session) -> Vitals:
        del session
        self.asked.append(questions)
        return self.vitals


@dataclass
class AskedFleet(FakeFleet):
    """Hosts that remember what they were given of an earlier answer."""

    lasts: list[IndexReading | None] = field(default_factory=list)

    async def collect(
        self, session: Session, *, now: datetime, last: IndexReading | None = None
    ) -> Facts:
        self.lasts.append(last)
        return await super().collect(session, now=now, last=last)


class Noon:
    """A clock that stands."""

    def now(self) -> object:
        return NOW


def job() -> Assignment:
    plan = plan_for([HOST])
    host = Host(HOST, HOST, "192.0.2.1", 22, "root", "key", NOW)
    access = SnapshotAccess(plan.snapshot, "http://snapshot.example", "bookworm", "key")
    return Assignment(host, plan, plan.id, plan.classes[0].changes, MANIFEST, access, ())


def run(state: RunState, before: str | None = KEPT) -> HostRun:
    return HostRun(
        HostRunId(HOST), HOST, 0, state, "begun", TransactionId("t1"), TransactionId("t1.undo"),
        vitals_before=before,
    )  # fmt: skip


def work(fleet: FakeFleet, what: Work, of: HostRun) -> object:
    tools = replace(fleet.tools(Noon()), settle_seconds=0)  # type: ignore[arg-type]
    return asyncio.run(do(what, of, job(), HostSession(HOST), tools))


def test_package_indices_are_not_read_for_a_transaction() -> None:
    """Nothing that it is judged by is in them, and reading them is most of the work."""
    fleet = AskedFleet(ProcessMemory())
    work(fleet, Work.ASK_CHECKS, run(RunState.CHECKING, None))
    work(fleet, Work.VERIFY, run(RunState.VERIFYING))
    assert fleet.lasts
    assert set(fleet.lasts) == {INDICES_UNASKED}


def test_vital_signs_are_kept_from_before_the_change() -> None:
    """What the host could do is in its run, for whoever verifies it."""
    fleet = SickFleet(ProcessMemory())
    seen = work(fleet, Work.ASK_CHECKS, run(RunState.CHECKING, None))
    assert isinstance(seen, ChecksDone)
    after = advance(run(RunState.CHECKING, None), seen, NOW)
    assert (after.state, after.vitals_before) == (RunState.UPGRADING, KEPT)


def test_a_host_whose_clock_is_wrong_is_refused_before_anything_is_changed() -> None:
    """A day behind: the reason says so and what to do, and no transaction is begun."""
    fleet = SickFleet(ProcessMemory(), vitals=replace(WELL, clock=NOW - timedelta(days=1)))
    seen = work(fleet, Work.ASK_CHECKS, run(RunState.CHECKING, None))
    assert isinstance(seen, ChecksDone)
    after = advance(run(RunState.CHECKING, None), seen, NOW)
    assert after.state is RunState.REFUSED
    assert "1440 minutes behind; set it (timedatectl set-ntp true)" in after.reason
    assert fleet.memory.deeds(HOST) == []


def test_lost_vital_signs_fail_a_host_that_is_as_planned() -> None:
    """Every package is right, and still the host is cut off: it is not well, by hard signals."""
    fleet = SickFleet(ProcessMemory(), vitals=CUT_OFF)
    work(fleet, Work.DRIVE_UPGRADE, run(RunState.UPGRADING))
    seen = work(fleet, Work.VERIFY, run(RunState.VERIFYING))
    assert isinstance(seen, Verified)
    assert not seen.is_good
    assert seen.signals == (HardSignal.NAMES_LOST, HardSignal.ROUTE_LOST)
    assert all(questions.names == ("deb.example",) for questions in fleet.asked)
    assert seen.detail.startswith(
        "cannot be resolved any more: deb.example (look at /etc/resolv.conf and DNS); no way any"
    )


def test_a_run_that_an_older_oakum_began_is_not_held_against_what_nobody_saw() -> None:
    """Nothing is lost where nothing is known to have been there."""
    fleet = SickFleet(ProcessMemory(), vitals=CUT_OFF)
    work(fleet, Work.DRIVE_UPGRADE, run(RunState.UPGRADING, None))
    seen = work(fleet, Work.VERIFY, run(RunState.VERIFYING, None))
    assert isinstance(seen, Verified)
    assert seen.is_good


def test_what_a_failed_transaction_left_behind_is_seen() -> None:
    """It is not verified any more; the signals come with its end, and the reason names them."""
    fleet = SickFleet(ProcessMemory(), bad=frozenset({HOST}), vitals=CUT_OFF)
    seen = work(fleet, Work.DRIVE_UPGRADE, run(RunState.UPGRADING))
    assert isinstance(seen, TransactionSeen)
    after = advance(run(RunState.UPGRADING), seen, NOW)
    assert after.state is RunState.FAILED
    assert after.signals == (HardSignal.NAMES_LOST, HardSignal.ROUTE_LOST)
    assert after.reason.startswith("it is bad; cannot be resolved any more")


def test_a_host_is_measured_for_the_round_that_asks() -> None:
    """The answer carries the round's number: a late one is known by it."""
    fleet = SickFleet(ProcessMemory())
    asked = replace(run(RunState.PENDING), asked_round=7)
    seen = work(fleet, Work.MEASURE, asked)
    assert seen == Measured(Sample(7, ()))
    assert advance(asked, Measured(Sample(6, (Reading("latency", 1.0),))), NOW) == asked
