"""When a rollout will have ended, and what holds it up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.plans import DRAIN, PLAN, WEB

from oakum.core.ids import HostId
from oakum.core.planning.group_prediction import walk
from oakum.core.planning.metric import Measurement, Metric, MetricKind, Worse
from oakum.core.planning.openings import HostOpenings, Opening, union
from oakum.core.planning.plan import Budget, Group, GroupKind, Plan, RebootPolicy, Ring, Window
from oakum.core.planning.prediction import (
    SECONDS_A_LOOK,
    learnt_pace,
    learnt_seconds,
    predict,
    predicted_seconds,
    seconds_of,
    seconds_of_looks,
    seconds_of_plan,
)

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAMES = tuple(HostId(f"h{number}") for number in range(6))
EACH = 21
"""Seconds a host: 20, and one package."""
LOOK = SECONDS_A_LOOK


def plan(concurrency: int = 2, soak: int = 60, *, window: Window | None = None) -> Plan:
    return replace(
        PLAN,
        classes=(replace(WEB, hosts=NAMES),),
        rings=(Ring("ring 1", NAMES[:2], soak), Ring("ring 2", NAMES[2:], soak)),
        budget=Budget(concurrency, 0),
        pace_percent=100,
        window=window or Window(None, None),
    )


def opening(after: timedelta, lasts: timedelta = HOUR) -> Opening:
    return Opening(NOW + after, NOW + after + lasts)


def test_rows_of_hosts_and_soaks_are_counted() -> None:
    """Three hosts of 60 s, two at once, a soak of 10 s and a second look take 135 s."""
    rings = (Ring("ring 1", NAMES[:3], 10),)
    assert predicted_seconds(rings, dict.fromkeys(NAMES, 60), 2) == 130 + LOOK


def test_a_second_look_is_at_a_hundred_hosts_at_once_and_only_after_a_soak() -> None:
    """Concurrency bounds what is changed; where it is larger, so many are driven at once."""
    many = tuple(HostId(f"h{number}") for number in range(250))
    assert seconds_of_looks(Ring("ring 1", many, 1), 5) == 3 * LOOK
    assert seconds_of_looks(Ring("ring 1", many, 1), 250) == LOOK
    assert seconds_of_looks(Ring("ring 1", many, 0), 5) == 0


def test_a_reboot_takes_time_only_where_the_plan_has_hosts_reboot() -> None:
    """With `--reboot never` the host is done when its packages are."""
    kernel = replace(WEB, hosts=NAMES, needs_reboot=True)
    assert seconds_of(kernel, 100, RebootPolicy.WHEN_NEEDED) == EACH + 45
    assert seconds_of(kernel, 100, RebootPolicy.NEVER) == EACH
    never = replace(plan(soak=0), classes=(kernel,), reboot_policy=RebootPolicy.NEVER)
    assert predict(never, NOW).ends_at == NOW + timedelta(seconds=3 * EACH)


def test_the_pace_is_learnt_from_enough_hosts_and_from_the_slower_ones() -> None:
    """Of ten hosts eight were as quick; four hosts are too few to learn from."""
    done = [(20, 10), (20, 60), *[(20, 30)] * 8]
    assert learnt_pace(done) == 150
    assert learnt_pace(done[:4]) == 100
    assert learnt_pace([(100, 0)] * 5) == 1
    slow = predict(replace(plan(soak=0), pace_percent=150), NOW)
    assert slow.ends_at == NOW + timedelta(seconds=3 * 32)


def test_without_windows_it_ends_after_work_and_soaks() -> None:
    """One row, a soak and a second look, two rows, a soak and a second look."""
    assert seconds_of(WEB, 100, RebootPolicy.WHEN_NEEDED) == EACH
    found = predict(plan(), NOW)
    assert found.ends_at == NOW + timedelta(seconds=3 * EACH + 120 + 2 * LOOK)
    assert found.bound_by == "is soaking"
    assert predict(plan(soak=0), NOW).bound_by == "is work on 6 hosts, 2 at once"


def test_more_places_than_hosts_cost_nothing() -> None:
    """A typing error of some zeros must not take the memory of the machine."""
    assert predict(plan(10**12, soak=0), NOW).ends_at == NOW + timedelta(seconds=2 * EACH)


def test_measuring_before_a_ring_takes_its_time() -> None:
    """Ten minutes before each ring that has later ones to be held against; the last has none."""
    metric = Metric(
        "latency", MetricKind.COMMAND, "latency", Worse.HIGHER, is_required=False,
        timeout_seconds=5, source="", alike=(NAMES,),
    )  # fmt: skip
    measured = replace(plan(), measurement=Measurement((metric,), 30, 20))
    found = predict(measured, NOW)
    rings = len(plan().rings) - 1
    assert found.ends_at == NOW + timedelta(seconds=3 * EACH + 120 + 2 * LOOK + rings * 600)
    assert found.bound_by == "is measuring hosts before they are changed"


def test_hooks_take_their_time_and_are_named_where_they_take_most() -> None:
    """Three rows of hosts, and hooks of a minute on one host of the last ring."""
    slow = replace(DRAIN, hosts=(NAMES[5],), expected_seconds=60)
    drained = replace(plan(soak=0), hooks=(slow,))
    assert seconds_of_plan(drained)[NAMES[5]] == EACH + 60
    assert predict(drained, NOW).ends_at == NOW + timedelta(seconds=3 * EACH + 60)
    assert predict(drained, NOW).bound_by == "is work on 6 hosts, 2 at once"
    slower = replace(plan(soak=0), hooks=(replace(slow, expected_seconds=600),))
    assert predict(slower, NOW).bound_by == "is running hooks"


def test_the_time_of_a_hook_is_learnt_and_never_longer_than_it_may_take() -> None:
    """Four of five were as quick; of few it is guessed; and a time limit is one, with its undo."""
    assert learnt_seconds([1, 1, 1, 30, 90], DRAIN) == 30
    assert learnt_seconds([90] * 4, DRAIN) == 10
    assert learnt_seconds([500] * 5, DRAIN) == 2 * DRAIN.timeout_seconds
    assert learnt_seconds([], replace(DRAIN, timeout_seconds=2, undo=())) == 2
    assert learnt_seconds([0] * 5, DRAIN) == 1


def test_a_late_window_is_named_as_what_holds_it_up() -> None:
    """The last ring's host begins in the night; so the end is then."""
    night = HostOpenings(("night",), (opening(14 * HOUR),), (NAMES[5],))
    found = predict(replace(plan(), schedule=(night,)), NOW)
    assert found.ends_at == NOW + 14 * HOUR + timedelta(seconds=EACH + 60 + LOOK)
    assert found.bound_by == "is waiting for the window night"
    assert found.in_words() == (
        "about 2026-11-26 02:01 UTC; most of it is waiting for the window night"
    )


