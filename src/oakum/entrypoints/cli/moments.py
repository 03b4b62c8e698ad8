"""Moments as people type them: ISO 8601 with a zone, or a date."""

import re
from datetime import UTC, datetime, timedelta

from oakum.core.errors import InputError
from oakum.core.text import one_line

DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse_moment(text: str, option: str) -> datetime:
    """Return the moment in UTC. Raises InputError, which names the option."""
    shown = f"{option} {one_line(text, 60)!r}"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{shown} is no moment", hint="write: 2026-11-25T22:00+01:00") from error
    if moment.tzinfo is None:
        raise InputError(f"{shown} names no time zone", hint="write: 2026-11-25T22:00+01:00")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise InputError(f"{shown} is beyond all calendars") from error


def parse_past(text: str, option: str, now: datetime) -> datetime:
    """Return a moment that has passed; a date alone means the end of that day in UTC."""
    is_date = DATE.fullmatch(text) is not None
    moment = parse_moment(f"{text}T00:00+00:00" if is_date else text, option)
    if moment > now:
        raise InputError(
            f"{option} {one_line(text, 60)!r} has not come yet",
            hint=f"it is {now:%Y-%m-%d %H:%M} UTC now",
        )
    return min(moment + timedelta(days=1), now) if is_date else moment
