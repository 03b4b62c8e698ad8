"""What a snapshot must hold: updates, what they depend on, and what is installed now."""

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from oakum.core.inventory.facts import Facts
from oakum.core.repositories.archive import ArchivePackage
from oakum.core.versions.deb import key

CLAUSE = re.compile(r"(?P<name>[a-z0-9][a-z0-9+.-]+)(?::\w+)?")


@dataclass(frozen=True, slots=True)
class Installed:
    """A version that runs somewhere."""

    name: str
    version: str
    architecture: str


@dataclass(frozen=True, slots=True)
class Closure:
    """The answer."""

    candidates: tuple[ArchivePackage, ...]
    installed: tuple[ArchivePackage, ...]
    missing: tuple[Installed, ...]
    """Installed versions that no archive has any more."""
    left_out: tuple[ArchivePackage, ...] = ()
    """Newer versions that the archives do not have for all hosts yet."""


@dataclass
class _Catalogue:
    phased_from: int = 0
    by_name: dict[str, list[ArchivePackage]] = field(default_factory=lambda: defaultdict(list))
    providers: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def newest(self, name: str) -> ArchivePackage | None:
        """Return the latest version of a package, of whatever suite."""
        found = [package for package in self.by_name.get(name, ()) if not self.is_early(package)]
        return max(found, key=lambda package: key(package.version), default=None)

    def is_early(self, package: ArchivePackage) -> bool:
        """Tell whether fewer hosts may have it than it takes to be a candidate."""
        percentage = package.phased_percentage
        return percentage is not None and percentage < self.phased_from

    def newer_and_early(self, name: str, chosen: ArchivePackage | None) -> list[ArchivePackage]:
        """Return versions that would be taken but for their phasing."""
        return [
            package
            for package in self.by_name.get(name, ())
            if self.is_early(package)
            and (chosen is None or key(package.version) > key(chosen.version))
        ]


def installed_versions(facts: Iterable[Facts]) -> frozenset[Installed]:
    """Return every version that is installed anywhere."""
    return frozenset(
        Installed(package.name, package.version, package.architecture)
        for known in facts
        for package in known.packages
    )


def close(
    packages: Iterable[ArchivePackage], installed: frozenset[Installed], phased_from: int = 0
) -> Closure:
    """Return what a snapshot for this fleet holds.

    The newest version of each installed package, everything that those may need (each alternative
    and each provider of a dependency: which one a host takes is its own resolver's decision), and
    every version that is installed now, so that there is a way back. A version that an archive
    lets fewer hosts in a hundred have than `phased_from` is no candidate.
    """
    catalogue = _catalogue(packages, phased_from)
    names = {package.name for package in installed}
    candidates = _reachable(catalogue, names)
    present = {(package.name, package.version) for package in installed}
    early = [
        package
        for name in {*names, *candidates}
        for package in catalogue.newer_and_early(name, candidates.get(name))
        if (package.name, package.version) not in present
    ]
    exact = {
        Installed(p.name, p.version, p.architecture): p
        for found in catalogue.by_name.values()
        for p in found
    }
    return Closure(
        candidates=tuple(sorted(candidates.values(), key=_order)),
        installed=tuple(sorted((exact[i] for i in installed if i in exact), key=_order)),
        missing=tuple(sorted((i for i in installed if i not in exact), key=_installed_order)),
        left_out=tuple(sorted(early, key=_order)),
    )


def _catalogue(packages: Iterable[ArchivePackage], phased_from: int) -> _Catalogue:
    catalogue = _Catalogue(phased_from)
    for package in packages:
        catalogue.by_name[package.name].append(package)
        for name in _names(package.provides):
            catalogue.providers[name].add(package.name)
    return catalogue


def _reachable(catalogue: _Catalogue, roots: set[str]) -> dict[str, ArchivePackage]:
    """Walk dependencies; of a virtual name the providers that the fleet has, or the first."""
    found: dict[str, ArchivePackage] = {}
    waiting = deque(sorted(roots))
    while waiting:
        name = waiting.popleft()
        if name in found:
            continue
        package = catalogue.newest(name)
        if package is None:
            continue
        found[name] = package
        for needed in _names(package.depends):
            waiting.extend(_choices(catalogue, needed, roots))
    return found


def _choices(catalogue: _Catalogue, name: str, roots: set[str]) -> list[str]:
    if name in catalogue.by_name:
        return [name]
    providers = sorted(catalogue.providers.get(name, ()))
    return [provider for provider in providers if provider in roots] or providers[:1]


def _names(relation: str) -> Iterator[str]:
    """Give every package name in a relation field, alternatives included."""
    for clause in re.split(r"[,|]", relation):
        match = CLAUSE.match(clause.strip())
        if match:
            yield match["name"]


def _order(package: ArchivePackage) -> tuple[str, str, str]:
    return (package.name, package.architecture, package.version)


def _installed_order(package: Installed) -> tuple[str, str, str]:
    return (package.name, package.architecture, package.version)
