"""How right matching is beyond Debian: AlmaLinux and Alpine, against Trivy on the same statements.

    python -m benchmarks.distributions --data DIRECTORY

The vendors' statements of the folder that name a fix are written into a database of Trivy's. Hosts
are made up: each has every package that the vendor names, at the lowest, at a middle or at the
highest version that the vendor ever named for it, so that every comparison of the data is asked
for. AlmaLinux's hosts reach Trivy as an SBOM (CycloneDX), Alpine's as apk's own database. Kernels
and modules are left out: more than a version decides them. Every pair on which the two differ is
put into a class by what proves it; one that is in none ends with exit status 1.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.advisory_data import load_feed
from benchmarks.peers.bolt import write_bolt
from benchmarks.peers.peer import Pair, run
from benchmarks.peers.trivy import Trivy
from oakum.core.advisories.authority import decide
from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.ids import Digest, HostId
from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.facts import Facts, RunningKernel
from oakum.core.inventory.package import InstalledPackage
from oakum.core.matching.finding import FindingState
from oakum.core.matching.kernel import is_kernel
from oakum.core.matching.matcher import AdvisoryIndex, match
from oakum.core.versions.scheme import scheme_of

NOW = datetime(2026, 11, 26, tzinfo=UTC)
LEVELS = ("lowest", "middle", "highest")
SHOWN = 10


@dataclass(frozen=True)
class System:
    """A release, as it calls itself and as Trivy's database does."""

    feed: FeedName
    distribution: Distribution
    bucket: str

    @property
    def is_alpine(self) -> bool:
        """Tell whether its packages are apk's."""
        return self.feed is FeedName.ALPINE_SECDB


SYSTEMS = (
    *(
        System(FeedName.OSV_ALMALINUX, Distribution("almalinux", f"{n}.4", ""), f"alma {n}")
        for n in ("8", "9", "10")
    ),
    *(
        System(FeedName.ALPINE_SECDB, Distribution("alpine", f"{n}.1", ""), f"alpine {n}")
        for n in ("3.19", "3.20", "3.21")
    ),
)


def main() -> int:
    """Compare; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True, help="the folder of advisory data")
    data = parser.parse_args().data
    trivy = Trivy()
    if why := trivy.absent():
        sys.exit(why)
    said = {feed: load_feed(data, feed).statements for feed in {s.feed for s in SYSTEMS}}
    print(f"{'release':16} {'host':8} {'packages':>8} {'comparisons':>11} "
          f"{'agreed':>8} {'only Oakum':>10} {'only Trivy':>10}")  # fmt: skip
    unexplained = 0
    with tempfile.TemporaryDirectory() as name:
        for number, system in enumerate(SYSTEMS):
            place = Path(name) / str(number)
            place.mkdir()
            fixes = list(_fixes(system, said[system.feed]))
            _write_database(system, fixes, place)
            for level in LEVELS:
                unexplained += _compare(trivy, system, level, fixes, place)
    return 1 if unexplained else 0


def _fixes(system: System, said: Iterable[VendorStatement]) -> Iterator[VendorStatement]:
    """Give the fixes that count in the release, without kernels and modules."""
    release = system.distribution.release
    own = (s for s in said if s.release == release and not s.module)
    for statement in decide(own, {}):
        named = _package(statement.source_name, "0")
        if statement.status is VendorStatus.FIXED and not is_kernel(named):
            yield statement


def _package(name: str, version: str) -> InstalledPackage:
    return InstalledPackage(name, version, "x86_64", name, version)


def _write_database(system: System, fixes: Sequence[VendorStatement], place: Path) -> None:
    """Write it as Trivy's own (schema 2): release → package → CVE → fixed version."""
    tree: dict[bytes, dict[bytes, bytes]] = defaultdict(dict)
    for fix in fixes:
        entry = json.dumps({"FixedVersion": fix.fixed_version}).encode()
        tree[fix.source_name.encode()][fix.cve.encode()] = entry
    source = json.dumps({"ID": system.bucket.split()[0], "Name": "vendor", "URL": ""}).encode()
    about = json.dumps({"Title": "x"}).encode()
    (place / "db").mkdir()
    write_bolt(
        place / "db" / "trivy.db",
        {
            b"data-source": {system.bucket.encode(): source},
            system.bucket.encode(): tree,
            b"vulnerability": {fix.cve.encode(): about for fix in fixes},
        },
    )
    dates = dict.fromkeys(("UpdatedAt", "DownloadedAt"), "2026-01-01T00:00:00Z")
    known = {"Version": 2, "NextUpdate": "2100-01-01T00:00:00Z", **dates}
    (place / "db" / "metadata.json").write_text(json.dumps(known))


