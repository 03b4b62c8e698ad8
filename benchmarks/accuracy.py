"""How right matching is: against debsecan, Trivy and oscap on the same hosts and statements.

usage: python -m benchmarks.accuracy [--data DIRECTORY] [--here] [--ssh CONFIG HOST...]

Debian's tracker (the shipped bundle, or with --data the folder's) is written as each peer reads it;
then all judge the six real inventories, with --here this machine, and the hosts of --ssh. Compared
are (binary package, CVE) pairs for which a fix is there. Every difference is put in a class by what
proves it; one that is in none, or an agreement below 99.9 % with debsecan or Trivy, ends with exit
status 1. A peer that is not here is said to be so.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.advisory_data import load_feeds
from benchmarks.hosts import BenchHost, inventories, over_ssh, this_machine
from benchmarks.peers.debsecan import Debsecan
from benchmarks.peers.oscap import Oscap
from benchmarks.peers.peer import RELEASE, Pair, Peer
from benchmarks.peers.trivy import Trivy
from oakum.adapters.feeds.bundle import shipped_bundle
from oakum.core.advisories.feed import FeedName
from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.ids import HostId
from oakum.core.inventory.package import InstalledPackage
from oakum.core.matching.coverage import foreign_packages
from oakum.core.matching.finding import FindingState
from oakum.core.matching.kernel import is_kernel, tracked_as
from oakum.core.matching.matcher import AdvisoryIndex, match
from oakum.core.versions.deb import compare
from oakum.ports.advisory_feed import FeedContent

AGREED, UNEXPLAINED = "agreed", "UNEXPLAINED"
BOOTED, HEADERS = "booted kernel", "kernel's other packages"
SIGNED, BINARY, FOREIGN = "signed boot loader", "binary version", "another archive's"
EXPLAINED_BY_OURS = frozenset({BOOTED, HEADERS, SIGNED, FOREIGN})
"""What Oakum judges on purpose otherwise: no pair of these is one that both were asked about."""
LEAST = 0.999
SHOWN = 5
ON_DISK = frozenset({FindingState.AFFECTED_FIX_AVAILABLE, FindingState.AWAITING_REBOOT})


def tracker(data: Path | None) -> FeedContent:
    """Return Debian's tracker."""
    if data is None:
        return shipped_bundle().load(FeedName.DEBIAN_TRACKER)
    (found,) = load_feeds(data, [FeedName.DEBIAN_TRACKER])
    return found


def fixes_of(content: FeedContent) -> list[VendorStatement]:
    """Return the statements that name a fix in the release, which is what all peers can read."""
    return [
        said for said in content.statements
        if said.release == RELEASE and said.status is VendorStatus.FIXED
    ]  # fmt: skip


def judge(host: BenchHost, index: AdvisoryIndex) -> set[Pair]:
    """Return what Oakum calls affected with a fix, by binary package."""
    return {
        Pair(package.partition(":")[0], finding.cve)
        for finding in match(HostId(host.name), host.facts, index)
        if finding.state in ON_DISK
        for package in finding.evidence.packages
    }


@dataclass(frozen=True)
class Classes:
    """Puts a difference on one host into a class, by what proves it."""

    packages: Mapping[str, list[InstalledPackage]]
    foreign: Iterable[str]
    fixes: Mapping[tuple[str, str], str]
    """(source, CVE) → fixed version."""

    @classmethod
    def of(cls, host: BenchHost, said: Iterable[VendorStatement]) -> "Classes":
        """Return the classes of a host."""
        packages: dict[str, list[InstalledPackage]] = {}
        for package in host.facts.packages:
            packages.setdefault(package.name, []).append(package)
        fixes = {(s.source_name, str(s.cve)): s.fixed_version for s in said}
        return cls(packages, frozenset(foreign_packages(host.facts)), fixes)

    def of_pair(self, pair: Pair, *, is_ours: bool) -> str:
        """Return why only one says so."""
        packages = self.packages.get(pair.package, [])
        if any(is_kernel(package) for package in packages):
            return BOOTED if is_ours else HEADERS
        if any(package.key in self.foreign for package in packages):
            return FOREIGN
        if is_ours and any(tracked_as(p)[0] != p.source_name for p in packages):
            return SIGNED
        return BINARY if any(self._by_binary(pair, p, is_ours) for p in packages) else UNEXPLAINED

    def _by_binary(self, pair: Pair, package: InstalledPackage, is_ours: bool) -> bool:  # noqa: FBT001 (as above)
        """Tell whether the source's version makes the one answer and the binary's the other."""
        fix = self.fixes.get((package.source_name, pair.cve), "")
        if not fix:
            return False
        by_source = compare(package.source_version, fix) < 0
        by_binary = compare(package.version, fix) < 0
        return by_source is is_ours and by_binary is not is_ours


def compared(host: BenchHost, ours: set[Pair], theirs: set[Pair], classes: Classes) -> Counter[str]:
    """Return how many pairs are in which class."""
    found = Counter({AGREED: len(ours & theirs)})
    for pair in sorted(ours ^ theirs):
        kind = classes.of_pair(pair, is_ours=pair in ours)
        found[kind] += 1
        if kind == UNEXPLAINED and found[kind] <= SHOWN:
            print(f"  {host.name}: {pair.package} {pair.cve} only {_who(pair in ours)}")
    return found


def _who(is_ours: bool) -> str:  # noqa: FBT001 (a word for a truth)
    return "Oakum" if is_ours else "the peer"


def agreement(classes: Counter[str]) -> float:
    """Return the share of agreed pairs among those that both were asked about."""
    asked = sum(count for kind, count in classes.items() if kind not in EXPLAINED_BY_OURS)
    return classes[AGREED] / asked if asked else 1.0


def main() -> int:
    """Compare, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--here", action="store_true")
    parser.add_argument("--ssh", nargs="+", metavar=("CONFIG", "HOST"), default=[])
    given = parser.parse_args()
    content = tracker(given.data)
    said = fixes_of(content)
    index = AdvisoryIndex.of({content.state.feed: content.state}, content.statements)
    hosts = inventories()
    hosts += [this_machine()] if given.here else []
    hosts += [over_ssh(Path(given.ssh[0]), name) for name in given.ssh[1:]]
    peers: list[Peer] = [Debsecan(), Trivy(), Oscap()]
    print(f"{len(said)} statements with a fix; pairs of (binary package, CVE)")
    total: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory(prefix="oakum-accuracy-") as scratch:
        for peer in peers:
            if why := peer.absent():
                print(f"{peer.name} was NOT asked: {why}")
                continue
            place = Path(scratch) / peer.name.partition(" ")[0]
            place.mkdir()
            peer.feed(said, place)
            total[peer.name] = Counter()
            for host in hosts:
                theirs, cost = peer.ask(host.copy_to(place), place)
                ours = judge(host, index)
                classes = compared(host, ours, theirs, Classes.of(host, said))
                total[peer.name] += classes
                print(
                    f"{peer.name:13} {host.name:25} {len(host.facts.packages):5} packages; "
                    f"ours {len(ours):6}, theirs {len(theirs):6}; {dict(classes)}; "
                    f"{cost.cpu_seconds:.2f} CPU s"
                )
    return _verdict(total)


def _verdict(total: Mapping[str, Counter[str]]) -> int:
    failed = False
    for name, classes in total.items():
        share = agreement(classes)
        print(f"{name}: {share:.4%} agreed, outside of what was not asked; {dict(classes)}")
        failed |= classes[UNEXPLAINED] > 0 or (share < LEAST and not name.startswith("oscap"))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
