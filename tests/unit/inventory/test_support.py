"""How long a release gets fixes."""

from datetime import date

import pytest

from oakum.adapters.releases.shipped import shipped_releases
from oakum.core.errors import InputError
from oakum.core.inventory.distribution import (
    DEBIAN_RELEASES,
    UBUNTU_RELEASES,
    Distribution,
)
from oakum.core.inventory.support import ended_or_ending, parse_support

HEADINGS = "release,supported_until,extended_until\n"
TABLE = parse_support(
    f"# where from\n{HEADINGS}bullseye,2026-08-31,2031-06-30\nalpine:3.20,2026-04-01,\n", "table"
)


PAID = " (until 2031-06-30 for who pays for more)"
ENDS = "2 hosts run bullseye, whose support ends on 2026-08-31" + PAID
SILENCE = ": what was found in it since then gets no fix, and no advisory names it"
ENDED = ENDS.replace("ends", "ended") + SILENCE


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (date(2026, 5, 2), []),
        (date(2026, 5, 3), [ENDS]),
        (date(2026, 8, 31), [ENDS]),
        (date(2026, 9, 1), [ENDED]),
    ],
)
def test_the_end_of_support_is_said_in_time(today: date, said: list[str]) -> None:
    """Once for all hosts of a release; of other releases nothing is known."""
    assert list(ended_or_ending(["bullseye", "sid", "bullseye"], TABLE, today)) == said


@pytest.mark.parametrize(
    "text", ["a,b\n", f"{HEADINGS}x,2024-01-01\n", f"{HEADINGS}x,2024-01-01,soon\n"]
)
def test_a_table_that_makes_no_sense_is_an_error_with_its_place(text: str) -> None:
    """It is not half-read."""
    with pytest.raises(InputError, match="table: "):
        parse_support(text, "table")


def test_where_nobody_sells_more_the_end_is_the_end() -> None:
    """And the day after extended support it is, too."""
    (line,) = ended_or_ending(["alpine:3.20"], TABLE, date(2026, 11, 25))
    assert line == "1 host runs alpine:3.20, whose support ended on 2026-04-01" + SILENCE
    (line,) = ended_or_ending(["bullseye"], TABLE, date(2031, 7, 1))
    assert line == "1 host runs bullseye, whose support ended on 2026-08-31" + SILENCE


@pytest.mark.parametrize("release", sorted({*DEBIAN_RELEASES.values(), *UBUNTU_RELEASES.values()}))
def test_the_shipped_table_knows_every_release_that_is_judged(release: str) -> None:
    """Also those of which data names more than the first number."""
    assert release in shipped_releases()


@pytest.mark.parametrize(
    ("system", "version", "until"),
    [
        ("almalinux", "9.4", date(2032, 5, 31)),
        ("rocky", "8.10", date(2029, 5, 31)),
        ("rhel", "9.2", date(2032, 5, 31)),
        ("sles", "15", date(2019, 12, 31)),
        ("sles", "15.6", date(2025, 12, 31)),
        ("opensuse-leap", "15.6", date(2026, 4, 30)),
        ("alpine", "3.20.3", date(2026, 4, 1)),
    ],
)
def test_the_table_names_releases_as_vendor_data_does(
    system: str, version: str, until: date
) -> None:
    """So that a host's release is found in it."""
    known = shipped_releases()[Distribution(system, version, "").named]
    assert known.supported_until == until


def test_the_shipped_dates_of_debian_are_debians() -> None:
    """Free support ends with LTS."""
    assert shipped_releases()["bookworm"].supported_until == date(2028, 6, 30)


def test_an_empty_table_is_refused() -> None:
    """It has not even columns."""
    with pytest.raises(InputError, match="its columns are not"):
        parse_support("# nothing", "debian.csv")
