"""A host that a rollout left down is well again on a person's word, if a scan bears it out."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.fleet import facts_of
from tests.integration.services.conftest import SteppingClock
from tests.integration.services.test_start_rollout import approve
from tests.plans import PLAN

from oakum.core.audit.event import Action
from oakum.core.errors import ConflictError, InputError, RefusedError
from oakum.core.ids import HostId
from oakum.core.inventory.facts import Facts
from oakum.core.inventory.host import Host
from oakum.core.planning.plan import Group, GroupKind
from oakum.core.rollout.state import Phase, RunState
from oakum.ports.stores import ScanFailure, UnitOfWorkFactory
from oakum.services.start_rollout import start_rollout
from oakum.services.take_as_mended import take_as_mended

DB = HostId("db-2")
PAIR = replace(PLAN, groups=(Group(GroupKind.AVAILABILITY, "db", 1, PLAN.hosts),))
OTHER = replace(PLAN, title="other")
REASON = "restored from the backup; replication is in step"


def _end(
    begin: UnitOfWorkFactory, clock: SteppingClock, state: RunState, phase: Phase = Phase.ABORTED
) -> None:
    """Leave the other of a pair as a rollout ended for it."""
    approve(begin, OTHER)
    rollout = start_rollout(OTHER.id, "bob", begin, clock)
    run = replace(rollout.runs[0], host=DB, state=state, ended_at=clock.now())
    with begin() as work:
        at = clock.now()
        labels = ("ha=db",)
        work.hosts.add(Host(DB, DB, "192.0.2.9", 22, "root", "key", at, labels=labels))
        work.rollouts.save(replace(rollout, phase=phase, runs=(run, *rollout.runs[1:])))
        work.commit()


def _scan(begin: UnitOfWorkFactory, clock: SteppingClock, **changed: object) -> Facts:
    facts = replace(replace(facts_of(DB), collected_at=clock.now()), **changed)  # type: ignore[arg-type]
    with begin() as work:
        work.facts.save(DB, facts)
        work.commit()
    return facts


def test_the_partner_of_a_mended_host_can_be_patched(
    begin: UnitOfWorkFactory, clock: SteppingClock
) -> None:
    """Until then it cannot; what was said, by whom and what the scan found is in the audit log."""
    approve(begin, PAIR)
    _end(begin, clock, RunState.FAILED)
    facts = _scan(begin, clock, failed_units=("backup.service",))
    with pytest.raises(RefusedError, match="db-2 failed in rollout-") as refused:
        start_rollout(PAIR.id, "bob", begin, clock)
    assert "oakum hosts mended" in (refused.value.hint or "")
    host, failed_units = take_as_mended(DB, REASON, "ann", begin, clock)
    assert (host.id, failed_units) == (DB, ("backup.service",))
    assert start_rollout(PAIR.id, "bob", begin, clock).plan == PAIR.id
    with begin() as work:
        (event,) = [e for e in work.audit.events(subject=DB) if e.action is Action.HOST_MENDED]
    assert event.actor == "ann"
    assert event.details == {
        "was down": f"failed in rollout-{OTHER.digest[:12]}-1",
        "reason": REASON,
        "scanned": facts.collected_at.isoformat(),
        "failed units": ["backup.service"],
    }


@pytest.mark.parametrize("scanned", ["never", "before", "silent"])
def test_a_host_that_no_scan_has_reached_since_is_not_taken_as_mended(
    begin: UnitOfWorkFactory, clock: SteppingClock, scanned: str
) -> None:
    """Nobody knows how it is."""
    _end(begin, clock, RunState.FAILED)
    if scanned == "before":
        _scan(begin, clock, collected_at=clock.now() - timedelta(hours=1))
    if scanned == "silent":
        _scan(begin, clock)
    with begin() as work:
        if scanned == "silent":
            work.facts.save_failure(ScanFailure(DB, clock.now(), "no route", "is it up?"))
        work.commit()
    with pytest.raises(RefusedError, match="no scan has reached it since") as refused:
        take_as_mended(DB, REASON, "ann", begin, clock)
    assert "oakum scan --limit db-2" in (refused.value.hint or "")


def test_a_host_whose_packages_are_half_way_is_not_taken_as_mended(
    begin: UnitOfWorkFactory, clock: SteppingClock
) -> None:
    """The scan gainsays the word, and names them."""
    _end(begin, clock, RunState.ROLLBACK_FAILED)
    packages = facts_of(DB).packages
    _scan(begin, clock, packages=(replace(packages[0], status="iF"), *packages[1:]))
    with pytest.raises(RefusedError, match=f"half-way: {packages[0].key}"):
        take_as_mended(DB, REASON, "ann", begin, clock)
    _scan(begin, clock, packages=(replace(packages[0], status="rc"), *packages[1:]))
    assert take_as_mended(DB, REASON, "ann", begin, clock)[0].mended_at is not None


def test_there_is_nothing_to_say_of_a_host_that_is_not_down(
    begin: UnitOfWorkFactory, clock: SteppingClock, actions: Callable[[], list[Action]]
) -> None:
    """A word in advance would hide what comes; said twice it is about nothing."""
    _end(begin, clock, RunState.SUCCEEDED)
    _scan(begin, clock)
    with pytest.raises(ConflictError, match="db-2 does not count as down"):
        take_as_mended(DB, REASON, "ann", begin, clock)
    assert Action.HOST_MENDED not in actions()


def test_a_host_that_a_rollout_has_is_not_taken_as_mended(
    begin: UnitOfWorkFactory, clock: SteppingClock
) -> None:
    """The rollout goes by what it saw itself: the word would change nothing for it."""
    _end(begin, clock, RunState.FAILED, Phase.PAUSED)
    _scan(begin, clock)
    with pytest.raises(ConflictError, match=r"db-2 is in rollout-.*, which is paused"):
        take_as_mended(DB, REASON, "ann", begin, clock)


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines"])
def test_a_word_without_a_reason_is_refused(
    begin: UnitOfWorkFactory, clock: SteppingClock, reason: str
) -> None:
    """Who reads it later has to know why it was believed."""
    with pytest.raises(InputError, match="one plain line"):
        take_as_mended(DB, reason, "ann", begin, clock)
