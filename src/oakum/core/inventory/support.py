"""How long a release gets fixes: after that, silence of its vendor is no good news."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from oakum.core.errors import InputError
from oakum.core.text import counted

SOON = timedelta(days=120)
HEADINGS = ["codename", "security_until", "lts_until"]


@dataclass(frozen=True, slots=True)
class ReleaseSupport:
    """The last days on which a release is supported for free."""

    codename: str
    security_until: date
    lts_until: date
    """By the LTS team, and not every package."""


Supported = Mapping[str, ReleaseSupport]
"""By codename."""


def parse_support(text: str, place: str) -> Supported:
    """Return the table. Raises InputError with the line that makes no sense."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    headings, *rows = [*csv.reader(lines)] or [[]]
    if headings != HEADINGS:
        raise InputError(f"{place}: its columns are not {', '.join(HEADINGS)}")
    found = {}
    for row in rows:
        try:
            codename, security, lts = row
            found[codename] = ReleaseSupport(
                codename, date.fromisoformat(security), date.fromisoformat(lts)
            )
        except ValueError as error:
            raise InputError(f"{place}: {','.join(row)}: {error}") from error
    return found


def ended_or_ending(releases: Iterable[str], table: Supported, today: date) -> Iterator[str]:
    """Give a line for each release of these hosts whose support has ended or soon will.

    `releases` has the codename of each host, so that the line can say how many they are.
    """
    every = list(releases)
    for codename in sorted(set(every)):
        support = table.get(codename)
        if support is None or today + SOON < support.lts_until:
            continue
        hosts = counted(every.count(codename), "host runs", "hosts run")
        if support.lts_until < today:
            yield (
                f"{hosts} {codename}, whose support ended on {support.lts_until}: "
                "what was found in it since then gets no fix, and no advisory names it"
            )
        else:
            yield f"{hosts} {codename}, whose support ends on {support.lts_until}"
