import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import hostile_text

from oakum.adapters.feeds.cisa.records import parse_records
from oakum.core.advisories.signals import CvssScore, Exploitation, TechnicalImpact
from oakum.core.text import is_plain

GOLDEN = Path(__file__).parents[2] / "golden" / "feeds"
RECORDS = [(path.name, path.read_bytes()) for path in sorted((GOLDEN / "cve-records").iterdir())]


def test_cve_record_excerpts() -> None:
    """Scores by vector, whose they are, SSVC's decision points and weaknesses."""
    parsed = parse_records(RECORDS)
    assert parsed.unreadable == []
    found = {str(signal.cve): signal for signal in parsed.signals}
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
    unscored = found["CVE-2024-6716"]
    assert (unscored.cvss, unscored.ssvc) == (None, None)


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


@pytest.mark.parametrize(
    ("metrics", "tenths"),
    [
        ([{"cvssV2_0": {"vectorString": "AV:N/AC:L/Au:N/C:P/I:P/A:P"}}], 75),
        ([{"cvssV3_0": {"vectorString": "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}], 98),
        ([{"cvssV3_1": {"vectorString": "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H"}}], 78),
        (
            [
                {"cvssV2_0": {"vectorString": "AV:N/AC:L/Au:N/C:P/I:P/A:P"}},
                {
                    "cvssV4_0": {
                        "vectorString": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H"
                        "/SC:N/SI:N/SA:N"
                    }
                },
            ],
            93,
        ),
    ],
)
def test_every_version_of_cvss_gives_a_score_with_its_source(
    metrics: list[object], tenths: int
) -> None:
    """The newest version that a record has counts, and whose it is stays with it."""
    (signal,) = parse_records([("x", record(metrics=metrics))]).signals
    assert signal.cvss is not None
    assert (signal.cvss.base_tenths, signal.cvss.source) == (tenths, "cna")


@given(st.sampled_from(["CVSS:3.1/", "CVSS:4.0/", "CVSS:3.1/AV:N/AC:L/", "AV:N/"]), hostile_text)
def test_a_vector_of_any_text_is_a_score_or_none(head: str, tail: str) -> None:
    """The score is what the vector gives; a vector that gives none is no score."""
    metric = {"cvssV3_1": {"vectorString": head + tail, "baseScore": 9.9}}
    (signal,) = parse_records([("x", record(metrics=[metric]))]).signals
    assert signal.cvss is None or is_plain(signal.cvss.vector)
