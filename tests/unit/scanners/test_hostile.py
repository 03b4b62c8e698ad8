"""Whatever is given instead of a report is refused with words, or read; nothing else happens."""

import json
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies import hostile_text, json_values
from tests.unit.scanners.samples import JSON, PARSERS, XML, sample

from oakum.adapters.scanners import reading
from oakum.adapters.scanners.qualys import packages_of_table
from oakum.adapters.scanners.reading import Parser, parse_report, read_report
from oakum.core.errors import InputError
from oakum.core.reconciling.report import ScannerReport
from oakum.core.text import is_plain

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
ROOTS = ["NessusClientData_v2", "report", "ASSET_DATA_REPORT", "SCAN"]


def refused(content: bytes, parse: Parser = parse_report) -> str:
    with pytest.raises(InputError) as caught:
        parse(content)
    assert is_plain(caught.value.message)
    assert len(caught.value.message) < 500
    return caught.value.message


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize(
    "declared",
    [
        f'<!ENTITY l0 "ha">{LAUGHS}',
        f'<!ENTITY l9 "{"x" * 100_000}">',
        '<!ENTITY l9 SYSTEM "file:///etc/passwd">',
        '<!ENTITY l9 SYSTEM "http://192.0.2.1/x">',
        '<!ENTITY % l9 SYSTEM "http://192.0.2.1/x.dtd"> %l9;',
        '<!NOTATION n SYSTEM "n"><!ENTITY l9 SYSTEM "x" NDATA n>',
    ],
)
def test_entities_are_refused(root: str, declared: str) -> None:
    """Those that grow without bound, and those that fetch a file or a page."""
    content = f"<!DOCTYPE {root} [{declared}]><{root}>&l9;</{root}>".encode()
    tracemalloc.start()
    try:
        assert "declares an entity" in refused(content)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("root", ROOTS)
def test_an_entity_that_nobody_declares_is_no_xml(root: str) -> None:
    """Also where a DTD elsewhere might declare it: that is never fetched."""
    content = f'<!DOCTYPE {root} SYSTEM "http://192.0.2.1/x.dtd"><{root}><IP>&x;</IP></{root}>'
    with suppress(InputError):
        assert parse_report(content.encode()).results == ()


@pytest.mark.parametrize("root", ROOTS)
def test_a_nest_without_end_is_refused(root: str) -> None:
    """Long before memory or the stack end."""
    said = refused(f"<{root}>".encode() + b"<a>" * 1_000_000)
    assert "deeper than 100" in said


@pytest.mark.parametrize(
    "text",
    [
        "Vulnerable package:" + " " * 500_000 + "x",
        "Vulnerable package: x\nInstalled version: 1\nFixed version:" + " " * 500_000 + "x",
        "Vulnerable package: x\nInstalled version: 1" + "\nFixed version: < 1" * 50_000,
        "Vulnerable package: x " * 50_000,
        "Remote package installed" + " " * 500_000 + "x",
        "Remote package installed : " + "-" * 500_000 + " Should be : " + "_" * 500_000,
        "Package" + " " * 500_000 + "x",
        "Package Installed_Version Required_Version\n" + "\t" * 500_000 + "x",
    ],
)
def test_text_that_is_made_to_be_slow_is_not(text: str) -> None:
    """No pattern goes back and forth over it: each takes a fraction of a second."""
    cve, began = "CVE-2024-6387", time.monotonic()
    parse_report(
        f'<NessusClientData_v2><ReportHost name="x"><ReportItem pluginID="1"><cve>{cve}</cve>'
        f"<plugin_output>{escape(text)}</plugin_output></ReportItem></ReportHost>"
        "</NessusClientData_v2>".encode()
    )
    parse_report(
        f"<report><report><results><result><host>x</host><nvt oid='{cve}'/><description>"
        f"{escape(text)}</description></result></results></report></report>".encode()
    )
    packages_of_table(text)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("name", PARSERS)
def test_a_report_that_is_cut_off(name: str) -> None:
    """At whatever byte: XML and JSON are refused; CSV has no end, so a cut row is counted."""
    content = sample(name).rstrip()
    whole = PARSERS[name](content)
    for end in range(len(content)):
        if name.endswith("csv"):
            with suppress(InputError):
                assert len(PARSERS[name](content[:end]).results) <= len(whole.results)
        else:
            refused(content[:end], PARSERS[name])
    refused(b"")


@pytest.mark.parametrize("name", XML)
def test_xml_in_the_encoding_that_it_names(name: str) -> None:
    """UTF-16 and Latin-1 are understood; another than the named one is refused, with the place."""
    text = sample(name).decode().partition("?>")[2]
    expected = PARSERS[name](sample(name))
    utf16 = ('<?xml version="1.0" encoding="UTF-16"?>' + text).encode("utf-16")
    assert parse_report(utf16) == expected
    latin = ('<?xml version="1.0" encoding="ISO-8859-1"?>' + text).encode("latin-1")
    assert parse_report(latin) == expected
    wrong = ('<?xml version="1.0" encoding="UTF-8"?>' + text.replace("192", "\xe9")).encode(
        "latin-1"
    )
    assert "line" in refused(wrong)
    for encoding in ("UTF-32", "nonsense", "utf-7", "rot13", "idna", "shift_jis"):
        with suppress(InputError):
            parse_report(f'<?xml version="1.0" encoding="{encoding}"?>{text}'.encode())


