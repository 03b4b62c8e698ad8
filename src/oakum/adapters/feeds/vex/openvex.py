"""OpenVEX documents (v0.2.0): statements on packages of distributions, named by package URLs.

A product that is `fixed` is named with the version that was looked at, not with the first that has
the fix: held against older ones it would call them affected that are not. So that status is passed
over, and the vendor's tracker or advisories have to say from which version on.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec
from packageurl import PackageURL

from oakum.adapters.feeds.osv.records import NAME
from oakum.adapters.feeds.parsing import Parsed, each, newest
from oakum.adapters.feeds.statements import Collected
from oakum.core.advisories.cve import CVE, is_damaged
from oakum.core.advisories.statement import OF_SOURCE, VendorStatement, VendorStatus
from oakum.core.ids import CveId
from oakum.core.inventory.distribution import DEBIAN_RELEASES, UBUNTU_RELEASES
from oakum.core.text import one_line

PASSED_OVER = "fixed"
STATES = {
    "affected": VendorStatus.OPEN,
    "not_affected": VendorStatus.NOT_AFFECTED,
    "under_investigation": VendorStatus.UNDETERMINED,
}
NUMBER, BRANCH = re.compile(r"[0-9]+"), re.compile(r"[0-9]+\.[0-9]+")
ENTERPRISE = {"redhat": "rhel", "almalinux": "almalinux", "rocky": "rocky", "rocky-linux": "rocky"}


class _Vulnerability(msgspec.Struct):
    id: str = msgspec.field(default="", name="@id")
    name: str = ""
    aliases: list[str] = []


class _Product(msgspec.Struct):
    id: str = msgspec.field(default="", name="@id")
    identifiers: dict[str, str] = {}
    subcomponents: list["_Product"] = []


class _Statement(msgspec.Struct):
    status: str
    vulnerability: _Vulnerability | str
    products: list[_Product] = []


class _Document(msgspec.Struct):
    context: str = msgspec.field(name="@context")
    timestamp: datetime
    statements: list[_Statement]
    last_updated: datetime | None = None


_decode = msgspec.json.Decoder(_Document).decode


def parse_openvex(documents: Iterable[tuple[str, bytes]], source: str) -> Parsed:
    """Return the statements of (file name, document) pairs; what cannot be read is counted."""
    parsed, collected = Parsed(), Collected()
    for name, document in each(documents, _decode, parsed):
        if "openvex" not in document.context:
            parsed.unreadable.append(f"{name}: no OpenVEX document")
            continue
        dated = document.last_updated or document.timestamp
        parsed.data_as_of = newest(parsed.data_as_of, dated, name)
        for number, statement in enumerate(document.statements):
            for problem in _take(statement, source, collected):
                parsed.unreadable.append(f"{name}: statements[{number}]: {one_line(problem)}")
    parsed.statements = collected.statements
    return parsed


def _take(statement: _Statement, source: str, collected: Collected) -> Iterator[str]:
    cve = _cve(statement.vulnerability)
    if statement.status == PASSED_OVER:
        return
    if statement.status not in STATES:
        yield f"unknown status {statement.status!r}"
        return
    if not cve:
        # A flaw that has no CVE is none of ours; one whose CVE is damaged is lost.
        for damaged in filter(is_damaged, _names(statement.vulnerability)):
            yield f"{one_line(damaged, 40)!r} is no CVE"
        return
    status = STATES[statement.status]
    for product in statement.products:
        for purl in _purls(product):
            try:
                found = _package(purl)
            except ValueError as error:
                yield f"{one_line(purl, 80)}: {error}"
                continue
            if found is not None:
                release, name = found
                collected.add(VendorStatement(release, name, cve, status, source=source))


def _cve(vulnerability: _Vulnerability | str) -> CveId | None:
    return next((CveId(name) for name in _names(vulnerability) if CVE.fullmatch(name)), None)


def _names(vulnerability: _Vulnerability | str) -> list[str]:
    if isinstance(vulnerability, str):
        return [vulnerability]
    return [vulnerability.name, *vulnerability.aliases, vulnerability.id.rpartition("/")[2]]


def _purls(product: _Product) -> Iterator[str]:
    """Give the packages of a product: itself, or its parts where it has some."""
    parts = product.subcomponents or [product]
    for part in parts:
        named = part.identifiers.get("purl", part.id)
        if named.startswith("pkg:"):
            yield named


def _package(purl: str) -> tuple[str, str] | None:
    """Return release and name; None for what no vendor's data is keyed by.

    deb and apk data are keyed by source packages, rpm data by both. A paid channel is another
    stream than its release: what is said of it says nothing here.
    """
    parsed = PackageURL.from_string(purl)
    if not NAME.fullmatch(parsed.name):
        message = "it names no package"
        raise ValueError(message)
    arch, distro = parsed.qualifiers.get("arch"), parsed.qualifiers.get("distro", "")
    if "/" in distro:
        return None
    match parsed.type, parsed.namespace:
        case "deb", ("debian" | "ubuntu") as system:
            release = _codename(system, distro)
            return (release, parsed.name) if release and arch in {"source", None} else None
        case "rpm", ("redhat" | "almalinux" | "rocky" | "rocky-linux") as system:
            number = distro.rpartition("-")[2].partition(".")[0]
            name = f"{OF_SOURCE}{parsed.name}" if arch == "src" else parsed.name
            return (f"{ENTERPRISE[system]}:{number}", name) if NUMBER.fullmatch(number) else None
        case "apk", "alpine":
            branch = ".".join(distro.removeprefix("alpine-").split(".")[:2])
            return (f"alpine:{branch}", parsed.name) if BRANCH.fullmatch(branch) else None
        case _:
            return None


def _codename(system: str, distro: str) -> str:
    """Return the release of `jammy`, `debian-12` or `ubuntu-22.04`; empty when it is none."""
    known = DEBIAN_RELEASES if system == "debian" else UBUNTU_RELEASES
    bare = distro.removeprefix(f"{system}-")
    return known.get(bare, bare if bare in known.values() else "")
