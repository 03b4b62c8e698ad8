import gzip
import io
import json
import lzma
import tarfile
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import hostile_text, json_values

from oakum.adapters.feeds.cve_records import parse_records
from oakum.adapters.feeds.debian_tracker import parse_tracker
from oakum.adapters.feeds.epss import parse_epss
from oakum.adapters.feeds.kev import parse_kev
from oakum.adapters.feeds.parsing import Parsed
from oakum.adapters.feeds.reading import Provenance, read_feed
from oakum.adapters.feeds.unpacking import MAX_RECORD_BYTES, json_members, unpacked
from oakum.core.advisories.feed import FeedName
from oakum.core.advisories.signals import CvssScore, Exploitation, TechnicalImpact
from oakum.core.advisories.statement import NoDsaReason, Urgency, VendorStatus
from oakum.core.errors import InputError
from oakum.core.text import is_plain

GOLDEN = Path(__file__).parents[2] / "golden" / "feeds"
TRACKER = (GOLDEN / "debian-tracker.json").read_bytes()
KEV = (GOLDEN / "kev.json").read_bytes()
EPSS = (GOLDEN / "epss.csv").read_bytes()
RECORDS = [(path.name, path.read_bytes()) for path in sorted((GOLDEN / "cve-records").iterdir())]
BOOKWORM = frozenset({"bookworm"})
NOW = datetime(2026, 11, 25, tzinfo=UTC)
HERE = Provenance("here", NOW, NOW)


def tracker(**releases: object) -> Parsed:
    tree = {"openssl": {"CVE-2026-0001": {"releases": releases}}}
    return parse_tracker(json.dumps(tree).encode(), BOOKWORM)


def kev(entry: object, **changes: object) -> Parsed:
    catalogue = {"dateReleased": "2026-08-07T16:45:47Z", "count": 1, "vulnerabilities": [entry]}
    return parse_kev(json.dumps(catalogue | changes).encode())


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


def test_kev_excerpt() -> None:
    """The entries with their dates and use by ransomware, and the date of the catalogue in UTC."""
    parsed = parse_kev(KEV)
    assert parsed.unreadable == []
    assert parsed.data_as_of == datetime(2026, 8, 7, 16, 45, 47, 64800, tzinfo=UTC)
    found = {signal.cve: signal.kev for signal in parsed.signals}
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


def test_epss_excerpt() -> None:
    """Probabilities in millionths, and the date of the scores."""
    parsed = parse_epss(EPSS)
    assert parsed.data_as_of == datetime(2026, 8, 16, tzinfo=UTC)
    found = {s.cve: s.epss.probability_ppm for s in parsed.signals if s.epss}
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


def test_cve_record_excerpts() -> None:
    """Scores by vector, whose they are, SSVC's decision points and weaknesses."""
    parsed = parse_records(RECORDS)
    assert parsed.unreadable == []
    found = {signal.cve: signal for signal in parsed.signals}
    assert found["CVE-2024-40711"].cvss == CvssScore(
        "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 98, "cna"
    )
    four = found["CVE-2024-7262"]
    assert four.cvss is not None
    assert (four.cvss.base_tenths, four.cwes) == (93, ("CWE-22",))
    points = found["CVE-2023-49460"].ssvc
    assert points is not None
    assert (points.exploitation, points.automatable, points.technical_impact) == (
        Exploitation.POC, False, TechnicalImpact.TOTAL,
    )  # fmt: skip
    assert found["CVE-2024-6716"].cvss is found["CVE-2024-6716"].ssvc is None


def record(**cna: object) -> bytes:
    metadata = {"cveId": "CVE-2026-0001"}
    return json.dumps({"cveMetadata": metadata, "containers": {"cna": cna}}).encode()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b"\xff", record(metrics=5), record(metrics=[5]),
     record(problemTypes=[{"descriptions": [3]}]), b'{"a":' * 100_000,
     record().replace(b"CVE-2026-0001", b"CVE-1")],
)  # fmt: skip
def test_a_record_that_makes_no_sense_is_counted(content: bytes) -> None:
    """With the name of its file; the others are read."""
    parsed = parse_records([("a/\x1b[31m.json", content), *RECORDS])
    assert len(parsed.signals) == 4
    assert len(parsed.unreadable) == 1
    assert is_plain(parsed.unreadable[0])


