"""CSAF 2.0 documents of Red Hat and SUSE: advisories and VEX (profiles 4 and 5 of the standard).

A vulnerability lists products by their state; a product is a component in a platform, put together
by the product tree's relationships. The component's purl has name and version, the platform's CPE
the release.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec
from packageurl import PackageURL

from oakum.adapters.feeds.osv.records import NAME
from oakum.adapters.feeds.parsing import Parsed, each, newest
from oakum.adapters.feeds.statements import Collected, require_version
from oakum.core.advisories.cve import CVE
from oakum.core.advisories.statement import OF_SOURCE, VendorStatement, VendorStatus
from oakum.core.ids import CveId
from oakum.core.text import one_line
from oakum.core.versions.order import InvalidVersionError

MAX_DEPTH = 20
"""Branches of a product tree nest some five deep."""
CPES = (
    (
        re.compile(r"cpe:/[ao]:redhat:enterprise_linux:(?P<number>[0-9]+)(?:[.:].*)?"),
        "rhel:{number}",
    ),
    (
        re.compile(r"cpe:/[ao]:redhat:rhel_eus:(?P<number>[0-9]+\.[0-9]+)(?::.*)?"),
        "rhel-eus:{number}",
    ),
    (
        re.compile(
            r"cpe:/[ao]:suse:(?:sle[sd]|sle-module-.+):(?P<number>[0-9]+)(?::sp(?P<pack>[0-9]+))?"
        ),
        "sles:{number}{dot_pack}",
    ),
    (re.compile(r"cpe:/o:opensuse:leap:(?P<number>[0-9]+\.[0-9]+)"), "opensuse-leap:{number}"),
)
"""Extended streams have CPEs of their own (rhel_eus, sles-ltss) and are others than the release; of
them EUS is read."""
STATES = {
    "fixed": VendorStatus.FIXED,
    "first_fixed": VendorStatus.FIXED,
    "known_affected": VendorStatus.OPEN,
    "last_affected": VendorStatus.OPEN,
    "known_not_affected": VendorStatus.NOT_AFFECTED,
    "under_investigation": VendorStatus.UNDETERMINED,
}


class _Helper(msgspec.Struct):
    cpe: str = ""
    purl: str = ""


class _Product(msgspec.Struct):
    product_id: str
    name: str = ""
    product_identification_helper: _Helper = msgspec.field(default_factory=_Helper)


class _Branch(msgspec.Struct):
    product: _Product | None = None
    branches: list["_Branch"] = []


class _Relationship(msgspec.Struct):
    full_product_name: _Product
    product_reference: str
    relates_to_product_reference: str


class _Tree(msgspec.Struct):
    branches: list[_Branch] = []
    relationships: list[_Relationship] = []


class _Vulnerability(msgspec.Struct):
    cve: str = ""
    product_status: dict[str, list[str]] = {}


class _Tracking(msgspec.Struct):
    id: str
    current_release_date: datetime
    initial_release_date: datetime | None = None


class _Document(msgspec.Struct):
    category: str
    tracking: _Tracking


class _Csaf(msgspec.Struct):
    document: _Document
    product_tree: _Tree = msgspec.field(default_factory=_Tree)
    vulnerabilities: list[_Vulnerability] = []


_decode = msgspec.json.Decoder(_Csaf).decode


def parse_csaf(documents: Iterable[tuple[str, bytes]], source: str) -> Parsed:
    """Return the statements of (file name, document) pairs; what cannot be read is counted."""
    parsed, collected = Parsed(), Collected()
    for name, document in each(documents, _decode, parsed):
        dated = document.document.tracking.current_release_date
        parsed.data_as_of = newest(parsed.data_as_of, dated, name)
        for problem in _take(document, source, collected):
            parsed.unreadable.append(f"{name}: {one_line(problem)}")
    parsed.statements = collected.statements
    return parsed


def _take(document: _Csaf, source: str, collected: Collected) -> Iterator[str]:
    products = {product.product_id: product for product in _products(document.product_tree)}
    parts = {
        relation.full_product_name.product_id: (
            relation.product_reference,
            relation.relates_to_product_reference,
        )
        for relation in document.product_tree.relationships
    }
    tracking = document.document.tracking
    is_advisory = "advisory" in document.document.category
    issued = tracking.initial_release_date or tracking.current_release_date
    common: dict[str, Any] = {"source": source}
    if is_advisory:
        common |= {"advisory": one_line(tracking.id, 40), "issued_on": issued.date()}
    for vulnerability in document.vulnerabilities:
        if not CVE.fullmatch(vulnerability.cve):
            # Red Hat and SUSE also publish on flaws that have no CVE.
            yield from [f"{one_line(vulnerability.cve, 40)!r} is no CVE"] * bool(vulnerability.cve)
            continue
        for state, members in vulnerability.product_status.items():
            for member in members:
                component, platform = parts.get(member, ("", ""))
                release = _release(products.get(platform))
                if state not in STATES or not release:
                    continue
                try:
                    name, version = _component(products.get(component))
                except ValueError as error:
                    yield f"{vulnerability.cve}: {member}: {error}"
                    continue
                status = STATES[state]
                said = VendorStatement(
                    release, name, CveId(vulnerability.cve), status,
                    version if status is VendorStatus.FIXED else "", **common,
                )  # fmt: skip
                try:
                    if status is VendorStatus.FIXED:
                        require_version(release, version)
                except InvalidVersionError as error:
                    yield f"{vulnerability.cve}: {member}: {error.message}"
                    continue
                collected.add(said)


def _products(tree: _Tree) -> Iterator[_Product]:
    level, depth = list(tree.branches), 0
    while level and depth < MAX_DEPTH:
        yield from (branch.product for branch in level if branch.product is not None)
        level, depth = [child for branch in level for child in branch.branches], depth + 1


def _release(platform: _Product | None) -> str:
    """Return the release that a platform is; empty for one that no host of Oakum's can be of."""
    if platform is None:
        return ""
    for pattern, form in CPES:
        if match := pattern.fullmatch(platform.product_identification_helper.cpe):
            groups = match.groupdict()
            pack = groups.get("pack")
            return form.format(number=groups["number"], dot_pack=f".{pack}" if pack else "")
    return ""


def _component(product: _Product | None) -> tuple[str, str]:
    """Return name and version of a package; the version is empty where none is named."""
    purl = product.product_identification_helper.purl if product else ""
    if not purl:
        message = "the product has no package URL"
        raise ValueError(message)
    parsed = PackageURL.from_string(purl)
    if parsed.type != "rpm":
        message = f"{one_line(purl, 60)} is no rpm package"
        raise ValueError(message)
    if not NAME.fullmatch(parsed.name):
        message = f"{one_line(purl, 60)} names no package"
        raise ValueError(message)
    epoch = parsed.qualifiers.get("epoch", "")
    version = parsed.version or ""
    is_source = parsed.qualifiers.get("arch") == "src"
    name = f"{OF_SOURCE}{parsed.name}" if is_source else parsed.name
    return name, f"{epoch}:{version}" if epoch and version else version
