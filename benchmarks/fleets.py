"""Fleets made up from real data: hosts of five distributions, with roles, patch levels and drift.

Packages of Debian hosts are those of real inventories; of others, those that advisories name, each
at a version that advisories name, so that every comparison is one that happens. A host is of a role
and at a patch level: most are fresh, some lag, a few are stale for years. Hosts of a cluster are
alike; the others have drifted. The same seed gives the same fleet.
"""

import lzma
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from oakum.core.advisories.statement import OF_SOURCE, VendorStatement, VendorStatus
from oakum.core.ids import HostId
from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.facts import Facts, RunningKernel
from oakum.core.inventory.host import Criticality, Exposure, Host
from oakum.core.inventory.package import InstalledPackage
from oakum.core.versions.scheme import Scheme, scheme_of

NOW = datetime(2026, 11, 25, tzinfo=UTC)
INVENTORIES = Path(__file__).parent.parent / "tests" / "golden" / "inventories"
SHARES = {
    "bookworm": (35, Distribution("debian", "12", "bookworm")),
    "jammy": (30, Distribution("ubuntu", "22.04", "jammy")),
    "almalinux:9": (20, Distribution("almalinux", "9.6", "")),
    "sles:15.5": (10, Distribution("sles", "15.5", "")),
    "alpine:3.20": (5, Distribution("alpine", "3.20.3", "")),
}
"""In percent of the fleet."""
PACKAGES = 600
ROLES, LEVELS = 12, 20
CORE = 0.6
"""Share of its packages that a host has whatever its role."""
ALIKE = 0.35
"""Share of hosts that are members of a cluster and exactly alike."""
LEVEL_WEIGHTS = [1] * 5 + [2] * 5 + [3] * 5 + [6] * 3 + [20] * 2
"""From stale to fresh."""
KERNEL = {"bookworm": "linux", "jammy": "linux", "almalinux:9": "kernel-core"}


@dataclass(frozen=True, slots=True)
class Product:
    """A package that a release has, with the versions that hosts may be at, oldest first."""

    source: str
    binaries: tuple[str, ...]
    versions: tuple[str, ...]


def catalogue(release: str, statements: Iterable[VendorStatement]) -> list[Product]:
    """Return the packages of a release that advisories name."""
    scheme, versions = scheme_of(release), defaultdict[str, set[str]](set)
    for said in statements:
        if said.release == release and said.status is VendorStatus.FIXED and not said.module:
            versions[said.source_name.removeprefix(OF_SOURCE)].add(said.fixed_version)
    binaries = _binaries() if release == "bookworm" else {}
    return [
        Product(
            name,
            binaries.get(name, (name,)),
            (*_before(scheme, found), *sorted(found, key=scheme.key)),
        )
        for name, found in sorted(versions.items())
    ]


def _before(scheme: Scheme, versions: set[str]) -> list[str]:
    """Return a version before every fix, where the scheme has a sign for it."""
    lowest = min(versions, key=scheme.key)
    return [] if scheme is Scheme.APK else [f"{lowest}~0"]


def _binaries() -> Mapping[str, tuple[str, ...]]:
    """Return the binary packages that real Debian hosts have, by source."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(INVENTORIES.glob("*.tsv.xz")):
        _, *lines = lzma.decompress(path.read_bytes()).decode().splitlines()
        for line in lines:
            name, _, _, source, *_ = line.split("\t")
            found[source].add(name)
    return {source: tuple(sorted(names)) for source, names in found.items()}


class FleetMaker:
    """Makes fleets of any size from one set of advisories."""

    def __init__(self, statements: Sequence[VendorStatement], seed: int) -> None:
        self._chance = Random(seed)  # noqa: S311 (a fleet is made up, and is no secret)
        self._products = {release: catalogue(release, statements) for release in SHARES}
        self._roles = {
            release: [self._role(products) for _ in range(ROLES)]
            for release, products in self._products.items()
        }
        self._packages: dict[tuple[str, str, str], tuple[InstalledPackage, ...]] = {}

    def hosts(self, count: int) -> Iterator[tuple[Host, Facts]]:
        """Give hosts with what they would report."""
        releases = list(SHARES)
        weights = [share for share, _ in SHARES.values()]
        for number in range(count):
            release = self._chance.choices(releases, weights)[0]
            yield self._host(number), self._facts(number, release)

    def _role(self, products: list[Product]) -> list[Product]:
        """Return the packages of a role: the same core, and others by chance."""
        wanted = PACKAGES // 2 if len(products[0].binaries) > 1 else PACKAGES
        core = products[: round(wanted * CORE)]
        others = products[len(core) :]
        return core + self._chance.sample(others, min(len(others), wanted - len(core)))

    def _host(self, number: int) -> Host:
        chance = self._chance
        name = f"host-{number:06}"
        return Host(
            HostId(name), name, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 22,
            "oakum", "ssh-ed25519 AAAA", NOW,
            exposure=chance.choices(list(Exposure), [5, 3, 1, 1])[0],
            criticality=chance.choices(list(Criticality), [3, 4, 2, 1])[0],
        )  # fmt: skip

    def _facts(self, number: int, release: str) -> Facts:
        chance = self._chance
        role, level = chance.randrange(ROLES), chance.choices(range(LEVELS), LEVEL_WEIGHTS)[0]
        levels = dict.fromkeys(self._roles[release][role], level)
        if chance.random() > ALIKE:
            for product in chance.sample(list(levels), min(len(levels), chance.randrange(1, 40))):
                levels[product] = chance.randrange(LEVELS)
            for product in chance.sample(self._products[release], chance.randrange(20)):
                levels.setdefault(product, level)
        packages = [p for product, at in levels.items() for p in self._at(release, product, at)]
        plain = PACKAGES - len(packages)
        packages += [self._plain(release, n) for n in range(plain)]
        return Facts(
            collected_at=NOW,
            hostname=f"host-{number:06}",
            machine_id=f"{number:032x}",
            boot_id="boot",
            architecture="amd64",
            distribution=SHARES[release][1],
            kernel=self._kernel(release, level),
            has_systemd=True,
            is_container=release not in KERNEL,
            packages=tuple(packages),
        )

    def _at(self, release: str, product: Product, level: int) -> tuple[InstalledPackage, ...]:
        version = product.versions[(len(product.versions) - 1) * level // (LEVELS - 1)]
        key = (release, product.source, version)
        if key not in self._packages:
            self._packages[key] = tuple(
                InstalledPackage(name, version, "amd64", product.source, version)
                for name in product.binaries
            )
        return self._packages[key]

    def _plain(self, release: str, number: int) -> InstalledPackage:
        """Return a package that no advisory names: most of a host is such."""
        key = (release, "plain", str(number))
        if key not in self._packages:
            name = f"plain-{number:03}"
            self._packages[key] = (InstalledPackage(name, "1.0-r0", "amd64", name, "1.0-r0"),)
        return self._packages[key][0]

    def _kernel(self, release: str, level: int) -> RunningKernel:
        name = KERNEL.get(release, "")
        product = next((p for p in self._products[release] if p.source == name), None)
        if product is None:
            return RunningKernel("none", "none")
        version = product.versions[(len(product.versions) - 1) * level // (LEVELS - 1)]
        if release == "bookworm":
            return RunningKernel("6.1.0-50-amd64", f"#1 SMP Debian {version} (2026-11-02)")
        abi, _, build = version.rpartition(".")
        return RunningKernel(f"{abi}-generic", f"#{build}-Ubuntu SMP")
