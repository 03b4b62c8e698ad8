"""Moments as people type them."""

from datetime import UTC, datetime, timedelta

import pytest

from oakum.core.errors import InputError
from oakum.entrypoints.cli.moments import parse_moment, parse_past

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def test_a_moment_is_understood_in_its_own_zone() -> None:
    """And returned in UTC."""
    assert parse_moment("2026-11-25T14:00+02:00", "--opens") == NOW


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("soon", "--opens 'soon' is no moment"),
        ("", "is no moment"),
        ("2026-11-25T10:00", "names no time zone"),
        ("0001-01-01T00:00+14:00", "beyond all calendars"),
        ("2026-13-01T00:00+00:00", "is no moment"),
    ],
)
def test_what_is_no_moment_is_said_with_its_option(text: str, said: str) -> None:
    """Whoever reads it knows which of several to mend."""
    with pytest.raises(InputError, match=said):
        parse_moment(text, "--opens")


def test_a_date_means_the_end_of_its_day() -> None:
    """Today's means now: the day has not ended."""
    assert parse_past("2026-03-12", "--as-of", NOW) == datetime(2026, 3, 13, tzinfo=UTC)
    assert parse_past("2026-11-25", "--as-of", NOW) == NOW
    hour = timedelta(hours=1)
    assert parse_past("2026-11-25T11:00+00:00", "--as-of", NOW) == NOW - hour


@pytest.mark.parametrize("text", ["2026-11-26", "2026-11-25T12:01+00:00", "9999-12-31"])
def test_what_has_not_come_is_said(text: str) -> None:
    """Nothing can be known of it."""
    with pytest.raises(InputError, match="has not come yet"):
        parse_past(text, "--as-of", NOW)


@pytest.mark.parametrize("text", ["2026-02-30", "x", "2026-3-1"])
def test_what_is_no_date_is_said(text: str) -> None:
    """With the option."""
    with pytest.raises(InputError, match="--as-of"):
        parse_past(text, "--as-of", NOW)