def test_hosts_that_wait_take_no_place_from_others() -> None:
    """One at once: those that may begin now go first."""
    night = HostOpenings(("night",), (opening(HOUR),), (NAMES[2],))
    found = predict(replace(plan(1, 0), schedule=(night,)), NOW)
    assert found.ends_at == NOW + HOUR + timedelta(seconds=EACH)


def test_a_window_in_which_all_do_not_fit_is_said() -> None:
    """Thirty seconds to begin, hosts of 21, one at once: two of four begin."""
    short = HostOpenings(("lunch",), (opening(HOUR, timedelta(seconds=30)),), NAMES[2:])
    found = predict(replace(plan(1), schedule=(short,)), NOW)
    assert found.ends_at is None
    assert found.in_words() == (
        "does not fit: there is not enough time in the window lunch for 4 hosts"
    )


def test_openings_that_are_over_are_said() -> None:
    """A soak of a day, and a window of this afternoon only."""
    today = HostOpenings((), (opening(HOUR),), (NAMES[3],))
    found = predict(replace(plan(soak=86400), schedule=(today,)), NOW)
    assert found.bound_by == "1 host could not begin any more after 2026-11-26 12:00"


def test_the_plans_window_counts_too() -> None:
    """It waits for the opening, and does not fit when it closes before the last ring."""
    opens = NOW + 5 * HOUR
    found = predict(plan(window=Window(opens, opens + HOUR)), NOW)
    assert found.ends_at == opens + timedelta(seconds=3 * EACH + 120 + 2 * LOOK)
    assert found.bound_by == "is waiting for the plan's window"
    small = predict(plan(window=Window(opens, opens + timedelta(seconds=30))), NOW)
    assert small.in_words() == "does not fit: ring 2 would go on when the plan's window closes"


def _pair(*members: int, name: str = "db") -> Group:
    return Group(GroupKind.AVAILABILITY, name, 1, tuple(NAMES[n] for n in members))


def _domain(name: str, *members: int) -> Group:
    return Group(GroupKind.DOMAIN, name, 1, tuple(NAMES[n] for n in members))


def test_members_of_a_pair_follow_each_other() -> None:
    """Four places, and two of the four hosts are a pair: two rows instead of one."""
    alone = predict(plan(4, 0), NOW)
    paired = predict(replace(plan(4, 0), groups=(_pair(2, 3),)), NOW)
    assert alone.ends_at == NOW + timedelta(seconds=2 * EACH)
    assert paired.ends_at == NOW + timedelta(seconds=3 * EACH)


def test_failure_domains_follow_each_other_and_are_named_where_they_bind() -> None:
    """Four places for four hosts in four racks: each by itself, and that is most of the time."""
    racks = tuple(_domain(f"rack-{n}", n) for n in range(2, 6))
    found = predict(replace(plan(4, 0), groups=racks), NOW)
    assert found.ends_at == NOW + timedelta(seconds=5 * EACH)
    assert found.bound_by == "is keeping pairs, quorums and failure domains apart"


