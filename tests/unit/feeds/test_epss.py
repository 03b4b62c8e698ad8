from datetime import UTC, datetime
from pathlib import Path

import pytest

from oakum.adapters.feeds.first.epss import parse_epss
from oakum.core.errors import InputError
from oakum.core.text import is_plain

GOLDEN = Path(__file__).parents[2] / "golden" / "feeds"
EPSS = (GOLDEN / "epss.csv").read_bytes()


def test_epss_excerpt() -> None:
    """Probabilities in millionths, and the date of the scores."""
    parsed = parse_epss(EPSS)
    assert parsed.data_as_of == datetime(2026, 8, 16, tzinfo=UTC)
    found = {str(s.cve): s.epss.probability_ppm for s in parsed.signals if s.epss}
    assert found["CVE-2025-48384"] == 28_390
    assert found["CVE-2021-44228"] == 999_990


@pytest.mark.parametrize(
    "row",
    ["CVE-2026-0001,1.5,0", "CVE-2026-0001,-0.1,0", "CVE-2026-0001,NaN,0", "CVE-2026-0001,x,0",
     "CVE-2026-0001,0.5", "CVE-1,0.5,0.5", "\x1b[31m,0.5,0.5", "CVE-2026-0001,1E999999999,0"],
)  # fmt: skip
def test_an_epss_row_that_makes_no_sense_is_counted(row: str) -> None:
    """With the number of its line."""
    parsed = parse_epss(EPSS + row.encode() + b"\n")
    assert len(parsed.signals) == 4
    assert len(parsed.unreadable) == 1
    assert parsed.unreadable[0].startswith("line 7: ")
    assert is_plain(parsed.unreadable[0])


@pytest.mark.parametrize(
    "content",
    [b"", b"cve,epss,percentile\n", EPSS[:60], b"\xff\xfe", EPSS.replace(b"2026-08-16", b"someday"),
     EPSS.replace(b"cve,epss", b"cve,other")],
)  # fmt: skip
def test_what_is_no_epss_file_is_refused(content: bytes) -> None:
    """The hint says that the last good copy stays."""
    with pytest.raises(InputError, match="EPSS"):
        parse_epss(content)