def _compare(
    trivy: Trivy, system: System, level: str, fixes: Sequence[VendorStatement], place: Path
) -> int:
    """Print what both say of one host; return how many differences are in no class."""
    packages = _installed(system, level, fixes)
    ours = _judge(system, packages, fixes)
    theirs = _ask(trivy, system, packages, place)
    both = ours & theirs
    release = system.distribution.release
    print(f"{release:16} {level:8} {len(packages):8,} {len(fixes):11,} "
          f"{len(both):8,} {len(ours - theirs):10,} {len(theirs - ours):10,}")  # fmt: skip
    known = {package.name: package.version for package in packages}
    fixed = {Pair(fix.source_name, fix.cve): fix.fixed_version for fix in fixes}
    classes = Counter[str]()
    for pair in sorted(ours ^ theirs):
        kind = _class(system, known[pair.package], fixed.get(pair, ""))
        classes[kind] += 1
        if not kind and classes[kind] <= SHOWN:
            who = "Oakum" if pair in ours else "Trivy"
            print(f"    only {who}: {pair.package} {known[pair.package]}, {pair.cve} "
                  f"fixed in {fixed.get(pair)}")  # fmt: skip
    for kind, count in classes.items():
        print(f"    {count}: {kind or 'in no class'}")
    return classes[""]


def _class(system: System, installed: str, fixed: str) -> str:
    """Return why the two differ; empty where nothing proves it."""
    if not all(map(scheme_of(system.distribution.release).is_version, (installed, fixed))):
        return "no version by the distribution's own grammar"
    return ""


def _installed(
    system: System, level: str, fixes: Iterable[VendorStatement]
) -> tuple[InstalledPackage, ...]:
    versions: dict[str, set[str]] = defaultdict(set)
    for fix in fixes:
        versions[fix.source_name].add(fix.fixed_version)
    key = scheme_of(system.distribution.release).key
    found = []
    for name, named in sorted(versions.items()):
        ladder = sorted(named, key=key)
        place = {"lowest": 0, "middle": len(ladder) // 2, "highest": len(ladder) - 1}[level]
        found.append(_package(name, ladder[place]))
    return tuple(found)


def _judge(
    system: System, packages: tuple[InstalledPackage, ...], fixes: Iterable[VendorStatement]
) -> set[Pair]:
    facts = Facts(
        NOW, "h", "m", "b", "x86_64", system.distribution, RunningKernel("", ""),
        has_systemd=True, is_container=True, packages=packages,
    )  # fmt: skip
    feed = FeedState(system.feed, NOW, NOW, Digest("0" * 64), 1, "benchmark")
    index = AdvisoryIndex.of({system.feed: feed}, fixes)
    return {
        Pair(package.partition(":")[0], finding.cve)
        for finding in match(HostId("h"), facts, index)
        if finding.state is FindingState.AFFECTED_FIX_AVAILABLE
        for package in finding.evidence.packages
    }


def _ask(
    trivy: Trivy, system: System, packages: Sequence[InstalledPackage], place: Path
) -> set[Pair]:
    if system.is_alpine:
        kind, target = "rootfs", _apk_root(system, packages, place)
    else:
        kind, target = "sbom", _sbom(system, packages, place)
    report = place / "report.json"
    run(
        [str(trivy.program), kind, "--cache-dir", str(place), "--skip-db-update",
         "--skip-java-db-update", "--offline-scan", "--scanners", "vuln", "--pkg-types", "os",
         "--skip-version-check", "--disable-telemetry", "--quiet", "--format", "json",
         "--output", str(report), str(target)],
        place,
    )  # fmt: skip
    return {
        Pair(found["PkgName"], found["VulnerabilityID"])
        for result in json.loads(report.read_text()).get("Results", ())
        for found in result.get("Vulnerabilities", ())
    }


def _apk_root(system: System, packages: Iterable[InstalledPackage], place: Path) -> Path:
    root = place / "root"
    (root / "lib/apk/db").mkdir(parents=True, exist_ok=True)
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/alpine-release").write_text(f"{system.distribution.version_id}\n")
    (root / "lib/apk/db/installed").write_text(
        "".join(f"P:{p.name}\nV:{p.version}\nA:x86_64\no:{p.source_name}\n\n" for p in packages)
    )
    return root


def _sbom(system: System, packages: Iterable[InstalledPackage], place: Path) -> Path:
    version = system.distribution.version_id
    components: list[Mapping[str, object]] = [
        {"bom-ref": "os", "type": "operating-system", "name": "alma", "version": version}
    ]
    for package in packages:
        epoch, _, bare = package.version.rpartition(":")
        purl = f"pkg:rpm/alma/{package.name}@{bare}?arch=x86_64&distro=alma-{version}"
        components.append(
            {
                "bom-ref": package.name,
                "type": "library",
                "name": package.name,
                "version": bare,
                "purl": f"{purl}&epoch={epoch}" if epoch else purl,
            }
        )
    path = place / "sbom.json"
    known = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": components}
    path.write_text(json.dumps(known))
    return path


if __name__ == "__main__":
    sys.exit(main())
