"""How long a release gets fixes."""

from datetime import date

import pytest

from oakum.adapters.releases.shipped import shipped_releases
from oakum.core.errors import InputError
from oakum.core.inventory.support import ended_or_ending, parse_support

TABLE = parse_support(
    "# where from\ncodename,security_until,lts_until\nbullseye,2024-08-14,2026-08-31\n", "table"
)


ENDS = "2 hosts run bullseye, whose support ends on 2026-08-31"
ENDED = (
    "2 hosts run bullseye, whose support ended on 2026-08-31: "
    "what was found in it since then gets no fix, and no advisory names it"
)


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


HEADINGS = "codename,security_until,lts_until\n"


@pytest.mark.parametrize(
    "text", ["a,b\n", f"{HEADINGS}x,2024-01-01\n", f"{HEADINGS}x,2024-01-01,soon\n"]
)
def test_a_table_that_makes_no_sense_is_an_error_with_its_place(text: str) -> None:
    """It is not half-read."""
    with pytest.raises(InputError, match="table: "):
        parse_support(text, "table")


def test_the_shipped_table_knows_every_release_that_is_judged() -> None:
    """Its dates are Debian's."""
    table = shipped_releases()
    assert {"bullseye", "bookworm", "trixie"} <= set(table)
    assert table["bookworm"].security_until == date(2026, 7, 11)
    assert table["bookworm"].lts_until == date(2028, 6, 30)


def test_an_empty_table_is_refused() -> None:
    """It has not even columns."""
    with pytest.raises(InputError, match="its columns are not"):
        parse_support("# nothing", "debian.csv")
