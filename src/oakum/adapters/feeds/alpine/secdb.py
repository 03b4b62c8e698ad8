"""Alpine's secdb: for each package of a branch, the versions that fix CVEs.

The version `0` says that the branch was never affected. What is open is not in it, so that a
package without a word there has nothing that Alpine fixed.
"""

import re
from collections.abc import Iterable

import msgspec

from oakum.adapters.feeds.parsing import Parsed, each
from oakum.adapters.feeds.statements import Collected, require_version
from oakum.core.advisories.cve import CVE, is_damaged
from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.ids import CveId
from oakum.core.text import one_line
from oakum.core.versions.order import InvalidVersionError

BRANCH = re.compile(r"v(?P<number>[0-9]+\.[0-9]+)")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
NEVER_AFFECTED = "0"


class _Package(msgspec.Struct):
    name: str
    secfixes: dict[str, list[str] | None] = {}


class _Entry(msgspec.Struct):
    pkg: _Package


class _Branch(msgspec.Struct):
    distroversion: str
    packages: list[msgspec.Raw]


_decode = msgspec.json.Decoder(_Branch).decode
_entry = msgspec.json.Decoder(_Entry).decode


def parse_secdb(branches: Iterable[tuple[str, bytes]], source: str) -> Parsed:
    """Return the statements of (file name, branch) pairs; what cannot be read is counted."""
    parsed, collected = Parsed(), Collected()
    for name, branch in each(branches, _decode, parsed):
        match = BRANCH.fullmatch(branch.distroversion)
        if match is None:
            parsed.unreadable.append(f"{name}: no branch of Alpine")
            continue
        packages = ((f"{name}: packages[{n}]", bytes(raw)) for n, raw in enumerate(branch.packages))
        for _, entry in each(packages, _entry, parsed):
            release = f"alpine:{match['number']}"
            parsed.unreadable += _take(release, entry.pkg, source, collected)
    parsed.statements = collected.statements
    return parsed


def _take(release: str, package: _Package, source: str, collected: Collected) -> list[str]:
    """Take a package's fixes up; return what is wrong with any."""
    place = one_line(f"{release}/{package.name}", 80)
    if not NAME.fullmatch(package.name):
        return [f"{place}: no package name"]
    problems = []
    for version, names in package.secfixes.items():
        is_fix = version != NEVER_AFFECTED
        try:
            if is_fix:
                require_version(release, version)
        except InvalidVersionError as error:
            problems.append(f"{place}: {error.message}")
            continue
        words = [word for name in names or () for word in name.split()]
        problems += [
            f"{place}: {one_line(word, 40)!r} is no CVE" for word in filter(is_damaged, words)
        ]
        for cve in _cves(words):
            collected.add(
                VendorStatement(
                    release=release,
                    source_name=package.name,
                    cve=cve,
                    status=VendorStatus.FIXED if is_fix else VendorStatus.NOT_AFFECTED,
                    fixed_version=version if is_fix else "",
                    source=source,
                )
            )
    return problems


def _cves(words: Iterable[str]) -> list[CveId]:
    """Return the CVEs; an entry may hold other names beside: `CVE-2019-1 GHSA-x (+ regression)`."""
    return [CveId(word) for word in words if CVE.fullmatch(word)]
