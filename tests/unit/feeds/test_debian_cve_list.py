"""Debian's list of CVEs: what a line says of each release, and that no line is lost in silence."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import hostile_text

from oakum.adapters.feeds.debian.cve_list import parse_cve_list
from oakum.adapters.feeds.parsing import Parsed
from oakum.core.advisories.signals import Reservation
from oakum.core.advisories.statement import NoDsaReason, Urgency, VendorStatement, VendorStatus
from oakum.core.errors import InputError
from oakum.core.text import is_plain

GOLDEN = Path(__file__).parents[2] / "golden" / "feeds" / "debian-cve.list"
RELEASES = frozenset({"bullseye", "bookworm", "trixie"})
HEAD = "CVE-2026-0001 (A flaw was found ...)\n"


def parse(text: str) -> Parsed:
    return parse_cve_list(text.encode(), RELEASES)


def of(parsed: Parsed, source: str, cve: str = "CVE-2026-0001") -> dict[str, str]:
    """Return what is said of a package: `fixed 1-1`, by release."""
    return {
        said.release: f"{said.status.value} {said.fixed_version}".rstrip()
        for said in parsed.statements
        if said.source_name == source and said.cve == cve
    }


def everywhere(words: str) -> dict[str, str]:
    return dict.fromkeys(RELEASES, words)


def bookworm(text: str) -> VendorStatement:
    (found,) = (said for said in parse(HEAD + text).statements if said.release == "bookworm")
    return found


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("- tool 1.2-3", "fixed in unstable 1.2-3"),
        ("- tool 1.2-3 (low; bug #1000000)", "fixed in unstable 1.2-3"),
        ("- tool <unfixed>", "open"),
        ("- tool <unfixed> (bug #1000000)", "open"),
        ("- tool", "open"),
        ("- tool <removed>", "open"),
        ("- tool <end-of-life>", "open"),
        ("- tool <not-affected> (Windows only; says upstream)", "not affected"),
        ("- tool 0", "not affected"),
        ("- tool <undetermined>", "undetermined"),
    ],
)
def test_a_line_of_unstable_speaks_of_each_release_without_its_own(line: str, said: str) -> None:
    """It names a fix that the release need not have."""
    parsed = parse(f"{HEAD}\t{line}\n")
    assert parsed.unreadable == []
    assert of(parsed, "tool") == everywhere(said)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("- tool 1.1-1+deb12u1", "fixed 1.1-1+deb12u1"),
        ("- tool <not-affected> (Introduced later)", "not affected"),
        ("- tool <unfixed>", "open"),
        ("- tool <undetermined>", "undetermined"),
        ("- tool <end-of-life> (see DSA-1-1)", "open"),
    ],
)
def test_a_line_of_a_release_counts_for_it_before_unstables(line: str, said: str) -> None:
    """And for no other."""
    parsed = parse(f"{HEAD}\t- tool 2-1\n\t[bookworm] - {line.removeprefix('- ')}\n")
    unstable = "fixed in unstable 2-1"
    assert of(parsed, "tool") == {"bullseye": unstable, "bookworm": said, "trixie": unstable}


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("no-dsa", NoDsaReason.NO_DSA),
        ("postponed", NoDsaReason.POSTPONED),
        ("ignored", NoDsaReason.IGNORED),
    ],
)
def test_a_mark_says_why_there_is_no_advisory_and_not_whether_there_is_a_fix(
    word: str, reason: NoDsaReason
) -> None:
    """Unstable's line is what the release is held against, with its urgency."""
    mark = f"\t[bookworm] - tool <{word}> (Minor issue)\n"
    said = bookworm(f"\t- tool 2-1 (low)\n{mark}")
    assert (said.status, said.fixed_version) == (VendorStatus.FIXED_IN_UNSTABLE, "2-1")
    assert (said.no_dsa, said.urgency) == (reason, Urgency.LOW)
    assert bookworm(f"\t- tool <unfixed>\n{mark}").status is VendorStatus.OPEN
    assert bookworm(mark).status is VendorStatus.OPEN
    assert bookworm(f"\t- tool <undetermined>\n{mark}").no_dsa is reason
    assert bookworm(f"\t- tool <not-affected>\n{mark}").no_dsa is NoDsaReason.NONE


def test_urgencies_are_those_of_the_line_that_counts() -> None:
    """`unimportant` of unstable does not reach a release with a line of its own."""
    assert bookworm("\t- tool 2-1 (unimportant; bug #1)\n").urgency is Urgency.UNIMPORTANT
    own = "\t- tool 2-1 (unimportant)\n\t[bookworm] - tool 1-2\n"
    assert bookworm(own).urgency is Urgency.NOT_YET_ASSIGNED
    assert bookworm("\t- tool <end-of-life>\n").urgency is Urgency.END_OF_LIFE


def test_two_lines_on_one_package_say_the_worse_together() -> None:
    """Open beats fixed, and the higher fix the lower."""
    assert of(parse(f"{HEAD}\t- tool 1-1\n\t- tool 1-2\n"), "tool") == everywhere(
        "fixed in unstable 1-2"
    )
    assert of(parse(f"{HEAD}\t- tool <unfixed>\n\t- tool 1-2\n"), "tool") == everywhere("open")


