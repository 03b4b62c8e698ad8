"""What a host costs: `oakum judge` against debsecan, whole processes, and a further host by size.

usage: python -m benchmarks.one_host [--rounds N] [--here]

Both judge the same copies of dpkg's list by Debian's tracker of the shipped bundle: debsecan the
statements with a fix, in the form that Debian serves them to it; Oakum these, those without a fix,
and the lists of advisories. Runs take turns; CPU seconds are of the process and its children
(wait4), medians. Before, both answers are held against each other: exit status 1 says that they
differ in a pair that is not a kernel's. Needs debsecan, Debian's package.

A further host is timed inside the run, from when its file is asked for until the next one is: it is
read, judged and written. Hosts of a size have the same packages, each host at a patch level of its
own, so that hardly one has the versions of another; the first host of a run is left out.
"""

import argparse
import gc
import json
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from benchmarks.accuracy import fixes_of, tracker
from benchmarks.hosts import BenchHost, inventories, this_machine, written
from benchmarks.peers.debsecan import Debsecan
from benchmarks.peers.peer import Cost, Pair, run
from oakum.core.advisories.statement import VendorStatement
from oakum.core.inventory.package import InstalledPackage
from oakum.core.matching.kernel import is_kernel
from oakum.core.versions.deb import key
from oakum.entrypoints.cli.judging import judge_files
from oakum.entrypoints.cli.main import YOUNG_OBJECTS

OAKUM = (sys.executable, "-c", "from oakum.entrypoints.cli.main import main; main()", "judge")
MADE = 40
SIZES = (120, 300, 600, 934)
"""Packages a host; docs/accuracy.md says where the last number comes from."""
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
    parser.add_argument("--time", type=Path, nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.time:
        _time(given.time)
        return 0
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
        _further(hosts, copies, place, given.rounds)
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


def _further(
    hosts: Sequence[BenchHost], copies: Mapping[str, Path], place: Path, rounds: int
) -> None:
    """Say what a host costs after the first one, by size: median and worst of all runs."""
    said = fixes_of(tracker(None))
    runs = {f"{size} packages, made up": _made_up(size, hosts, said, place) for size in SIZES}
    if "this machine" in copies:
        count = len(hosts[-1].facts.packages)
        runs[f"{count} packages, this machine again"] = [copies["this machine"]] * MADE
    taken: dict[str, list[float]] = {name: [] for name in runs}
    findings = {name: _count(files, place) // len(files) for name, files in runs.items()}
    for _ in range(rounds):
        for name, files in runs.items():
            taken[name] += _timed(files, place)[1:]
    print(f"{'a further host':35} findings  median   worst   (CPU ms)")
    for name, times in taken.items():
        print(f"{name:35} {findings[name]:8} {statistics.median(times):7.1f} {max(times):7.1f}")


def _count(files: Sequence[Path], place: Path) -> int:
    environment = {"OAKUM_HOME": str(place / "home"), "XDG_CACHE_HOME": str(place)}
    done = run([*OAKUM, *map(str, files), "--json"], place, environment, good=(0, IS_FIXABLE))
    return sum(len(judged["findings"]) for judged in json.loads(done.stdout))


def _timed(files: Sequence[Path], place: Path) -> list[float]:
    environment = {"OAKUM_HOME": str(place / "home"), "XDG_CACHE_HOME": str(place)}
    command = [sys.executable, "-m", "benchmarks.one_host", "--time", *map(str, files)]
    last = run(command, place, environment).stdout.rpartition("\n]\n")[2]
    taken: list[float] = json.loads(last)
    return taken


def _time(files: Sequence[Path]) -> None:
    """Be a run of many hosts, as the command line is, and say what each took in milliseconds."""
    gc.set_threshold(YOUNG_OBJECTS)
    asked_at = list[float]()

    def each() -> Iterator[Path]:
        for file in files:
            asked_at.append(time.process_time())
            yield file
        asked_at.append(time.process_time())

    judge_files(each(), as_json=True)
    print(json.dumps([(after - before) * 1000 for before, after in pairwise(asked_at)]))


def _made_up(
    size: int, hosts: Sequence[BenchHost], said: Sequence[VendorStatement], place: Path
) -> list[Path]:
    """Write hosts between the first release of their packages and today's, a level each."""
    fixes: dict[str, set[str]] = defaultdict(set)
    for statement in said:
        fixes[statement.source_name].add(statement.fixed_version)
    today = {p.source_name: p.source_version for host in hosts for p in host.facts.packages
             if host.name.endswith("current")}  # fmt: skip
    old = {p.key: p for host in hosts if host.name.endswith("r0") for p in host.facts.packages}
    packages = [*old.values(), *_others({p.source_name for p in old.values()}, fixes)][:size]
    today = {source: max(found, key=key) for source, found in fixes.items()} | today
    paths = []
    for number in range(MADE):
        level = number / (MADE - 1)
        at = [_at(level, p, fixes[p.source_name], today.get(p.source_name, "")) for p in packages]
        paths.append(place / f"made-up-{size}-{number}")
        paths[-1].write_bytes(written(at, WORDS))
    return paths


def _others(known: set[str], fixes: Mapping[str, set[str]]) -> Iterator[InstalledPackage]:
    """Give further packages as a real host has them: Debian speaks of half of their sources."""
    for number, source in enumerate(sorted(fixes)):
        if source in known or number % EVERY or source.startswith("linux"):
            continue
        first = f"{min(fixes[source], key=key)}~0"
        for of, version in ((source, first), (f"plain-{source}", "1.0-1")):
            for name in (f"lib{of}-1", f"{of}-bin"):
                yield InstalledPackage(name, version, "amd64", of, version)


EVERY = 6
"""Of so many packages that Debian speaks of, one is taken, so that all letters occur."""
WORDS = "".join(
    (
        "Priority: optional\nSection: libs\nInstalled-Size: 1234\n",
        "Depends: libc6 (>= 2.36), libgcc-s1 (>= 3.0), libssl3 (>= 3.0.0), zlib1g (>= 1:1.2.0)\n",
        "Description: a package that was made up\n",
        " This line stands for the words and the files of a real package's entry.\n" * 7,
    )
)
"""What else dpkg keeps of a package: with it, an entry is as long as a real one."""


def _at(level: float, package: InstalledPackage, fixes: set[str], today: str) -> InstalledPackage:
    """Return the package at a level between 0, what it is, and 1, what it is today."""
    first, last = package.source_version, today or package.source_version
    between = {fix for fix in fixes if key(first) < key(fix) < key(last)}
    ladder = [first, *sorted(between, key=key), last]
    version = ladder[round(level * (len(ladder) - 1))]
    return replace(package, version=version, source_version=version)


if __name__ == "__main__":
    sys.exit(main())