@pytest.mark.parametrize("name", [*JSON, "qualys/report.csv"])
def test_other_text_than_utf_8(name: str) -> None:
    """It is refused, with its place."""
    text = sample(name).decode()
    assert "UTF-16, and no XML" in refused(text.encode("utf-16"))
    assert "byte" in refused(text.replace("web-1", "w\xe9b-1").encode("latin-1")) or name in JSON


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no report of a scanner that Oakum knows"),
        (b"\0" * 100, "no report of a scanner that Oakum knows"),
        (b"hello", "no report of a scanner that Oakum knows"),
        (b"<html><body>Sign in</body></html>", "begins XML with 'html'"),
        (b"<NessusClientData/>", "begins XML with 'NessusClientData'"),
        (b"<nmaprun/>", "begins XML with 'nmaprun'"),
        (b"<NessusClientData_v2/>", "speaks of no host"),
        (b"<report><x/></report>", "holds no list of results"),
        (b"<report><report><results/></report></report>", "speaks of no host"),
        (b"{}", "JSON of no scanner"),
        (b"[]", "Expected `object`, got `array`"),
        (b'{"SchemaVersion": 1, "ArtifactName": "x"}', "schema 1, not 2"),
        (b'{"SchemaVersion": "2"}', "Expected `int`, got `str`"),
        (b'{"jsonVersion": 3, "serverName": "x", "scannedCves": {}}', "version 3, not 4"),
        (b'{"matches": null}', "Expected `array`, got `null`"),
        (b'{"matches": ' + b"[" * 100_000, "not what it should be"),
        (b"\x1f\x8b\x08", "packed with gzip"),
        (b"PK\x03\x04", "packed with zip"),
        (b'IP,QID,Title\n"192.0.2.1",1,x\n', "no column CVE ID"),
        (b"QID\n", "no column IP, QID, CVE ID"),
        (b'IP,QID,CVE ID\n"192.0.2.1,1,x', "line 2: unexpected end of data"),
        (b"IP,QID,CVE ID\n192.0.2.1,1," + b"x" * 200_000, "line 2: field larger than"),
        (b"IP,QID,CVE ID\n\xff", "no UTF-8 at byte 14"),
        (b"IP,QID,CVE ID\n,1,\n", "no host that can be understood (1 records cannot: line 2"),
        (sample("qualys/detections.xml"), "names its checks by number"),
    ],
)
def test_what_is_no_such_report_is_refused(content: bytes, said: str) -> None:
    """The message says what is wrong, and the hint what to do."""
    assert said in refused(content)


def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing, a directory, or too large."""
    with pytest.raises(InputError, match=r"nope\.xml cannot be read: No such file"):
        read_report(tmp_path / "nope.xml")
    with pytest.raises(InputError, match="cannot be read"):
        read_report(tmp_path)
    large = tmp_path / "large.xml"
    large.write_bytes(b"<report/>")
    with pytest.raises(InputError, match=r"large\.xml: the OpenVAS report holds no list"):
        read_report(large)
    monkeypatch.setattr(reading, "MAX_BYTES", 5)
    with pytest.raises(InputError, match=r"large\.xml is larger than"):
        read_report(large)


@given(st.sampled_from(list(PARSERS.values())), st.binary(max_size=200))
def test_any_bytes(parse: Parser, content: bytes) -> None:
    """Nothing but InputError is raised, and its message is plain."""
    for reader in (parse, parse_report):
        with suppress(InputError):
            reader(content)


@settings(max_examples=300)
@given(
    st.sampled_from(list(PARSERS)),
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 40),
    st.binary(max_size=8) | hostile_text.map(str.encode),
)
def test_a_damaged_report_is_read_or_refused(
    name: str, where: float, length: int, damage: bytes
) -> None:
    """What is still read is plain text, whatever the damage put there."""
    content = sample(name)
    place = int(where * len(content))
    damaged = content[:place] + damage + content[place + length :]
    with suppress(InputError):
        require_plain(parse_report(damaged))


def require_plain(report: ScannerReport) -> None:
    assert all(is_plain(line) for line in report.unreadable)
    for result in report.results:
        words = (result.host.name, *result.host.addresses, result.package, result.scanner_id)
        assert all(is_plain(word) for word in words)


@given(st.sampled_from(JSON), st.integers(0, 50), json_values)
def test_any_value_in_the_place_of_another(name: str, where: int, value: object) -> None:
    """A JSON report with one value exchanged is read or refused."""
    document = json.loads(sample(name))
    places = list(_places(document))
    holder, key = places[where % len(places)]
    holder[key] = value
    with suppress(InputError):
        parse_report(json.dumps(document).encode())


def _places(value: object) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    items = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))
        if isinstance(value, list)
        else []
    )
    for key, inner in items:
        found += [(value, key), *_places(inner)]
    return found
