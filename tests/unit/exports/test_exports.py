"""Every format is what its schema says, whatever findings hold; spreadsheets calculate nothing."""

import csv
import io
import json
import weakref
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator
from tests.strategies import hostile_text

from oakum.adapters.exports.choice import EXPORTERS
from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.signals import CveSignals, CvssScore, EpssScore, KevEntry
from oakum.core.errors import RefusedError
from oakum.core.ids import CveId, Digest, HostId
from oakum.core.inventory.host import Host
from oakum.core.matching.finding import Evidence, Finding, FindingState
from oakum.ports.exports import Export, ExportFormat, HostFindings

GOLDEN = Path(__file__).parents[2] / "golden" / "exports"
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
CVES = [CveId("CVE-2026-0001"), CveId("CVE-2026-0002")]
EXPORT = Export(
    NOW,
    "0.1.0",
    (FeedState(FeedName.DEBIAN_TRACKER, NOW, NOW, Digest("0" * 64), 1, "test"),),
    {
        CVES[0]: CveSignals(
            CVES[0],
            kev=KevEntry(CVES[0], date(2026, 1, 1), None, is_used_by_ransomware=False),
            epss=EpssScore(CVES[0], 123_400),
            cvss=CvssScore("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 98, "cna"),
            cwes=("CWE-79", "CWE-noinfo"),
            summary="=cmd|'/C calc'!A0",
        )
    },
    (HostId("=web"), HostId("web-1")),
)


def host(name: str) -> Host:
    return Host(HostId(name), name, "192.0.2.1", 22, "root", "", NOW)


words = hostile_text | st.sampled_from(["=1+1", "+x", "-x", "@x", "\tx", 'a"b', "a,b", "ü\u2028"])
findings = st.builds(
    lambda name, package, cve, state, version, fixed, rule: Finding(
        HostId(name), package, cve, state, Evidence(version, fixed, rule, "debian-tracker", "2026")
    ),
    st.sampled_from(["web-1", "=web"]),
    st.sampled_from(["openssl", "libstdc++6", "-x"]),
    st.sampled_from(CVES),
    st.sampled_from(FindingState),
    st.sampled_from(["1.0-1", "2:1.0+b1"]) | words,
    st.sampled_from(["", "2.0-1"]),
    words,
)
fleets = st.lists(findings, max_size=6, unique_by=lambda finding: finding.key)


def written(form: ExportFormat, found: list[Finding]) -> str:
    names = sorted({finding.host for finding in found})
    hosts = (
        HostFindings(
            host(name),
            "debian-12",
            "deb",
            [finding for finding in found if finding.host == name],
            {finding.key: date(2026, 11, 1) for finding in found},
        )
        for name in names
    )
    return "".join(EXPORTERS[form](EXPORT, hosts))


def schema(name: str) -> dict[str, object]:
    known: dict[str, object] = json.loads((GOLDEN / name).read_text())
    return known


SARIF = Draft7Validator(schema("sarif-2.1.0-rtm.5.schema.json"))
OPENVEX = Draft202012Validator(
    schema("openvex-0.2.0.schema.json"), format_checker=Draft202012Validator.FORMAT_CHECKER
)
CYCLONEDX = JsonStrictValidator(SchemaVersion.V1_6)


@given(fleets)
def test_sarif_is_what_its_schema_says(found: list[Finding]) -> None:
    """A result for each finding, with a fingerprint that is its own."""
    document = json.loads(written(ExportFormat.SARIF, found))
    assert list(SARIF.iter_errors(document)) == []
    results = document["runs"][0]["results"]
    assert len(results) == len(found)
    prints = {result["partialFingerprints"]["oakumFinding/v1"] for result in results}
    assert len(prints) == len(found)


@given(fleets)
def test_openvex_is_what_its_schema_says(found: list[Finding]) -> None:
    """Affected products have an action, those that are not have the vendor's words."""
    assume(found)
    document = json.loads(written(ExportFormat.OPENVEX, found))
    assert list(OPENVEX.iter_errors(document)) == []
    assert len(document["statements"]) == len(found)


def test_openvex_without_a_statement_is_refused() -> None:
    """It would be no OpenVEX; and nothing was written by then."""
    with pytest.raises(RefusedError, match="without statements"):
        written(ExportFormat.OPENVEX, [])


@given(fleets)
def test_cyclonedx_is_what_its_schema_says(found: list[Finding]) -> None:
    """Every package that a finding affects is a component of its host."""
    text = written(ExportFormat.CYCLONEDX, found)
    assert CYCLONEDX.validate_str(text) is None
    document = json.loads(text)
    parts = {part["bom-ref"] for of in document["components"] for part in of["components"]}
    assert {a["ref"] for v in document["vulnerabilities"] for a in v["affects"]} == parts


@given(fleets)
def test_a_table_comes_back_whole_and_is_no_formula(found: list[Finding]) -> None:
    """What is read back is what was written; no cell begins as a calculation does."""
    rows = list(csv.DictReader(io.StringIO(written(ExportFormat.CSV, found), newline="")))
    ordered = sorted(found, key=lambda finding: finding.host)
    assert [(row["host"].lstrip("'"), row["cve"]) for row in rows] == [
        (finding.host, finding.cve) for finding in ordered
    ]
    cells = [cell for row in rows for cell in row.values()]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


@given(fleets)
def test_json_has_each_finding(found: list[Finding]) -> None:
    """With what the queue knows of it."""
    document = json.loads(written(ExportFormat.JSON, found))
    assert len(document["findings"]) == len(found)
    assert all(row["first_seen"] == "2026-11-01" for row in document["findings"])


@given(fleets)
def test_json_lines_are_the_findings_of_the_document(found: list[Finding]) -> None:
    """Each line can be read alone."""
    lines = written(ExportFormat.JSONL, found).split("\n")
    document = json.loads(written(ExportFormat.JSON, found))
    assert lines.pop() == ""
    assert [json.loads(line) for line in lines] == document["findings"]


@pytest.mark.parametrize("form", ExportFormat)
def test_hosts_are_written_as_they_come(form: ExportFormat) -> None:
    """Of a large fleet none keeps findings: what came is gone before the next host is."""
    alive: list[weakref.ref[HostFindings]] = []

    def hosts() -> Iterator[HostFindings]:
        for number in range(50):
            assert sum(ref() is not None for ref in alive) <= 2
            finding = Finding(HostId("web-1"), "openssl", CVES[0], FindingState.FIXED,
                              Evidence(f"{number}", "1", "1 >= 1", "f", "2026"))  # fmt: skip
            of = Watched(host("web-1"), "debian-12", "deb", [finding], {})
            alive.append(weakref.ref(of))
            yield of
            del of

    text = "".join(EXPORTERS[form](EXPORT, hosts()))
    assert "49" in text
    assert len(alive) == 50


class Watched(HostFindings):
    """Has room for a weak reference."""


@pytest.mark.parametrize("form", ExportFormat)
def test_the_same_findings_give_the_same_bytes(form: ExportFormat) -> None:
    """Identities follow from what they name, not from chance."""
    finding = Finding(HostId("web-1"), "openssl", CVES[0], FindingState.FIXED,
                      Evidence("1", "1", "1 >= 1", "debian-tracker", "2026"))  # fmt: skip
    assert written(form, [finding]) == written(form, [finding])
    if form is not ExportFormat.OPENVEX:
        assert written(form, []) or form is ExportFormat.JSONL


def test_an_actions_words_and_signals_are_in_it() -> None:
    """KEV, EPSS, CVSS with its source, and what to do."""
    finding = Finding(HostId("web-1"), "openssl", CVES[0], FindingState.AFFECTED_FIX_AVAILABLE,
                      Evidence("1", "2", "1 < 2", "debian-tracker", "2026"))  # fmt: skip
    (row,) = csv.DictReader(io.StringIO(written(ExportFormat.CSV, [finding])))
    assert (row["kev"], row["epss_percent"], row["cvss"], row["cvss_source"]) == (
        "2026-01-01", "12.34", "9.8", "cna",
    )  # fmt: skip
    assert row["action"] == "Update openssl to 2 or later."
    rating = json.loads(written(ExportFormat.CYCLONEDX, [finding]))["vulnerabilities"][0]
    assert rating["ratings"][0]["method"] == "CVSSv31"
    assert rating["cwes"] == [79]
