import json
from datetime import date
from pathlib import Path

import pytest

from oakum.adapters.feeds.frozen import FrozenFiles, read_frozen
from oakum.core.errors import InputError

GOLDEN = Path(__file__).parents[2] / "golden" / "feeds"
LIST = """[21 Aug 2026] DSA-6458-1 x - security update
\t{CVE-2026-0001 CVE-2026-0002}
\t[bookworm] - x 1.0-1
\t[trixie] - x <not-affected>
"""


@pytest.fixture
def files(tmp_path: Path) -> FrozenFiles:
    (tmp_path / "DSA.list").write_text(LIST)
    (tmp_path / "cvss.csv").write_text("cve,vector,source\nCVE-1,x,y\n")
    return FrozenFiles(
        kev=GOLDEN / "kev.json",
        until_kev=GOLDEN / "kev.json",
        epss=GOLDEN / "epss.csv",
        severity=(tmp_path / "cvss.csv",),
        advisories=(tmp_path / "DSA.list",),
    )


def test_each_feed_is_read_with_its_day(files: FrozenFiles) -> None:
    """And what cannot be read is counted, with the file."""
    feeds = read_frozen(files)
    assert (feeds.kev.as_of, len(feeds.kev.signals)) == (date(2026, 8, 7), 3)
    assert feeds.epss is not None
    assert feeds.epss.as_of == date(2026, 8, 16)
    assert [(fix.cve, fix.release, fix.issued_on) for fix in feeds.fixes] == [
        ("CVE-2026-0001", "bookworm", date(2026, 8, 21)),
        ("CVE-2026-0002", "bookworm", date(2026, 8, 21)),
    ]
    assert feeds.unreadable == ("cvss.csv: line 2: CVE-1,x,y",)


def test_a_file_that_is_not_there_or_of_another_kind_is_named(
    files: FrozenFiles, tmp_path: Path
) -> None:
    """The back-test of half the files would pass for that of all."""
    (tmp_path / "DSA.list").write_text("")
    with pytest.raises(InputError, match=r"DSA\.list holds no fix"):
        read_frozen(files)
    (tmp_path / "cvss.csv").unlink()
    with pytest.raises(InputError, match=r"cvss\.csv cannot be read"):
        read_frozen(files)
    (tmp_path / "cvss.csv").write_text(json.dumps({}))
    with pytest.raises(InputError, match=r"cvss\.csv does not begin with"):
        read_frozen(files)