def test_what_is_nobodys_or_not_in_the_archive_is_passed_over() -> None:
    """Other releases, experimental, packages that somebody intends to make, and words."""
    parsed = parse(
        f"{HEAD}\t{{DSA-1-1 DLA-2-1 CVE-2020-0001}}\n\t[experimental] - tool 3-1\n"
        "\t[wheezy] - tool 0.1-1\n\t- other <itp> (bug #123456)\n\tNOTE: - tool 9-9\n"
        "\tTODO: check\n\nCVE-2026-0002\n\tRESERVED\nCVE-2026-0003 (words)\n"
        "\tNOT-FOR-US: somebody's\n--\nbegin claimed by me\nend claimed by me\nSTOP: here\n"
    )
    assert (parsed.statements, parsed.unreadable, parsed.signals) == ([], [], [])


def test_what_has_no_cve_gets_the_trackers_name_for_it() -> None:
    """Of its first bug and its description, so that both feeds speak of one issue."""
    parsed = parse("CVE-2026-XXXX [a flaw without a number]\n\t- tool <unfixed> (bug #1000123)\n")
    assert {said.cve for said in parsed.statements} == {"TEMP-1000123-94C8E0"}
    nameless = parse("CVE-2026-XXXX [a flaw without a number]\n\t- tool <unfixed>\n")
    assert {said.cve for said in nameless.statements} == {"TEMP-0000000-94C8E0"}
    assert parsed.signals == []


def test_a_rejected_cve_is_said_to_be_one() -> None:
    """Also where nothing else is said of it."""
    (signal,) = parse("CVE-2026-0001 (** REJECT ** no)\n\tREJECTED\n").signals
    assert (signal.cve, signal.reservation) == ("CVE-2026-0001", Reservation.REJECTED)
    assert parse(HEAD + "\tNOTE: rejected\n").signals[0].reservation is Reservation.REJECTED


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hello\n", "line 1: it begins no entry"),
        ("CVE-46838 (a slip)\n", "line 1: it begins no entry"),
        ("CVE-????-0001\n", "line 1: it begins no entry"),
        ("\t- tool 1-1\n", "line 1: it belongs to no CVE"),
        (f"{HEAD}\t- tool !\n", "line 2: it names no version"),
        (f"{HEAD}\t- Tool 1-1\n", "line 2: it names no package"),
        (f"{HEAD}\t- tool <lost>\n", "line 2: nothing is known of <lost>"),
        (f"{HEAD}\t- tool <no-dsa> (x)\n", "line 2: it names no release"),
        (f"{HEAD}\t- tool 1-1 and more\n", "line 2: it is no line on a package and no note"),
        (f"{HEAD}\t{{DSA-1-1\n", "line 2: it is no list of advisories"),
        (f"{HEAD}\twords\n", "line 2: it is no line on a package and no note"),
    ],
)
def test_a_line_that_makes_no_sense_is_counted_with_its_place(text: str, said: str) -> None:
    """It is not dropped: an issue that nobody read is a host that nobody patched."""
    parsed = parse(text)
    assert parsed.statements == []
    (found,) = parsed.unreadable
    assert found.startswith(said)


def test_what_is_no_text_is_an_error() -> None:
    """The last good copy stays in use."""
    with pytest.raises(InputError, match="no UTF-8 in line 2"):
        parse_cve_list(b"CVE-2026-0001\n\t- \xff 1\n", RELEASES)


def test_real_entries() -> None:
    """Of 2023 to 2025, in the original lines: read by a person, and typed here."""
    parsed = parse_cve_list(GOLDEN.read_bytes(), RELEASES)
    assert parsed.unreadable == []
    assert len({said.cve for said in parsed.statements}) == 18
    assert of(parsed, "openssh", "CVE-2024-6387") == {
        "bullseye": "not affected",
        "bookworm": "fixed in unstable 1:9.7p1-7",
        "trixie": "fixed in unstable 1:9.7p1-7",
    }
    assert of(parsed, "linux", "CVE-2024-1086") == {
        "bullseye": "fixed 5.10.209-2",
        "bookworm": "fixed 6.1.76-1",
        "trixie": "fixed in unstable 6.6.15-1",
    }
    assert of(parsed, "xz-utils", "CVE-2024-3094")["trixie"] == (
        "fixed in unstable 5.6.1+really5.4.5-1"
    )
    assert of(parsed, "minizip", "CVE-2023-45853") == everywhere("open")
    assert of(parsed, "gnutls28", "CVE-2024-12243") == everywhere("fixed in unstable 3.8.9-2")
    assert of(parsed, "libarchive", "CVE-2024-37407") == everywhere("not affected")
    marked = {
        (said.source_name, said.no_dsa)
        for said in parsed.statements
        if said.release == "bookworm" and said.no_dsa is not NoDsaReason.NONE
    }
    assert ("busybox", NoDsaReason.POSTPONED) in marked
    assert ("coreutils", NoDsaReason.IGNORED) in marked
    assert ("glibc", NoDsaReason.NO_DSA) in marked
    summaries = {str(signal.cve): signal.summary for signal in parsed.signals}
    assert summaries["CVE-2023-7207"].startswith("Path traversal vulnerability due to partial")
    assert "CVE-2024-49504" not in summaries


@given(st.lists(hostile_text, max_size=6))
def test_hostile_lines_are_named_and_harmless(texts: list[str]) -> None:
    """Nothing of them reaches a terminal as an order."""
    text = "".join(f"CVE-2026-0001 ({words})\n\t- {words}\n" for words in texts)
    parsed = parse_cve_list(text.encode(errors="surrogatepass"), RELEASES) if texts else Parsed()
    for line in parsed.unreadable:
        assert is_plain(line)
