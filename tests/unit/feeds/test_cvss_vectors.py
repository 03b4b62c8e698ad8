import pytest

from oakum.adapters.feeds.cvss_vectors import parse_vectors
from oakum.core.errors import InputError

HIGH = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
TABLE = f"""cve,vector,source
CVE-2026-0001,{HIGH},nvd
CVE-2026-0001,AV:N/AC:L/Au:N/C:P/I:P/A:P,other
CVE-2026-0002,{HIGH}
CVE-2026-0003,CVSS:3.1/nonsense,nvd
no cve,{HIGH},nvd
"""


def test_the_first_row_of_a_cve_counts_and_the_rest_is_counted() -> None:
    """With its source; a row that gives no score is named with its line."""
    parsed = parse_vectors(TABLE.encode(), "vectors.csv")
    (signal,) = parsed.signals
    assert signal.cvss is not None
    assert (signal.cvss.base_tenths, signal.cvss.source) == (98, "nvd")
    assert [line.partition(":")[0] for line in parsed.unreadable] == ["line 4", "line 5", "line 6"]


@pytest.mark.parametrize("content", [b"", b"cve,score\n", b"\xff", b"cve,vector,source\0"])
def test_another_table_is_refused_by_name(content: bytes) -> None:
    """Read as this one it would give no score to anything, without a word."""
    with pytest.raises(InputError, match=r"vectors\.csv"):
        parse_vectors(content, "vectors.csv")
