"""Windows open when their local clocks say so, and never otherwise."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.core.errors import InputError
from oakum.core.planning.openings import Freeze, Opening, intersection, to_begin, union, without
from oakum.core.planning.windows import MaintenanceWindow, parse_window

HOUR = timedelta(hours=1)
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]
RULES = [
    "FREQ=DAILY",
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=DAILY;BYDAY=MO,TU",
    "FREQ=WEEKLY;BYDAY=SA,SU",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
    "RRULE:FREQ=MONTHLY;BYDAY=2TU",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
]


def window(
    rule: str = "FREQ=DAILY",
    starts: datetime = datetime(2026, 1, 1, 2, 30),  # noqa: DTZ001 -- local on purpose
    hours: float = 4,
    zone: str = "Europe/Berlin",
) -> MaintenanceWindow:
    return parse_window(
        "nightly",
        rule=rule,
        starts=starts,
        duration=hours * HOUR,
        zone=zone,
        where="oakum.toml: [windows.nightly]",
    )


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("zone", "day", "opens_at"),
    [
        ("Europe/Berlin", (2026, 3, 28), (2026, 3, 28, 1, 30)),
        ("Europe/Berlin", (2026, 3, 29), (2026, 3, 29, 1, 30)),  # skipped: 03:30 CEST
        ("Europe/Berlin", (2026, 3, 30), (2026, 3, 30, 0, 30)),
        ("Europe/Berlin", (2026, 10, 25), (2026, 10, 25, 0, 30)),  # twice: the first
        ("Europe/Berlin", (2026, 10, 26), (2026, 10, 26, 1, 30)),
        ("America/New_York", (2026, 3, 8), (2026, 3, 8, 7, 30)),  # skipped: 03:30 EDT
        ("America/New_York", (2026, 11, 2), (2026, 11, 2, 7, 30)),
        # Lord Howe moves by half an hour: 02:00 to 02:30 is skipped in October.
        ("Australia/Lord_Howe", (2026, 10, 3), (2026, 10, 2, 16, 0)),
        ("Australia/Lord_Howe", (2026, 10, 4), (2026, 10, 3, 15, 30)),
    ],
)
def test_a_window_opens_by_its_local_clock(
    zone: str, day: tuple[int, int, int], opens_at: tuple[int, ...]
) -> None:
    """02:30 is 02:30 before and after a change of the clocks, and in the gap has a meaning."""
    noon_before = utc(*opens_at) - 6 * HOUR
    found = next(window(zone=zone).openings(noon_before, noon_before + 48 * HOUR))
    assert found == Opening(utc(*opens_at), utc(*opens_at) + 4 * HOUR), day


@pytest.mark.parametrize(
    ("zone", "hour", "minute", "opens_at"),
    [
        ("America/New_York", 1, 30, (2026, 11, 1, 5, 30)),  # twice: the first, in EDT
        ("Australia/Lord_Howe", 1, 45, (2026, 4, 4, 14, 45)),  # twice: the first, at +11
        ("Australia/Lord_Howe", 2, 15, (2026, 10, 3, 15, 45)),  # skipped: read at +10:30
    ],
)
def test_a_time_that_occurs_twice_is_the_first(
    zone: str, hour: int, minute: int, opens_at: tuple[int, ...]
) -> None:
    """A window opens once in the night in which an hour occurs twice, and in a gap as before."""
    starts = datetime(2026, 1, 1, hour, minute)  # noqa: DTZ001 -- local on purpose
    short = window(starts=starts, hours=0.1, zone=zone)
    around = short.openings(utc(*opens_at) - 12 * HOUR, utc(*opens_at) + 12 * HOUR)
    assert [opening.opens_at for opening in around] == [utc(*opens_at)]


def is_open(found: MaintenanceWindow, moment: datetime) -> bool:
    return any(o.contains(moment) for o in found.openings(moment, moment + HOUR))


def test_a_host_that_would_not_end_in_time_is_not_begun() -> None:
    """The cutoff is the predicted end of the host, not the close of the window."""
    opening = Opening(utc(2026, 5, 1, 2, 30), utc(2026, 5, 1, 6, 30))
    assert to_begin([opening], 1800) == (Opening(opening.opens_at, utc(2026, 5, 1, 6, 0)),)
    assert to_begin([opening], 4 * 3600) == ()


def test_a_window_of_days_is_open_on_its_last() -> None:
    """What opened days ago still counts today."""
    week = window("FREQ=MONTHLY", hours=168, zone="UTC")
    assert is_open(week, utc(2026, 5, 8, 1, 30))
    assert not is_open(week, utc(2026, 5, 8, 2, 30))


def test_a_rule_ends_with_its_until() -> None:
    """A day alone counts whole; a time in UTC is that moment."""
    for until in ("20260110", "20260110T023000", "20260110T013000Z"):
        ending = window(f"FREQ=DAILY;UNTIL={until}")
        assert is_open(ending, utc(2026, 1, 10, 1, 30))
        assert not list(ending.openings(utc(2026, 1, 10, 5, 30), utc(2026, 3, 1)))
    assert not is_open(window("FREQ=DAILY;UNTIL=20260110T022959"), utc(2026, 1, 10, 1, 30))


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "FREQ",
        "FREQ=SECONDLY",
        "FREQ=MINUTELY",
        "FREQ=HOURLY",
        "FREQ=DAILY;FREQ=DAILY",
        "FREQ=DAILY;COUNT=999999999999",
        "FREQ=DAILY;BYHOUR=1,2,3",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=999999999999",
        "FREQ=DAILY;UNTIL=99999999",
        "FREQ=DAILY;UNTIL=99991231T235959Z ",
        "FREQ=DAILY;UNTIL=20251231",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=MONTHLY;BYMONTHDAY=32",
        "FREQ=MONTHLY;BYDAY=6MO",
        "FREQ=MONTHLY;BYDAY=8TU",  # looked for beyond the end of December
        "FREQ=MONTHLY;BYDAY=0MO",
        "FREQ=YEARLY;BYMONTH=12;BYDAY=8TU",
        "FREQ=YEARLY;BYDAY=54MO",
        "FREQ=WEEKLY;BYDAY=2TU",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=13",
        "FREQ=DAILY\nDTSTART:20260101T000000",
        "FREQ=DAILY;BYDAY=" + "MO," * 1000,
    ],
)
def test_a_hostile_rule_is_refused_with_its_place(rule: str) -> None:
    """It ends at once, and the message says where the rule stands."""
    with pytest.raises(InputError, match=r"oakum\.toml: \[windows\.nightly\]: window 'nightly'"):
        window(rule)


@pytest.mark.parametrize(
    "zone",
    [
        "", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "Europe", "right/UTC", "a\0/b",
        "localtime", "posixrules", "Factory", "leapseconds",
    ],
)  # fmt: skip
def test_an_unknown_zone_is_refused(zone: str) -> None:
    """A guess at the zone would open the window at the wrong hour."""
    with pytest.raises(InputError, match="there is no time zone"):
        window(zone=zone)


@pytest.mark.parametrize(("zone", "hour"), [("CET", 1), ("GMT", 2), ("EST5EDT", 7), ("UTC", 2)])
def test_a_zone_without_a_continent_is_known(zone: str, hour: int) -> None:
    """Hosts call theirs so, and are not told that there is none."""
    opening = next(window(zone=zone).openings(utc(2026, 1, 5, 12), utc(2026, 1, 7, 12)))
    assert (opening.opens_at.hour, opening.opens_at.minute) == (hour, 30)


@pytest.mark.parametrize("year", [1, 1999, 2101, 9999])
def test_a_start_far_away_is_refused(year: int) -> None:
    """Walking from there would take long, and nobody means it."""
    with pytest.raises(InputError, match="cannot start"):
        window(starts=datetime(year, 1, 1))  # noqa: DTZ001 -- local on purpose


@pytest.mark.parametrize("hours", [-1, 0, 169])
def test_a_senseless_duration_is_refused(hours: int) -> None:
    """A window has a length, of a week at most."""
    with pytest.raises(InputError, match="cannot be open"):
        window(hours=hours)


MOMENTS = st.datetimes(
    datetime(2026, 1, 1),  # noqa: DTZ001 -- the zone is given apart
    datetime(2030, 12, 31),  # noqa: DTZ001 -- the same
    timezones=st.just(UTC),
)


@given(st.sampled_from(RULES), st.sampled_from(ZONES), MOMENTS, st.integers(1, 30))
def test_what_is_open_does_not_depend_on_where_one_begins_to_look(
    rule: str, zone: str, moment: datetime, hours: int
) -> None:
    """Also when the clocks change, and for a window that opened before."""
    found = window(rule, hours=hours, zone=zone)
    far = found.openings(moment - timedelta(days=40), moment + HOUR)
    assert is_open(found, moment) == any(opening.contains(moment) for opening in far)


def openings() -> st.SearchStrategy[list[Opening]]:
    begin = utc(2026, 1, 1)
    one = st.tuples(st.integers(0, 40), st.integers(1, 9)).map(
        lambda pair: Opening(begin + pair[0] * HOUR, begin + sum(pair) * HOUR)
    )
    return st.lists(one, max_size=5)


@given(openings(), openings(), openings(), st.integers(0, 50))
def test_sets_of_openings_are_sets_of_moments(
    left: list[Opening], right: list[Opening], frozen: list[Opening], hour: int
) -> None:
    """Union, intersection and freezes mean for each moment what their names say."""
    moment = utc(2026, 1, 1) + hour * HOUR

    def inside(found: list[Opening] | tuple[Opening, ...]) -> bool:
        return any(opening.opens_at <= moment < opening.closes_at for opening in found)

    freezes = [Freeze(opening.opens_at, opening.closes_at, "x") for opening in frozen]
    assert inside(union(left + right)) == (inside(left) or inside(right))
    assert inside(intersection(left, right)) == (inside(left) and inside(right))
    assert inside(without(left, freezes)) == (inside(left) and not inside(frozen))


def test_a_freeze_without_sense_is_refused() -> None:
    """A time without an offset, or an end before the beginning, freezes nothing for certain."""
    with pytest.raises(InputError, match="no offset"):
        Freeze(datetime(2026, 1, 1), utc(2026, 1, 2), "x")  # noqa: DTZ001 -- the point
    with pytest.raises(InputError, match="ends before"):
        Freeze(utc(2026, 1, 2), utc(2026, 1, 1), "x")
