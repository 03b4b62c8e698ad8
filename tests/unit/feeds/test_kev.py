import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import strategies as st
from tests.strategies import json_values

from oakum.adapters.feeds.cisa.kev import parse_kev
from oakum.adapters.feeds.parsing import Parsed
from oakum.core.text import is_plain

GOLDEN = Path(__file__).parents[2] / "golden" / "feeds"
KEV = (GOLDEN / "kev.json").read_bytes()
entries = json_values | st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["open", "resolved", "undetermined", "x", 1]),
        "fixed_version": st.sampled_from(["1", "0", "-", "", 5]),
        "urgency": json_values | st.just("low"),
    },
)


def kev(entry: object, **changes: object) -> Parsed:
    catalogue = {"dateReleased": "2026-08-07T16:45:47Z", "count": 1, "vulnerabilities": [entry]}
    return parse_kev(json.dumps(catalogue | changes).encode())


def test_kev_excerpt() -> None:
    """The entries with their dates and use by ransomware, and the date of the catalogue in UTC."""
    parsed = parse_kev(KEV)
    assert parsed.unreadable == []
    assert parsed.data_as_of == datetime(2026, 8, 7, 16, 45, 47, 64800, tzinfo=UTC)
    found = {str(signal.cve): signal.kev for signal in parsed.signals}
    rapid, log4j = found["CVE-2023-44487"], found["CVE-2021-44228"]
    assert rapid is not None
    assert log4j is not None
    assert (rapid.added_on, rapid.due_on) == (date(2023, 10, 10), date(2023, 10, 31))
    assert (rapid.is_used_by_ransomware, log4j.is_used_by_ransomware) == (False, True)


@pytest.mark.parametrize(
    "entry",
    [
        {"cveID": "CVE-2026-0001"},
        {"cveID": "CVE-2026-0001", "dateAdded": "soon"},
        {"cveID": "\x1b[31m", "dateAdded": "2026-01-01"},
        {"cveID": 5, "dateAdded": "2026-01-01"},
        7,
    ],
)
def test_a_kev_entry_that_makes_no_sense_is_counted(entry: object) -> None:
    """The other entries are read."""
    parsed = kev(entry)
    assert parsed.signals == []
    assert len(parsed.unreadable) == 1
    assert parsed.unreadable[0].startswith("vulnerabilities[0]")
    assert is_plain(parsed.unreadable[0])


def test_a_kev_catalogue_with_missing_entries_says_so() -> None:
    """Its own count is held against what it holds."""
    parsed = kev({"cveID": "CVE-2026-0001", "dateAdded": "2026-01-01"}, count=2)
    assert parsed.unreadable == ["the catalogue says 2 entries and holds 1"]


def test_a_date_without_a_zone_is_utc() -> None:
    """It does not hang on where the controller stands."""
    parsed = kev(
        {"cveID": "CVE-2026-0001", "dateAdded": "2026-01-01"}, dateReleased="2026-08-07T01:00:00"
    )
    assert parsed.data_as_of == datetime(2026, 8, 7, 1, tzinfo=UTC)
