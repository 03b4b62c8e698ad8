"""What windows and freezes leave of the time to come."""

from datetime import UTC, datetime, timedelta

import pytest

from oakum.core.errors import InputError, RefusedError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Host
from oakum.core.planning.openings import Freeze, Opening
from oakum.core.planning.schedule import FreezeRule, Rules, ScheduledHost, WindowRule

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
"""A Wednesday."""
TWO = datetime(2026, 1, 1, 2, 0)  # noqa: DTZ001 -- local on purpose
HOUR = timedelta(hours=1)


def host(name: str, *labels: str, zone: str = "UTC", seconds: int = 600) -> ScheduledHost:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    known = Host(HostId(name), name, "127.0.0.1", 22, "root", "ssh-ed25519 A", at, labels)
    return ScheduledHost(known, zone, seconds)


def night(
    name: str = "night", selector: str = "*", rule: str = "FREQ=DAILY", zone: str = "UTC"
) -> WindowRule:
    return WindowRule(name, selector, rule, TWO, 2 * HOUR, zone)


def rules(*windows: WindowRule, freezes: tuple[FreezeRule, ...] = ()) -> Rules:
    return Rules(windows, freezes, "oakum.toml")


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def test_hosts_that_no_rule_names_are_not_bound() -> None:
    """They may begin at any time, as before."""
    assert rules().schedule([host("a")], NOW) == ()
    found = rules(night(selector="role:web")).schedule([host("a"), host("b", "role=web")], NOW)
    assert [bound.hosts for bound in found] == [(HostId("b"),)]


def test_an_opening_ends_with_the_last_moment_to_begin() -> None:
    """Two hours, and a host that takes ten minutes."""
    (bound,) = rules(night()).schedule([host("a")], NOW)
    assert bound.windows == ("night",)
    assert bound.openings[0] == Opening(utc(26, 2), utc(26, 3, 50))
    assert len(bound.openings) == 28


def test_a_window_that_is_open_now_is_open_from_now() -> None:
    """And hosts of other lengths have other last moments."""
    found = rules(night()).schedule([host("a"), host("b", seconds=60)], utc(26, 3))
    firsts = {bound.hosts[0]: bound.openings[0] for bound in found}
    assert firsts == {
        "a": Opening(utc(26, 3), utc(26, 3, 50)),
        "b": Opening(utc(26, 3), utc(26, 3, 59)),
    }


def test_several_windows_are_all_of_them() -> None:
    """Any of them may be open."""
    sunday = WindowRule("sunday", "*", "FREQ=WEEKLY;BYDAY=SU", TWO, 8 * HOUR, "UTC")
    (bound,) = rules(night(), sunday).schedule([host("a")], NOW)
    assert bound.windows == ("night", "sunday")
    assert Opening(utc(29, 2), utc(29, 9, 50)) in bound.openings


def test_a_freeze_binds_also_hosts_without_a_window() -> None:
    """Nothing begins in it, and nothing that would end in it."""
    sale = FreezeRule("role:shop", Freeze(utc(26, 0), utc(28, 0), "sale"))
    (bound,) = rules(freezes=(sale,)).schedule([host("a", "role=shop"), host("b")], NOW)
    assert (bound.windows, bound.hosts) == ((), (HostId("a"),))
    assert bound.openings[0] == Opening(NOW, utc(25, 23, 50))
    assert bound.openings[1].opens_at == utc(28, 0)


def test_a_window_without_a_zone_is_in_the_hosts_own_time() -> None:
    """Two o'clock in Tokyo is five o'clock in the afternoon before, in UTC."""
    hosts = [host("a", zone="Asia/Tokyo"), host("b", zone="Europe/Berlin")]
    found = rules(night(zone="")).schedule(hosts, NOW)
    assert {bound.hosts[0]: bound.openings[0].opens_at for bound in found} == {
        "a": utc(25, 17),
        "b": utc(26, 1),
    }
    with pytest.raises(RefusedError, match="the time zone of c is not known, and its window"):
        rules(night(zone="")).schedule([host("c", zone="")], NOW)


def test_a_host_that_could_never_begin_is_refused_by_name() -> None:
    """Its change takes longer than the window is open, or all is frozen."""
    with pytest.raises(RefusedError, match=r"^a, b could not begin in the next 28 days: .* 7200 s"):
        rules(night()).schedule([host("a", seconds=7200), host("b", seconds=7200)], NOW)
    ever = FreezeRule("*", Freeze(utc(1, 0), utc(1, 0) + timedelta(days=90), "audit"))
    with pytest.raises(RefusedError, match="what is frozen leaves") as caught:
        rules(freezes=(ever,)).schedule([host("a")], NOW)
    assert "frozen: audit" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (night(rule="FREQ=HOURLY"), "has no FREQ that is known"),
        (night(zone="Mars/Olympus"), "no time zone"),
        (night(selector="((("), r"\(\(\("),
    ],
)
def test_a_rule_without_sense_is_an_error_before_any_host_needs_it(
    declared: WindowRule, words: str
) -> None:
    """With its place."""
    with pytest.raises(InputError, match=words):
        rules(declared).require_sense()


def test_two_windows_of_one_name_are_refused() -> None:
    """A plan that says `night` must mean one of them."""
    with pytest.raises(InputError, match="two windows are called 'night'"):
        rules(night(), night(rule="FREQ=WEEKLY")).require_sense()
