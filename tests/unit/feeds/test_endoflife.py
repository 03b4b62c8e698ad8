"""endoflife.date: releases by the names of vendors' data, and until when they get fixes."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pytest

from oakum.adapters.feeds.endoflife.products import parse_products
from oakum.adapters.feeds.parsing import Parsed
from oakum.adapters.releases.shipped import shipped_releases
from oakum.core.inventory.support import ReleaseSupport, laid_over

GOLDEN = Path(__file__).parents[2] / "golden" / "feeds" / "endoflife"
HEAD = "---\ntitle: x\nreleases:\n"


def parse(files: Iterable[tuple[str, str]]) -> Parsed:
    return parse_products(((name, text.encode()) for name, text in files), "end-of-life")


def test_real_products() -> None:
    """Debian's ends are those of its LTS; others' are their own, and what is paid for beside."""
    parsed = parse((f"x/products/{file.name}", file.read_text()) for file in GOLDEN.glob("*.md"))
    assert parsed.unreadable == []
    found = {known.release: known for known in parsed.support}
    assert found["bookworm"] == ReleaseSupport("bookworm", date(2028, 6, 30), None)
    assert found["rhel:9"] == ReleaseSupport("rhel:9", date(2032, 5, 31), date(2036, 5, 31))
    assert found["resolute"].supported_until == date(2031, 4, 30)
    assert {"sles:15", "sles:15.7", "sles:16.0"} <= set(found)
    assert len(found) == 12


def test_it_agrees_with_the_shipped_table() -> None:
    """That one was made from other data for Debian and Ubuntu; some days apart at most."""
    parsed = parse((file.name, file.read_text()) for file in GOLDEN.glob("*.md"))
    shipped = shipped_releases()
    both = [(known, shipped[known.release]) for known in parsed.support if known.release in shipped]
    assert len(both) >= 10
    for known, other in both:
        assert abs((known.supported_until - other.supported_until).days) <= 62, known.release


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("  - releaseCycle: 'x'\n    eol: 2030-01-01\n", "rhel x: it has no name"),
        ('  - releaseCycle: "9"\n    eol: false\n', "rhel 9: its end is not known"),
        ('  - releaseCycle: "9"\n', "rhel 9: its end is not known"),
        ('  - releaseCycle: "9"\n    eol: 2030-13-01\n', "rhel 9: "),
    ],
)
def test_an_entry_that_makes_no_sense_is_counted(entry: str, said: str) -> None:
    """It is not taken for one without an end."""
    parsed = parse([("products/rhel.md", HEAD + entry)])
    assert parsed.support == []
    (found,) = parsed.unreadable
    assert found.startswith(said)


def test_other_products_remarks_and_quotes() -> None:
    """Only distributions; a value may be quoted or have a remark behind it."""
    text = HEAD + "  - releaseCycle: 9 # nine\n    eol: '2030-01-01'\n    latest: 9.1\n---\n"
    assert parse([("products/python.md", text)]).support == []
    (known,) = parse([("rhel.md", text)]).support
    assert known == ReleaseSupport("rhel:9", date(2030, 1, 1), None)
    assert parse_products([("rhel.md", b"\xff")], "x").unreadable == ["rhel: no UTF-8 at byte 0"]


def test_a_newer_table_is_laid_over_an_older_one() -> None:
    """What only the older one knows stays: endoflife.date says nothing of Debian's paid support."""
    old = ReleaseSupport("bookworm", date(2028, 6, 1), date(2033, 6, 30))
    new = ReleaseSupport("bookworm", date(2028, 6, 30), None)
    other = ReleaseSupport("trixie", date(2030, 6, 30), date(2036, 1, 1))
    found = laid_over({"bookworm": new, "trixie": other}, {"bookworm": old, "buster": old})
    assert found["bookworm"] == ReleaseSupport("bookworm", date(2028, 6, 30), date(2033, 6, 30))
    assert (found["trixie"], found["buster"]) == (other, old)
