"""Vital signs before and after: what was lost is named, and nothing else is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.core.staging.vitals import (
    Losses,
    UnitSeen,
    Vitals,
    clock_problem,
    from_lines,
    losses,
    to_text,
)

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SSHD = UnitSeen("ssh.service", "active", is_enabled=True)
GOOD = Vitals(
    clock=NOW,
    resolved=("deb.example", "web-1"),
    nameservers=("192.0.2.53",),
    ways=("a default route over IPv4", "the nameserver 192.0.2.53"),
    rules=("IPv4 100: from all fwmark 0x1 lookup 7",),
    units=(SSHD, UnitSeen("systemd-timedated.service", "active")),
)
words = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=4, unique=True).map(tuple)
units = st.lists(
    st.builds(
        UnitSeen, st.sampled_from(["ssh.service", "b.service"]),
        st.sampled_from(["active", "inactive", "failed", "auto-restart", "activating"]),
        is_enabled=st.booleans(),
    ),
    max_size=2, unique_by=lambda unit: unit.name,
).map(tuple)  # fmt: skip
vitals = st.builds(
    Vitals,
    resolved=words.map(lambda found: tuple(sorted(found))),
    nameservers=words,
    ways=words,
    rules=st.none() | words,
    units=st.none() | units,
    failed_units=words,
)


def with_unit(name: str, state: str, *, is_enabled: bool = False) -> Vitals:
    return replace(GOOD, units=(UnitSeen(name, state, is_enabled=is_enabled),))


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (replace(GOOD, resolved=("web-1",)), "cannot be resolved any more: deb.example"),
        (
            replace(GOOD, nameservers=()),
            "cannot be resolved any more: anything: no nameserver is configured",
        ),
        (
            replace(GOOD, ways=("the nameserver 192.0.2.53",)),
            "no way any more to: a default route over IPv4",
        ),
        (
            replace(GOOD, rules=()),
            "routing rules are gone: IPv4 100: from all fwmark 0x1 lookup 7",
        ),
        (
            replace(GOOD, units=(replace(SSHD, state="failed"),)),
            (
                "critical units do not run any more: ssh.service is failed, "
                "systemd-timedated.service is gone"
            ),
        ),
        (replace(GOOD, rules=None), "routes cannot be told any more: there is no `ip` there now"),
        (
            replace(GOOD, units=None),
            "units cannot be told any more: systemd does not answer",
        ),
    ],
)
def test_each_loss_is_named(after: Vitals, words: str) -> None:
    """Names, routes, rules and units that are gone are said, with what they were."""
    (said,) = losses(GOOD, after).in_words()
    assert said.startswith(words)
    assert after.rules is None or after.units is None or "(look at " in said


@given(vitals)
def test_what_stays_is_no_loss(seen: Vitals) -> None:
    """A host that is as it was has lost nothing, however bad that was."""
    assert losses(seen, seen).in_words() == ()
    assert losses(None, seen) == Losses()


@given(vitals, vitals)
def test_only_what_was_there_can_be_lost(before: Vitals, after: Vitals) -> None:
    """No name, way or rule is called lost that was not there before."""
    lost = losses(before, after)
    assert {name for name in lost.names if not name.startswith("anything")} <= {*before.resolved}
    assert {*lost.ways} <= {*before.ways}
    assert {*lost.rules} <= {*(before.rules or ())}
    running = {unit.name for unit in before.units or () if unit.state == "active"}
    assert {unit.split(" ")[0] for unit in lost.units} <= running


@pytest.mark.parametrize(
    ("name", "state", "is_enabled", "is_lost"),
    [
        ("systemd-timedated.service", "inactive", False, False),  # it ends by itself when idle
        ("systemd-timedated.service", "failed", False, True),
        ("nginx.service", "inactive", True, True),
        ("nginx.service", "auto-restart", True, True),
        ("nginx.service", "activating", True, False),  # still on its way
        ("ssh.service", "inactive", False, True),  # whatever started it: we came in by it
        ("own.service", "inactive", False, True),  # declared
    ],
)
def test_units_that_come_and_go_are_not_missed(
    name: str, state: str, *, is_enabled: bool, is_lost: bool
) -> None:
    """What ends for good reasons is no loss; what crashed is, and so is what must stay."""
    before = with_unit(name, "active", is_enabled=is_enabled)
    after = with_unit(name, state, is_enabled=is_enabled)
    assert bool(losses(before, after, {"own.service"}).units) is is_lost


def test_rules_of_containers_may_come_and_go() -> None:
    """Of many rules a few may go; when most go together, they were flushed."""
    many = replace(GOOD, rules=tuple(f"IPv4 {n}: from all lookup {n}" for n in range(20)))
    assert not losses(many, replace(many, rules=(many.rules or ())[5:])).rules
    assert len(losses(many, replace(many, rules=())).rules) == 20


def test_a_nameserver_that_is_no_longer_asked_needs_no_way() -> None:
    """Another resolver that answers is no lost route; one that is asked still and cut off is."""
    moved = replace(
        GOOD,
        nameservers=("192.0.2.54",),
        ways=("a default route over IPv4", "the nameserver 192.0.2.54"),
    )
    assert losses(GOOD, moved).in_words() == ()
    cut = replace(GOOD, ways=("a default route over IPv4",))
    assert losses(GOOD, cut).ways == ("the nameserver 192.0.2.53",)


@given(vitals, vitals)
def test_what_is_kept_is_enough(before: Vitals, after: Vitals) -> None:
    """What is stored of a host loses nothing that anything is held against later."""
    kept = from_lines(to_text(before).split("\n"))
    assert losses(kept, after).in_words() == losses(before, after).in_words()
    assert to_text(kept) == to_text(before)


def test_what_is_no_loss_is_still_said() -> None:
    """Other nameservers that work, and a unit that fails and is not critical, are notes."""
    after = replace(GOOD, nameservers=("192.0.2.54",), failed_units=("cron-job.service",))
    found = losses(GOOD, after)
    assert found.in_words() == ()
    assert found.notes == (
        "other nameservers than before: 192.0.2.54",
        "failed since, and not critical: cron-job.service",
    )


def test_a_wrong_clock_is_said_with_its_size() -> None:
    """A day behind is refused, a minute is not; a host that tells no time is not judged."""
    limit = timedelta(minutes=10)
    assert "1440 minutes behind" in clock_problem(NOW - timedelta(days=1), NOW, limit)
    assert "11 minutes ahead" in clock_problem(NOW + timedelta(minutes=11), NOW, limit)
    assert not clock_problem(NOW + timedelta(minutes=1), NOW, limit)
    assert not clock_problem(None, NOW, limit)