@given(st.sampled_from(["CVSS:3.1/", "CVSS:4.0/", "CVSS:3.1/AV:N/AC:L/", "AV:N/"]), hostile_text)
def test_a_vector_of_any_text_is_a_score_or_none(head: str, tail: str) -> None:
    """The score is what the vector gives; a vector that gives none is no score."""
    metric = {"cvssV3_1": {"vectorString": head + tail, "baseScore": 9.9}}
    (signal,) = parse_records([("x", record(metrics=[metric]))]).signals
    assert signal.cvss is None or is_plain(signal.cvss.vector)


@pytest.mark.parametrize("parse", [lambda c: parse_tracker(c, BOOKWORM), parse_kev])
@pytest.mark.parametrize("content", [b"", b"[]", b"<html>", b"null", b"\xff\xfe", b"[" * 100_000,
                                     b'{"a":' * 100_000])  # fmt: skip
def test_what_is_no_such_document_is_refused(parse: object, content: bytes) -> None:
    """A login page, half a file or a nest without end is an error with words."""
    with pytest.raises(InputError, match="not what it should be"):
        parse(content)  # type: ignore[operator]  # one of two parsers


PARSERS = {
    FeedName.DEBIAN_TRACKER: TRACKER,
    FeedName.KEV: KEV,
    FeedName.EPSS: EPSS,
}


@given(st.sampled_from(sorted(PARSERS, key=lambda f: f.value)), st.data())
def test_a_cut_or_changed_feed_is_read_or_refused(feed: FeedName, data: st.DataObject) -> None:
    """Whatever happens to some bytes, nothing but InputError is raised."""
    content = bytearray(PARSERS[feed])
    place = data.draw(st.integers(0, len(content) - 1))
    content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    end = data.draw(st.sampled_from([len(content), place]))
    with suppress(InputError):
        read_feed(feed, bytes(content[:end]), HERE)


entries = json_values | st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["open", "resolved", "undetermined", "x", 1]),
        "fixed_version": st.sampled_from(["1", "0", "-", "", 5]),
        "urgency": json_values | st.just("low"),
    },
)


@given(st.dictionaries(st.sampled_from(["CVE-2026-0001", "TEMP-1-ABCDEF", "x"]), entries))
def test_every_tracker_entry_is_a_statement_or_is_counted(issues: dict[str, object]) -> None:
    """None is lost in between."""
    tree = {"openssl": {cve: {"releases": {"bookworm": e}} for cve, e in issues.items()}}
    parsed = parse_tracker(json.dumps(tree).encode(), BOOKWORM)
    assert len(parsed.statements) + len(parsed.unreadable) == len(issues)
    assert all(is_plain(line) for line in parsed.unreadable)


@pytest.mark.parametrize("content", [b'{"openssl": {}}', b"{}"])
def test_a_tracker_without_a_statement_is_refused(content: bytes) -> None:
    """Stored, it would make every host look safe with data of today."""
    with pytest.raises(InputError, match="no record"):
        read_feed(FeedName.DEBIAN_TRACKER, content, HERE)


def test_packed_feeds_are_unpacked() -> None:
    """Gzip and xz are told by their first bytes; what is cut off is refused."""
    for packed in (gzip.compress(KEV), lzma.compress(KEV), KEV):
        assert unpacked(packed, "x") == KEV
    for packed in (gzip.compress(KEV)[:-9], lzma.compress(KEV)[:-9]):
        with pytest.raises(InputError, match="cannot be unpacked"):
            unpacked(packed, "x")


def tar(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def test_records_of_a_tar_are_read_one_by_one() -> None:
    """Other files are passed over; a record of many megabytes is refused, its name harmless."""
    content = gzip.compress(tar(**{"a/CVE-2026-0001.json": b"{}", "README": b"x"}))
    assert list(json_members(content, "x")) == [("a/CVE-2026-0001.json", b"{}")]
    big = tar(**{"\x1b[31m.json": b" " * (MAX_RECORD_BYTES + 1)})
    with pytest.raises(InputError, match="holds") as caught:
        list(json_members(big, "x"))
    assert is_plain(caught.value.message)


@given(st.integers(0, 1_500), st.binary(max_size=8), st.booleans())
def test_a_damaged_tar_is_read_or_refused(place: int, damage: bytes, packed: bool) -> None:  # noqa: FBT001
    """Nothing but InputError is raised."""
    content = bytearray(tar(**dict(RECORDS[:1])))
    content[place : place + len(damage)] = damage
    with suppress(InputError):
        list(json_members(gzip.compress(content) if packed else bytes(content), "x"))
