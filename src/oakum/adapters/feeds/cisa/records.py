"""CVE records (CVE JSON 5.1) as CISA enriches them: CVSS, CWE and SSVC decision points."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec
from cvss import CVSS2, CVSS3, CVSS4
from cvss.exceptions import CVSSError

from oakum.adapters.feeds.parsing import Parsed, each
from oakum.core.advisories.cve import CVE
from oakum.core.advisories.signals import (
    CveSignals,
    CvssScore,
    Exploitation,
    Reservation,
    SsvcDecisionPoints,
    TechnicalImpact,
)
from oakum.core.ids import CveId
from oakum.core.text import is_plain


class _Metric(
    msgspec.Struct,
    rename={"v4": "cvssV4_0", "v31": "cvssV3_1", "v30": "cvssV3_0", "v2": "cvssV2_0"},
):
    v4: dict[str, Any] | None = None
    v31: dict[str, Any] | None = None
    v30: dict[str, Any] | None = None
    v2: dict[str, Any] | None = None
    other: dict[str, Any] | None = None


class _Problem(msgspec.Struct):
    descriptions: list[dict[str, Any]] = []


class _Container(msgspec.Struct, rename="camel"):
    title: str = ""
    metrics: list[_Metric] = []
    problem_types: list[_Problem] = []
    provider_metadata: dict[str, Any] = {}
    tags: list[str] = []


class _Containers(msgspec.Struct):
    cna: _Container  # of a rejected record it holds little
    adp: list[_Container] = []


class _Metadata(msgspec.Struct, rename="camel"):
    cve_id: str
    date_published: str = ""
    state: str = ""


class _Record(msgspec.Struct, rename="camel"):
    cve_metadata: _Metadata
    containers: _Containers


_decode = msgspec.json.Decoder(_Record).decode


def parse_records(records: Iterable[tuple[str, bytes]]) -> Parsed:
    """Return the signals of (file name, record) pairs; a record that cannot be read is counted."""
    parsed = Parsed()
    parsed.signals = [found for _, found in each(records, _understand, parsed)]
    return parsed


def _understand(content: bytes) -> CveSignals:
    return _signals(_decode(content))


def _signals(record: _Record) -> CveSignals:
    cve = record.cve_metadata.cve_id
    if not CVE.fullmatch(cve):
        message = f"{cve!r} is no CVE"
        raise ValueError(message)
    containers = (record.containers.cna, *record.containers.adp)
    cisa = [container for container in record.containers.adp if _is_cisa(container)]
    return CveSignals(
        cve=CveId(cve),
        cvss=_cvss(record.containers.cna, "cna") or _first(_cvss(c, "cisa-adp") for c in cisa),
        ssvc=_first(_ssvc(metric) for c in cisa for metric in c.metrics),
        cwes=_cwes(containers),
        published_on=_published(record.cve_metadata.date_published),
        reservation=_reservation(record),
    )


def _reservation(record: _Record) -> Reservation | None:
    if record.cve_metadata.state == "REJECTED":
        return Reservation.REJECTED
    return Reservation.DISPUTED if "disputed" in record.containers.cna.tags else None


def _is_cisa(container: _Container) -> bool:
    return container.provider_metadata.get("shortName") == "CISA-ADP"


def _first(values: Iterable[Any]) -> Any:  # noqa: ANN401 (of whatever the values are)
    return next((value for value in values if value is not None), None)


def _cvss(container: _Container, source: str) -> CvssScore | None:
    for version in ("v4", "v31", "v30", "v2"):
        for metric in container.metrics:
            found = getattr(metric, version)
            if found is not None and (rated := score_of(found.get("vectorString"), source)):
                return rated
    return None


def score_of(vector: object, source: str) -> CvssScore | None:
    """Return the score that the vector gives; the number beside it is not believed."""
    if not isinstance(vector, str) or not is_plain(vector):
        return None
    try:
        if vector.startswith("CVSS:4"):
            base = CVSS4(vector).base_score
        elif vector.startswith("CVSS:3"):
            base = CVSS3(vector).base_score
        else:
            base = CVSS2(vector).base_score
    except (CVSSError, ValueError, KeyError, IndexError):
        return None
    return CvssScore(vector, round(base * 10), source)


def _ssvc(metric: _Metric) -> SsvcDecisionPoints | None:
    if metric.other is None or metric.other.get("type") != "ssvc":
        return None
    content = metric.other.get("content")
    options = content.get("options") if isinstance(content, dict) else None
    if not isinstance(options, list):
        return None
    points = {str(k): str(v).lower() for o in options if isinstance(o, dict) for k, v in o.items()}
    try:
        return SsvcDecisionPoints(
            exploitation=Exploitation(points["Exploitation"]),
            automatable={"yes": True, "no": False}[points["Automatable"]],
            technical_impact=TechnicalImpact(points["Technical Impact"]),
        )
    except (KeyError, ValueError):
        return None


def _cwes(containers: Iterable[_Container]) -> tuple[str, ...]:
    found = {
        str(description["cweId"])
        for container in containers
        for problem in container.problem_types
        for description in problem.descriptions
        if isinstance(description.get("cweId"), str) and is_plain(str(description["cweId"]))
    }
    return tuple(sorted(found))


def _published(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
