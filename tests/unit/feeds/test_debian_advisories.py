"""Debian's lists of advisories: each fix is one statement, and no line is lost in silence."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import hostile_text

from oakum.adapters.feeds.bundle import shipped_bundle
from oakum.adapters.feeds.debian.advisories import parse_advisories
from oakum.adapters.feeds.parsing import Parsed
from oakum.core.advisories.feed import FeedName
from oakum.core.advisories.statement import VendorStatus
from oakum.core.errors import InputError
from oakum.core.text import is_plain

BOTH = frozenset({"bookworm", "trixie"})
LIST = """\
[21 Aug 2026] DSA-6458-1 gst-plugins-bad1.0 - security update
	{CVE-2026-12891 CVE-2026-12892}
	[trixie] - gst-plugins-bad1.0 1.26.2-3+deb13u3
[28 Jan 2025] DSA-5852-2 pdns-recursor - regression update
	NOTE: the first fix was not enough
	{CVE-2024-25590}
	[bookworm] - pdns-recursor 4.8.8-1+deb12u2
[20 Jan 2025] DSA-5852-1 pdns-recursor - security update
	{CVE-2024-25590 CVE-2024-25591 TEMP-0000000-000001}
	[bookworm] - pdns-recursor 4.8.8-1+deb12u1 (a remark)
	[bullseye] - pdns-recursor <end-of-life> (too old)
	[trixie] - pdns-recursor <not-affected> (never was)
"""


def parse(text: str) -> Parsed:
    return parse_advisories(text.encode(), BOTH)


def test_each_fix_of_a_release_is_a_statement() -> None:
    """With its advisory and day; of two on one CVE the higher version counts."""
    parsed = parse(LIST)
    assert parsed.unreadable == []
    assert parsed.data_as_of == datetime(2026, 8, 21, tzinfo=UTC)
    rows = [
        (s.release, s.source_name, s.cve, s.fixed_version, s.advisory, s.source, s.issued_on)
        for s in parsed.statements
    ]
    gst, pdns = "gst-plugins-bad1.0", "pdns-recursor"
    new, old = "4.8.8-1+deb12u2", "4.8.8-1+deb12u1"
    day = date(2026, 8, 21)
    assert rows == [
        ("trixie", gst, "CVE-2026-12891", "1.26.2-3+deb13u3", "DSA-6458-1", "debian-dsa", day),
        ("trixie", gst, "CVE-2026-12892", "1.26.2-3+deb13u3", "DSA-6458-1", "debian-dsa", day),
        ("bookworm", pdns, "CVE-2024-25590", new, "DSA-5852-2", "debian-dsa", date(2025, 1, 28)),
        ("bookworm", pdns, "CVE-2024-25591", old, "DSA-5852-1", "debian-dsa", date(2025, 1, 20)),
    ]
    assert {s.status for s in parsed.statements} == {VendorStatus.FIXED}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[99 Aug 2026] DSA-1-1 x - y", "line 1: [99 Aug 2026]"),
        ("[1 Foo 2026] DSA-1-1 x - y", "line 1"),
        ("[1 Aug 2026] USN-1-1 x - y", "line 1"),
        ("\t{CVE-2026-0001}", "line 1: it belongs to no advisory"),
        ("[1 Aug 2026] DSA-1-1 x - y\n\t[trixie] - x !", "line 2: it names no package and version"),
        ("[1 Aug 2026] DSA-1-1 x - y\n\t[trixie] - X 1", "line 2: it names no package and version"),
        ("[1 Aug 2026] DSA-1-1 x - y\n\thello", "line 2: it is no fix and no list of CVEs"),
    ],
)
def test_a_line_that_makes_no_sense_is_counted_with_its_place(line: str, said: str) -> None:
    """It is not dropped: an advisory that nobody read is a host that nobody patched."""
    (found,) = parse(line).unreadable
    assert found.startswith(said)


def test_what_is_no_text_is_an_error() -> None:
    """The last good copy stays in use."""
    with pytest.raises(InputError, match="no UTF-8 at byte 3"):
        parse_advisories(b"abc\xff", BOTH)


@given(st.lists(st.one_of(hostile_text, st.sampled_from(LIST.splitlines()))))
def test_any_lines_are_read_or_counted(lines: list[str]) -> None:
    """Nothing else happens, and what is counted is harmless to print."""
    for place in parse("\n".join(lines)).unreadable:
        assert is_plain(place)


def test_the_shipped_lists_agree_with_the_shipped_tracker() -> None:
    """The tracker was made from them: it knows of every fix, and of no lower version."""
    shipped = shipped_bundle()
    tracker = {(s.source_name, s.cve): s for s in shipped.load(FeedName.DEBIAN_TRACKER).statements}
    for feed in (FeedName.DEBIAN_DSA, FeedName.DEBIAN_DLA):
        content = shipped.load(feed)
        assert content.unreadable == ()
        unknown = [s for s in content.statements if (s.source_name, s.cve) not in tracker]
        assert unknown == []


def test_a_cve_with_a_slip_in_it_is_named() -> None:
    """The others of its line count; what never was a CVE needs no word."""
    parsed = parse(LIST.replace("CVE-2026-12891", "CVE-2026-128 CAN-2001-0001"))
    assert len(parsed.unreadable) == 1
    assert parsed.unreadable[0].startswith("line 2: it names what is no CVE: {CVE-2026-128 ")
    assert [s.cve for s in parsed.statements if s.advisory == "DSA-6458-1"] == ["CVE-2026-12892"]