def test_a_group_that_leaves_no_time_in_its_window_does_not_fit() -> None:
    """Both of a pair could begin in the window at once, and not one after the other."""
    short = HostOpenings(("lunch",), (opening(HOUR, timedelta(seconds=15)),), NAMES[2:4])
    bound = replace(plan(4, 0), schedule=(short,))
    assert predict(bound, NOW).ends_at is not None
    found = predict(replace(bound, groups=(_pair(2, 3),)), NOW)
    assert found.in_words() == (
        "does not fit: there is not enough time in the window lunch for 4 hosts"
    )


@st.composite
def _groups(draw: st.DrawFn) -> tuple[Group, ...]:
    racks = draw(st.lists(st.integers(0, 3), min_size=6, max_size=6))
    found = [
        _domain(f"rack-{rack}", *(n for n in range(6) if racks[n] == rack))
        for rack in set(racks) - {3}  # who is in 3 has no domain
    ]
    for number in range(draw(st.integers(0, 2))):
        members = sorted(draw(st.sets(st.integers(0, 5), min_size=2, max_size=4)))
        limit = draw(st.integers(1, 2))
        found.append(replace(_pair(*members, name=f"g{number}"), limit=limit))
    return tuple(found)


@given(_groups(), st.integers(1, 6), st.lists(st.integers(1, 90), min_size=6, max_size=6))
def test_a_prediction_keeps_all_that_a_rollout_keeps(
    groups: tuple[Group, ...], concurrency: int, lengths: list[int]
) -> None:
    """Every host once, never more at once than may be, and never quicker than without groups."""
    seconds = dict(zip(NAMES, lengths, strict=True))
    begun = walk(seconds, NOW, concurrency, {}, groups)
    assert begun is not None
    assert sorted(each.host for each in begun) == sorted(NAMES)
    for moment in {each.begins_at for each in begun}:
        busy = {each.host for each in begun if each.begins_at <= moment < each.ends_at}
        assert len(busy) <= concurrency
        domains = {g.name for g in groups if g.kind is GroupKind.DOMAIN and busy & set(g.hosts)}
        assert len(domains) <= 1
        for group in groups:
            if group.kind is not GroupKind.DOMAIN:
                assert len(busy & set(group.hosts)) <= group.limit


def _plainly(
    lengths: dict[HostId, int],
    concurrency: int,
    bound: dict[HostId, HostOpenings],
    groups: tuple[Group, ...],
) -> list[tuple[HostId, datetime]] | None:
    """Say when each begins by asking every waiting host again at every second."""
    begun: dict[HostId, datetime] = {}
    for second in range(HORIZON):
        now = NOW + timedelta(seconds=second)
        for host in lengths:
            busy = {h for h, at in begun.items() if now < at + timedelta(seconds=lengths[h])}
            if (
                host not in begun
                and len(busy) < concurrency
                and (host not in bound or bound[host].may_begin(now))
                and all(_bears(group, busy, groups) for group in groups if host in group.hosts)
            ):
                begun[host] = now
    return list(begun.items()) if len(begun) == len(lengths) else None


def _bears(group: Group, busy: set[HostId], groups: tuple[Group, ...]) -> bool:
    if group.kind is not GroupKind.DOMAIN:
        return len(busy & set(group.hosts)) < group.limit
    others = (g for g in groups if g.kind is GroupKind.DOMAIN and g is not group)
    return not any(busy & set(other.hosts) for other in others)


HORIZON = 150


@st.composite
def _windows(draw: st.DrawFn) -> dict[HostId, HostOpenings]:
    """Two sets of hosts, each with its openings; some hosts are bound by nothing."""
    found: dict[HostId, HostOpenings] = {}
    for members in (NAMES[:2], NAMES[3:5]):
        if draw(st.booleans()):
            starts = sorted(draw(st.sets(st.integers(0, 40), min_size=1, max_size=3)))
            lasts = timedelta(seconds=draw(st.integers(1, 10)))
            openings = (opening(timedelta(seconds=start), lasts) for start in starts)
            found |= dict.fromkeys(members, HostOpenings(("w",), union(openings), members))
    return found


@given(
    _groups(), _windows(), st.integers(1, 6), st.lists(st.integers(1, 12), min_size=6, max_size=6)
)
def test_a_prediction_begins_hosts_as_asking_all_at_every_second_does(
    groups: tuple[Group, ...],
    bound: dict[HostId, HostOpenings],
    concurrency: int,
    lengths: list[int],
) -> None:
    """Asking only whom something may have let go on leaves nobody out and hurries nobody."""
    seconds = dict(zip(NAMES, lengths, strict=True))
    begun = walk(seconds, NOW, concurrency, bound, groups)
    found = None if begun is None else [(each.host, each.begins_at) for each in begun]
    assert found == _plainly(seconds, concurrency, bound, groups)
