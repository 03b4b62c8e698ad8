"""A freeze binds a rollout that is under way, whenever it was declared."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.rollout.test_decide import START, make_rollout

from oakum.core.audit.event import Action
from oakum.core.ids import HostId
from oakum.core.planning.openings import Freeze, HostFreeze, HostOpenings, Opening
from oakum.core.rollout.decide import settle
from oakum.core.rollout.rollout import Rollout
from oakum.core.rollout.state import Phase, RunState, Wish
from oakum.services.record_changes import changes_between

HOUR = timedelta(hours=1)
CHRISTMAS = Freeze(START + HOUR, START + 5 * HOUR, "Christmas trade")
FIRST = HostId("h0-0")


def _frozen(rollout: Rollout, *freezes: HostFreeze) -> Rollout:
    return replace(rollout, freezes=freezes)


def _begun(rollout: Rollout) -> set[HostId]:
    return {run.host for run in rollout.runs if run.state is not RunState.PENDING}


def test_nothing_begins_in_it_and_all_goes_on_after_it() -> None:
    """Why it waits, and until when, is its reason."""
    rollout = _frozen(make_rollout([2]), HostFreeze(CHRISTMAS))
    waiting = settle(rollout, START + HOUR)
    assert (waiting.phase, _begun(waiting)) == (Phase.WAITING, set())
    assert waiting.reason == "frozen (Christmas trade), ring 1 may begin at 2026-11-23 07:00 UTC"
    assert settle(waiting, START + 5 * HOUR - timedelta(seconds=1)) == waiting
    assert _begun(settle(waiting, START + 5 * HOUR))


def test_what_has_begun_is_let_to_end() -> None:
    """A host that is at work is no less at work for a freeze; no other follows it."""
    begun = settle(replace(make_rollout([3]), concurrency=1), START)
    assert _begun(begun) == {FIRST}
    during = settle(_frozen(begun, HostFreeze(CHRISTMAS)), START + 2 * HOUR)
    assert (during.phase, _begun(during)) == (Phase.PROGRESSING, {FIRST})


def test_it_binds_the_hosts_that_it_names() -> None:
    """Others of the ring begin."""
    rollout = _frozen(make_rollout([3]), HostFreeze(CHRISTMAS, (FIRST,)))
    assert _begun(settle(rollout, START + 2 * HOUR)) == {HostId("h0-1"), HostId("h0-2")}


def test_one_that_was_lifted_binds_no_more() -> None:
    """What is declared now is what counts."""
    waiting = settle(_frozen(make_rollout([2]), HostFreeze(CHRISTMAS)), START + 2 * HOUR)
    assert _begun(settle(_frozen(waiting), START + 2 * HOUR))


def test_a_window_within_a_freeze_is_none() -> None:
    """The next window is the first that is not frozen; where none is, a person has to know."""
    nights = (Opening(START + HOUR, START + 2 * HOUR), Opening(START + 8 * HOUR, START + 9 * HOUR))
    bound = HostOpenings(("night",), nights, (FIRST,))
    rollout = _frozen(replace(make_rollout([1]), schedule=(bound,)), HostFreeze(CHRISTMAS))
    waiting = settle(rollout, START + HOUR)
    assert (waiting.phase, waiting.reason) == (
        Phase.WAITING,
        "frozen (Christmas trade), ring 1 may begin at 2026-11-23 10:00 UTC",
    )
    longer = replace(CHRISTMAS, ends_at=START + 10 * HOUR)
    stuck = settle(_frozen(rollout, HostFreeze(longer)), START + HOUR)
    assert stuck.phase is Phase.PAUSED
    assert stuck.reason.startswith("frozen (Christmas trade), no window opens any more for h0-0")


def test_the_way_back_is_never_frozen() -> None:
    """A roll-back waits for no window, and for no freeze."""
    begun = settle(make_rollout([1]), START)
    (run,) = begun.runs
    changed = replace(begun, runs=(replace(run, state=RunState.SUCCEEDED),), wish=Wish.ROLL_BACK)
    back = settle(_frozen(changed, HostFreeze(CHRISTMAS)), START + 2 * HOUR)
    assert back.runs[0].state is RunState.ROLLING_BACK


def test_its_reason_is_not_taken_for_a_gate() -> None:
    """Whoever reads the audit log for what gates said finds that, and nothing else."""
    freeze = replace(CHRISTMAS, reason="migrate the aggregates")
    before = make_rollout([1])
    after = settle(_frozen(before, HostFreeze(freeze)), START + HOUR)
    failed = replace(before, phase=Phase.PAUSED, reason="gate inconclusive: h0-0: silent")
    again = replace(before, phase=Phase.PAUSED, reason=after.reason)
    assert changes_between(before, failed)[0].action is Action.GATE_JUDGED
    assert changes_between(before, again)[0].action is Action.ROLLOUT_CHANGED


def test_it_is_recorded_what_was_declared() -> None:
    """The audit log has each set of freezes that decisions were made under."""
    rollout = make_rollout([1])
    (change,) = changes_between(rollout, _frozen(rollout, HostFreeze(CHRISTMAS)))
    assert change.details == {
        "plan": rollout.plan,
        "freezes": [
            {
                "from": "2026-11-23T03:00:00+00:00",
                "to": "2026-11-23T07:00:00+00:00",
                "reason": "Christmas trade",
                "hosts": "all",
            }
        ],
    }


@st.composite
def _freezes(draw: st.DrawFn) -> tuple[HostFreeze, ...]:
    found = []
    for _ in range(draw(st.integers(0, 4))):
        begins, lasts = draw(st.integers(-5, 20)), draw(st.integers(1, 10))
        hosts = draw(st.sets(st.sampled_from(["h0-0", "h0-1", "h0-2", "h1-0"])))
        freeze = Freeze(START + begins * HOUR, START + (begins + lasts) * HOUR, "why")
        found.append(HostFreeze(freeze, tuple(HostId(host) for host in sorted(hosts))))
    return tuple(found)


@given(_freezes(), st.integers(-5, 30))
def test_no_host_begins_in_a_freeze_and_none_is_forgotten(
    freezes: tuple[HostFreeze, ...], hour: int
) -> None:
    """At any moment exactly those begin that nothing holds; the wait ends when it is said to."""
    now = START + hour * HOUR
    rollout = _frozen(replace(make_rollout([3, 1]), concurrency=9), *freezes)
    after = settle(rollout, now)
    held = {
        run.host
        for run in rollout.in_ring(0)
        for freeze in freezes
        if freeze.is_in_force(now) and (not freeze.hosts or run.host in freeze.hosts)
    }
    assert _begun(after) == {run.host for run in rollout.in_ring(0)} - held
    if after.phase is Phase.WAITING:
        assert held
        ends = sorted({f.freeze.ends_at for f in freezes if f.freeze.ends_at > now})
        first = next(end for end in ends if _begun(settle(after, end)))
        assert f"may begin at {first:%Y-%m-%d %H:%M} UTC" in after.reason
