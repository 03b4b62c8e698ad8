"""`updateinfo.xml` of rpm repositories: advisories with their CVEs and packages.

It is what `dnf updateinfo` reads. Unlike OSV records it names module streams.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from oakum.adapters.feeds.osv.records import DEBUG, NAME
from oakum.adapters.feeds.parsing import Parsed, each
from oakum.adapters.feeds.statements import Collected, require_version
from oakum.core.advisories.cve import CVE, is_damaged
from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.ids import CveId
from oakum.core.text import one_line
from oakum.core.versions.order import InvalidVersionError

SYSTEMS = {
    "almalinux": "almalinux",
    "rocky linux": "rocky",
    "red hat enterprise linux": "rhel",
    "opensuse leap": "opensuse-leap",
}
RELEASE = re.compile(
    r"(?P<system>almalinux|rocky linux|red hat enterprise linux|opensuse leap)\s*"
    r"(?P<number>[0-9]+(?:\.[0-9]+)?)",
    re.IGNORECASE,
)
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse_updateinfo(files: Iterable[tuple[str, bytes]], source: str) -> Parsed:
    """Return the statements of (file name, XML) pairs; what cannot be read is counted."""
    parsed, collected = Parsed(), Collected()
    newest = date.min
    for place, root in each(files, _understand, parsed):
        for number, update in enumerate(root.iter("update")):
            issued = _date(update)
            newest = max(newest, issued or date.min)
            for problem in _take(update, issued, source, collected):
                parsed.unreadable.append(f"{place}: update[{number}]: {problem}")
    parsed.statements = collected.statements
    if newest != date.min:
        parsed.data_as_of = datetime.combine(newest, time(), UTC)
    return parsed


def _understand(content: bytes) -> Element:
    """Return the root. Raises ValueError, also for documents that declare entities."""
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, LookupError) as error:
        raise ValueError(str(error) or type(error).__name__) from error
    return root


def _take(update: Element, issued: date | None, source: str, collected: Collected) -> Iterator[str]:
    names = [reference.get("id", "") for reference in update.iter("reference")]
    cves = dict.fromkeys(CveId(name) for name in names if CVE.fullmatch(name))
    advisory = one_line(update.findtext("id", ""), 60)
    for damaged in filter(is_damaged, names):
        yield f"{advisory}: {one_line(damaged, 40)!r} is no CVE"
    if not cves:
        return  # a bug fix, or an enhancement
    for collection in update.iter("collection"):
        release = _release(update, collection)
        if not release:
            yield f"{advisory}: it does not say which release it is for"
            continue
        module = _module(collection)
        for package in collection.iter("package"):
            name, version = package.get("name", ""), _version(package)
            if package.get("arch") == "src" or DEBUG.fullmatch(name):
                continue
            try:
                require_version(release, version)
            except InvalidVersionError as error:
                yield f"{advisory}: {one_line(name, 40)}: {error.message}"
                continue
            if not NAME.fullmatch(name):
                yield f"{advisory}: {one_line(name, 40)!r} is no package"
                continue
            for cve in cves:
                collected.add(
                    VendorStatement(
                        release=release,
                        source_name=name,
                        cve=cve,
                        status=VendorStatus.FIXED,
                        fixed_version=version,
                        source=source,
                        advisory=advisory,
                        issued_on=issued,
                        module=module,
                    )
                )


def _release(update: Element, collection: Element) -> str:
    words = (update.findtext("release", ""), collection.findtext("name", ""))
    match = next((found for text in words if (found := RELEASE.search(text))), None)
    if match is None:
        return ""
    system, number = SYSTEMS[match["system"].lower()], match["number"]
    return f"{system}:{number if system == 'opensuse-leap' else number.partition('.')[0]}"


def _module(collection: Element) -> str:
    found = collection.find("module")
    if found is None:
        return ""
    return one_line(f"{found.get('name', '')}:{found.get('stream', '')}", 80)


def _version(package: Element) -> str:
    epoch = package.get("epoch") or "0"
    return f"{epoch}:{package.get('version', '')}-{package.get('release', '')}"


def _date(update: Element) -> date | None:
    issued = update.find("issued")
    match = DATE.match(issued.get("date", "")) if issued is not None else None
    try:
        return date.fromisoformat(match[0]) if match else None
    except ValueError:
        return None
