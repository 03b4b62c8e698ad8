"""Maintenance windows: rules in local time become openings in absolute time.

A rule is a part of RFC 5545 (section 3.3.10), walked by dateutil. Two choices follow that text:
a local time that the clocks skip is read with the offset before the gap, one that occurs twice
is the first of the two. A duration is elapsed time: a window of four hours has four hours, also in
the night in which the clocks change.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

from oakum.core.errors import InputError
from oakum.core.planning.openings import SHOWN, Opening
from oakum.core.text import one_line

MAX_DURATION: Final = timedelta(days=7)
FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2100
"""Rules begin between these years, so that walking one from its start stays short."""
LOOKED_AT: Final = timedelta(days=4096)
"""Within this a rule must fall on some day; it holds every leap day."""
_DAY: Final = timedelta(days=1)
_MAX_RULE: Final = 200
_PARTS_OF: Final = {
    "DAILY": {"INTERVAL", "BYDAY", "UNTIL"},
    "WEEKLY": {"INTERVAL", "BYDAY", "UNTIL", "WKST"},
    "MONTHLY": {"INTERVAL", "BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS", "UNTIL"},
    "YEARLY": {"INTERVAL", "BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS", "UNTIL"},
}
"""What is read of each frequency. dateutil walks to the year 9999 when a rule falls on no day;
daily and weekly rules of these parts always fall on one, and the others are few steps."""
_ZONE: Final = re.compile(
    r"(?!posix|right/|localtime|Factory)[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}", re.ASCII
)
"""Without what is no name of a place: `localtime` would be this machine's own."""
_WEEKDAY: Final = re.compile(r"(?:[+-]?(?P<number>[0-9]{1,2}))?(?:MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_UNTIL: Final = re.compile(r"\d{8}(T\d{6}Z?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """A recurring window. Made by `parse_window`, which refuses what cannot be walked."""

    name: str
    rule: str
    """FREQ and its parts, without UNTIL."""
    starts: datetime
    """DTSTART: local, without an offset."""
    until: datetime | None
    """The last moment at which it may open: local, without an offset."""
    duration: timedelta
    zone: ZoneInfo

    def openings(self, begin: datetime, end: datetime) -> Iterator[Opening]:
        """Yield, in order, what overlaps the time from `begin` to `end`. They may overlap."""
        earliest = _local(begin, self.zone) - self.duration - _DAY
        for local in _walk(self.rule, self.starts).xafter(earliest, inc=True):
            opens_at = local.replace(tzinfo=self.zone).astimezone(UTC)
            if opens_at >= end or (self.until is not None and local > self.until):
                return
            closes_at = opens_at + self.duration
            if closes_at > begin:
                yield Opening(opens_at, closes_at)


def parse_window(
    name: str, *, rule: str, starts: datetime, duration: timedelta, zone: str, where: str
) -> MaintenanceWindow:
    """Read a window; `zone` is its own, or the host's where it has none.

    `where` is the file and section that errors name. Raises InputError.
    """
    place = f"{where}: window {one_line(name, SHOWN)!r}"
    if starts.tzinfo is not None or not FIRST_YEAR <= starts.year <= LAST_YEAR:
        raise InputError(
            f"{place}: cannot start at {starts}",
            hint=f"give local time without an offset, from {FIRST_YEAR} to {LAST_YEAR}",
        )
    if not timedelta(0) < duration <= MAX_DURATION:
        raise InputError(
            f"{place}: cannot be open for {duration}", hint="more than 0 and at most 7 days"
        )
    found_zone = _zone(zone, place)
    parts = _parts(rule, place)
    until = _until(parts.pop("UNTIL", None), found_zone, place)
    kept = ";".join(f"{key}={value}" for key, value in parts.items())
    window = MaintenanceWindow(name, kept, starts, until, duration, found_zone)
    _require_a_day(window, place)
    return window


def _parts(rule: str, place: str) -> dict[str, str]:
    shown = one_line(rule, SHOWN)
    pairs = [part.partition("=") for part in rule.upper().removeprefix("RRULE:").split(";")]
    parts = {key: value for key, _, value in pairs}
    if len(rule) > _MAX_RULE or len(parts) != len(pairs) or not all(parts.values()):
        raise InputError(f"{place}: cannot read the rule {shown!r}", hint=_example())
    allowed = _PARTS_OF.get(parts.get("FREQ", ""))
    if allowed is None:
        raise InputError(
            f"{place}: rule {shown!r} has no FREQ that is known",
            hint="FREQ is DAILY, WEEKLY, MONTHLY or YEARLY",
        )
    if surplus := sorted(parts.keys() - allowed - {"FREQ"}):
        raise InputError(
            f"{place}: rule {shown!r} cannot have {', '.join(one_line(key) for key in surplus)}",
            hint=f"with FREQ={parts['FREQ']} it may have {', '.join(sorted(allowed))}; "
            "the time of day comes from its start",
        )
    _require_interval(parts, f"{place}: rule {shown!r}")
    _require_days(parts, f"{place}: rule {shown!r}")
    return parts


def _require_interval(parts: dict[str, str], place: str) -> None:
    interval = parts.get("INTERVAL", "1")
    if not re.fullmatch(r"[1-9]\d?", interval, re.ASCII):
        raise InputError(f"{place}: INTERVAL is from 1 to 99", hint=_example())
    if parts["FREQ"] == "DAILY" and interval != "1" and "BYDAY" in parts:
        # Every 14 days from a Monday and only on Tuesdays is never.
        raise InputError(
            f"{place}: a daily rule has INTERVAL or BYDAY, not both", hint="use FREQ=WEEKLY"
        )


def _require_days(parts: dict[str, str], place: str) -> None:
    """Refuse an eighth Tuesday of a month: dateutil looks for it beyond the end of the year."""
    in_month = parts["FREQ"] == "MONTHLY" or "BYMONTH" in parts
    most = 5 if in_month else 53 if parts["FREQ"] == "YEARLY" else 0
    for day in parts["BYDAY"].split(",") if "BYDAY" in parts else ():
        match = _WEEKDAY.fullmatch(day)
        number = match and (match["number"] or "")
        if number is None or (number and not 0 < int(number) <= most):
            raise InputError(
                f"{place}: BYDAY={one_line(day, SHOWN)} is no day",
                hint="days are MO, TU, WE, TH, FR, SA, SU; 2TU is the second Tuesday of the month, "
                "with FREQ=MONTHLY, and -1FR the last Friday",
            )


def _until(text: str | None, zone: ZoneInfo, place: str) -> datetime | None:
    """Read UNTIL as local time; a day alone counts whole."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text if _UNTIL.fullmatch(text) else "")
        if moment.tzinfo is not None:
            return _local(moment, zone)
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{place}: UNTIL={one_line(text, SHOWN)} is no time", hint="write UNTIL=20271231"
        ) from error
    return moment if "T" in text else moment.replace(hour=23, minute=59, second=59)


def _zone(name: str, place: str) -> ZoneInfo:
    try:
        return ZoneInfo(name if _ZONE.fullmatch(name) else "")
    except (KeyError, ValueError, OSError) as error:
        raise InputError(
            f"{place}: there is no time zone {one_line(name, SHOWN)!r}",
            hint="write an IANA name like Europe/Berlin, or UTC",
        ) from error


def _require_a_day(window: MaintenanceWindow, place: str) -> None:
    """Refuse what dateutil cannot read, and what falls on no day within the horizon."""
    try:
        first = _walk(window.rule, window.starts).after(window.starts, inc=True)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(
            f"{place}: cannot read the rule {one_line(window.rule, SHOWN)!r}", hint=_example()
        ) from error
    last = window.starts + LOOKED_AT
    if window.until is not None:
        last = min(last, window.until)
    if first is None or first > last:
        raise InputError(
            f"{place}: rule {one_line(window.rule, SHOWN)!r} never opens",
            hint="it falls on no day between its start and its end",
        )


def _walk(rule: str, starts: datetime) -> rrule:
    walked = rrulestr(rule, dtstart=starts)
    if not isinstance(walked, rrule):
        raise TypeError(rule)
    return walked


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _example() -> str:
    return "write it like FREQ=WEEKLY;BYDAY=SA,SU"
