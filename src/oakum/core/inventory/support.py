"""How long a release gets fixes: after that, silence of its vendor is no good news."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from oakum.core.errors import InputError
from oakum.core.text import counted

SOON = timedelta(days=120)
HEADINGS = ["release", "supported_until", "extended_until"]


@dataclass(frozen=True, slots=True)
class ReleaseSupport:
    """The last days on which a release gets fixes."""

    release: str
    supported_until: date
    """Its own time; of Debian, that of the LTS team, which leaves packages out."""
    extended_until: date | None
    """For who pays for more; None where nobody sells that."""


Supported = Mapping[str, ReleaseSupport]
"""By release, as vendor data names it, or by codename."""


def laid_over(newer: Supported, older: Supported) -> Supported:
    """Return what either table knows; where both do, the newer, with what only the older adds."""
    return {**older} | {
        name: known
        if known.extended_until is not None or name not in older
        else replace(known, extended_until=older[name].extended_until)
        for name, known in newer.items()
    }


def parse_support(text: str, place: str) -> Supported:
    """Return the table. Raises InputError with the line that makes no sense."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    headings, *rows = [*csv.reader(lines)] or [[]]
    if headings != HEADINGS:
        raise InputError(f"{place}: its columns are not {', '.join(HEADINGS)}")
    found = {}
    for row in rows:
        try:
            release, supported, extended = row
            found[release] = ReleaseSupport(
                release,
                date.fromisoformat(supported),
                date.fromisoformat(extended) if extended else None,
            )
        except ValueError as error:
            raise InputError(f"{place}: {','.join(row)}: {error}") from error
    return found


def ended_or_ending(releases: Iterable[str], table: Supported, today: date) -> Iterator[str]:
    """Give a line for each release of these hosts whose support has ended or soon will.

    `releases` has the release of each host, so that the line can say how many they are.
    """
    for release, count in sorted(Counter(releases).items()):
        support = table.get(release)
        if support is None or today + SOON < support.supported_until:
            continue
        hosts = counted(count, "host runs", "hosts run")
        end, more = support.supported_until, support.extended_until
        line = f"{hosts} {release}, whose support {'ended' if end < today else 'ends'} on {end}"
        if more is not None and today <= more:
            line += f" (until {more} for who pays for more)"
        if end < today:
            line += ": what was found in it since then gets no fix, and no advisory names it"
        yield line
