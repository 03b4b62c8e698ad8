import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import json_values

from oakum.adapters.feeds.debian.tracker import parse_tracker
from oakum.adapters.feeds.parsing import Parsed
from oakum.core.advisories.statement import NoDsaReason, Urgency, VendorStatus
from oakum.core.text import is_plain

GOLDEN = Path(__file__).parents[2] / "golden" / "feeds"
TRACKER = (GOLDEN / "debian-tracker.json").read_bytes()
BOOKWORM = frozenset({"bookworm"})
entries = json_values | st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["open", "resolved", "undetermined", "x", 1]),
        "fixed_version": st.sampled_from(["1", "0", "-", "", 5]),
        "urgency": json_values | st.just("low"),
    },
)


def tracker(**releases: object) -> Parsed:
    tree = {"openssl": {"CVE-2026-0001": {"releases": releases}}}
    return parse_tracker(json.dumps(tree).encode(), BOOKWORM)


def test_tracker_excerpt() -> None:
    """One statement of each kind that the real tracker has, for the release that was asked for."""
    parsed = parse_tracker(TRACKER, BOOKWORM)
    assert parsed.unreadable == []
    by_cve = {(s.source_name, s.cve): s for s in parsed.statements}
    assert len(by_cve) == 16
    kinds = {
        name: (s.status, s.fixed_version, s.urgency, s.no_dsa) for (name, _), s in by_cve.items()
    }
    none, unset = NoDsaReason.NONE, Urgency.NOT_YET_ASSIGNED
    assert kinds["nghttp2"][:2] == (VendorStatus.FIXED, "1.52.0-1+deb12u1")
    assert kinds["libarchive"] == (VendorStatus.NOT_AFFECTED, "", unset, none)
    assert kinds["ncurses"] == (VendorStatus.OPEN, "", unset, NoDsaReason.NO_DSA)
    assert kinds["busybox"] == (VendorStatus.OPEN, "", unset, NoDsaReason.POSTPONED)
    assert kinds["coreutils"] == (VendorStatus.OPEN, "", Urgency.LOW, NoDsaReason.IGNORED)
    assert kinds["ompl"] == (VendorStatus.OPEN, "", Urgency.UNIMPORTANT, none)


def test_an_older_original_of_the_tracker() -> None:
    """Starred urgencies and end-of-life are understood; the one damaged entry is counted."""
    content = (GOLDEN / "debian-tracker-original.json").read_bytes()
    parsed = parse_tracker(content, frozenset({"stretch", "sid"}))
    assert {s.urgency for s in parsed.statements} >= {Urgency.HIGH, Urgency.END_OF_LIFE}
    assert len(parsed.unreadable) == 1
    assert parsed.unreadable[0].startswith("chromium-browser/CVE-2022-0358: ")


def test_undetermined_is_kept_as_it_is() -> None:
    """The vendor does not know: neither open nor fixed."""
    (found,) = tracker(bookworm={"status": "undetermined"}).statements
    assert found.status is VendorStatus.UNDETERMINED


@pytest.mark.parametrize(
    "entry",
    [
        {"status": "resolved"},
        {"status": "resolved", "fixed_version": "1.0-"},
        {"status": "resolved", "fixed_version": "9" * 5000},
        {"status": "gone"},
        {"status": "open", "urgency": "dire"},
        {"status": "open", "nodsa": "", "nodsa_reason": "bored"},
        {"status": 5},
        {},
        [],
        None,
    ],
)
def test_a_statement_that_makes_no_sense_is_counted_with_its_place(entry: object) -> None:
    """It is never taken for good news, and never dropped."""
    parsed = tracker(bookworm=entry)
    assert parsed.statements == []
    assert len(parsed.unreadable) == 1
    assert parsed.unreadable[0].startswith("openssl/CVE-2026-0001")


@pytest.mark.parametrize(
    ("source", "cve"),
    [
        ("open\x1b[31mssl", "CVE-2026-0001"),
        ("", "CVE-2026-0001"),
        ("openssl", "CVE-1"),
        ("openssl", "TEMP-\x1b]0;x\x07"),
        ("openssl", "TEMP-1-xyz"),
    ],
)
def test_names_with_escapes_are_counted_and_harmless(source: str, cve: str) -> None:
    """What a terminal would obey is written out."""
    tree = {source: {cve: {"releases": {"bookworm": {"status": "open"}}}}}
    parsed = parse_tracker(json.dumps(tree).encode(), BOOKWORM)
    assert parsed.statements == []
    assert len(parsed.unreadable) == 1
    assert is_plain(parsed.unreadable[0])


def test_an_issue_without_a_cve_has_the_trackers_own_name() -> None:
    """TEMP names are kept: the issue is as real."""
    tree = {"bash": {"TEMP-0841856-B18BAF": {"releases": {"bookworm": {"status": "open"}}}}}
    parsed = parse_tracker(json.dumps(tree).encode(), BOOKWORM)
    assert [s.cve for s in parsed.statements] == ["TEMP-0841856-B18BAF"]


@given(st.dictionaries(st.sampled_from(["CVE-2026-0001", "TEMP-1-ABCDEF", "x"]), entries))
def test_every_tracker_entry_is_a_statement_or_is_counted(issues: dict[str, object]) -> None:
    """None is lost in between."""
    tree = {"openssl": {cve: {"releases": {"bookworm": e}} for cve, e in issues.items()}}
    parsed = parse_tracker(json.dumps(tree).encode(), BOOKWORM)
    assert len(parsed.statements) + len(parsed.unreadable) == len(issues)
    assert all(is_plain(line) for line in parsed.unreadable)
