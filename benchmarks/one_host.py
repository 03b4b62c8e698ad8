"""What a host costs: `oakum judge` against debsecan, whole processes, and a further host.

usage: python -m benchmarks.one_host [--rounds N] [--here]

Both judge the same copies of dpkg's list by Debian's tracker of the shipped bundle: debsecan the
statements with a fix, in the form that Debian serves them to it; Oakum these, those without a fix,
and the lists of advisories. Runs take turns; CPU seconds are of the process and its children
(wait4), medians. Before, both answers are held against each other: exit status 1 says that they
differ in a pair that is not a kernel's. Needs debsecan, Debian's package.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.accuracy import fixes_of, tracker
from benchmarks.hosts import BenchHost, inventories, this_machine, written
from benchmarks.peers.debsecan import Debsecan
from benchmarks.peers.peer import Cost, Pair, run
from oakum.core.advisories.statement import VendorStatement
from oakum.core.inventory.package import InstalledPackage
from oakum.core.matching.kernel import is_kernel
from oakum.core.versions.deb import key

OAKUM = (sys.executable, "-c", "from oakum.entrypoints.cli.main import main; main()", "judge")
MADE = 40
FIX = "affected, fix available"
IS_FIXABLE = 100


def ask_oakum(files: Sequence[Path], place: Path) -> tuple[list[set[Pair]], Cost]:
    """Return what `oakum judge --json` finds fixable on each host, and what its process took."""
    environment = {"OAKUM_HOME": str(place / "home"), "XDG_CACHE_HOME": str(place)}
    done = run([*OAKUM, *map(str, files), "--json"], place, environment, good=(0, IS_FIXABLE))
    return [_pairs(judged["findings"]) for judged in json.loads(done.stdout)], done.cost


def _pairs(findings: Sequence[dict[str, object]]) -> set[Pair]:
    return {
        Pair(package.partition(":")[0], str(finding["cve"]))
        for finding in findings
        if finding["state"] == FIX
        for package in finding["evidence"]["packages"]  # type: ignore[index]
    }


def differing(host: BenchHost, ours: set[Pair], theirs: set[Pair]) -> set[Pair]:
    """Return the pairs that only one of both has and that are no kernel's, which nobody booted."""
    kernels = {package.name for package in host.facts.packages if is_kernel(package)}
    return {pair for pair in ours ^ theirs if pair.package not in kernels}


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--here", action="store_true")
    given = parser.parse_args()
    peer, status = Debsecan(), 0
    if why := peer.absent():
        print(f"debsecan was NOT asked: {why}")
        return 2
    hosts = [host for host in inventories() if "," not in host.name]
    hosts += [this_machine()] if given.here else []
    with tempfile.TemporaryDirectory(prefix="oakum-one-host-") as scratch:
        place = Path(scratch)
        peer.feed(fixes_of(tracker(None)), place)
        copies = {host.name: _copy(host, place) for host in hosts}
        first = ask_oakum(list(copies.values())[:1], place)[1]
        print(f"the first run ever, which reads the bundle: {first.cpu_seconds:.2f} CPU s")
        print(f"{'host':25} packages   Oakum  debsecan  ratio   (CPU ms, medians)")
        for host in hosts:
            status |= _compare(host, copies[host.name], peer, place, given.rounds)
        made = _made_up(hosts, fixes_of(tracker(None)), place)
        _further(list(copies.values()), made, place, given.rounds)
    return status


def _copy(host: BenchHost, place: Path) -> Path:
    folder = place / host.name.replace(" ", "-")
    folder.mkdir()
    return host.copy_to(folder).status


def _compare(host: BenchHost, copy: Path, peer: Debsecan, place: Path, rounds: int) -> int:
    ours, theirs, answer, found = [], [], set[Pair](), set[Pair]()
    for _ in range(rounds):
        (answer,), cost = ask_oakum([copy], place)
        ours.append(cost.cpu_seconds)
        found, cost = peer.ask_file(copy, place)
        theirs.append(cost.cpu_seconds)
    differ = differing(host, answer, found)
    a, b = (statistics.median(seconds) * 1000 for seconds in (ours, theirs))
    print(f"{host.name:25} {len(host.facts.packages):8} {a:7.0f} {b:9.0f} {a / b:6.2f}")
    if differ:
        print(f"  they differ in {len(differ)} pairs: {sorted(differ)[:5]}")
    return int(bool(differ))


def _further(copies: Sequence[Path], made: Sequence[Path], place: Path, rounds: int) -> None:
    """Say what hosts cost after the first ones, in one run of all: real ones, and made up ones."""
    every = [*copies, *made]
    runs = {"one": copies[:1], "real": copies, "all": every, "twice": every * 2}
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, files in runs.items():
            seconds[name].append(ask_oakum(files, place)[1].cpu_seconds)
    one, real, all_of_them, twice = (statistics.median(taken) * 1000 for taken in seconds.values())
    print(f"{len(copies)} real hosts in one run, each after the first: "
          f"{(real - one) / (len(copies) - 1):.1f} ms")  # fmt: skip
    print(f"{len(made)} more, made up, each of its own versions: "
          f"{(all_of_them - real) / len(made):.1f} ms each")  # fmt: skip
    print(f"all of them once more: {(twice - all_of_them) / len(every):.1f} ms each")


def _made_up(
    hosts: Sequence[BenchHost], said: Sequence[VendorStatement], place: Path
) -> list[Path]:
    """Write hosts between the first release of their packages and today's, a level each."""
    fixes: dict[str, set[str]] = defaultdict(set)
    for statement in said:
        fixes[statement.source_name].add(statement.fixed_version)
    today = {p.source_name: p.source_version for host in hosts for p in host.facts.packages
             if host.name.endswith("current")}  # fmt: skip
    old, paths = [host for host in hosts if host.name.endswith("r0")], []
    for number in range(MADE):
        level = number / (MADE - 1)
        packages = [
            _at(level, package, fixes[package.source_name], today.get(package.source_name, ""))
            for package in old[number % len(old)].facts.packages
        ]
        paths.append(place / f"made-up-{number}")
        paths[-1].write_bytes(written(packages))
    return paths


def _at(level: float, package: InstalledPackage, fixes: set[str], today: str) -> InstalledPackage:
    """Return the package at a level between 0, what it is, and 1, what it is today."""
    first, last = package.source_version, today or package.source_version
    between = {fix for fix in fixes if key(first) < key(fix) < key(last)}
    ladder = [first, *sorted(between, key=key), last]
    version = ladder[round(level * (len(ladder) - 1))]
    return replace(package, version=version, source_version=version)


if __name__ == "__main__":
    sys.exit(main())
