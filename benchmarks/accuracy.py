"""How right matching is, and what a host costs: against debsecan on the same statements.

usage: python -m benchmarks.accuracy [--data DIRECTORY] [--rounds N]

Debian's tracker (the shipped bundle, or with --data the folder's) is written in debsecan's own
format; then debsecan and Oakum judge the six real inventories in turn, each in a process of its
own. Compared are (binary package, CVE) pairs for which a fix is there. Every difference is put in a
class; one that is in none ends with exit status 1. debsecan is Debian's package of that name.
"""

import argparse
import json
import lzma
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.advisory_data import load_feeds
from oakum.adapters.feeds.bundle import shipped_bundle
from oakum.core.advisories.feed import FeedName
from oakum.core.advisories.statement import Urgency, VendorStatement, VendorStatus
from oakum.core.ids import HostId
from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.facts import Facts, RunningKernel
from oakum.core.inventory.package import InstalledPackage
from oakum.core.matching.kernel import is_image, is_kernel, tracker_version
from oakum.core.matching.matcher import AdvisoryIndex, match
from oakum.core.versions.deb import key
from oakum.ports.advisory_feed import FeedContent

GOLDEN = Path(__file__).parent.parent / "tests" / "golden" / "inventories"
SYSTEM_PYTHON = "/usr/bin/python3"
RELEASE = "bookworm"
Pair = tuple[str, str]


def inventories() -> list[str]:
    """Return the names of the real inventories."""
    return sorted(path.name.removesuffix(".tsv.xz") for path in GOLDEN.glob("*.tsv.xz"))


def facts_of(name: str) -> Facts:
    """Return a host with these packages, its newest kernel booted."""
    _, *lines = lzma.decompress((GOLDEN / f"{name}.tsv.xz").read_bytes()).decode().splitlines()
    rows = [line.split("\t") for line in lines]
    packages = tuple(InstalledPackage(*row[:5], status=row[5].strip()) for row in rows)
    booted = max((tracker_version(p) for p in packages if is_image(p)), key=key)
    return Facts(
        datetime(2026, 11, 21, tzinfo=UTC), name, name, "boot", "amd64",
        Distribution("debian", "12", RELEASE),
        RunningKernel("6.1.0-amd64", f"#1 SMP Debian {booted} (2026-11-02)"),
        has_systemd=True, is_container=False, packages=packages,
    )  # fmt: skip


def tracker(data: Path | None) -> FeedContent:
    """Return Debian's tracker."""
    if data is None:
        return shipped_bundle().load(FeedName.DEBIAN_TRACKER)
    (found,) = load_feeds(data, [FeedName.DEBIAN_TRACKER])
    return found


def write_debsecan(statements: Iterable[VendorStatement], place: Path) -> None:
    """Write the statements as debsecan reads them (its source documents the format)."""
    said = [s for s in statements if s.release == RELEASE and s.status is VendorStatus.FIXED]
    cves = sorted({statement.cve for statement in said})
    numbers = {cve: number for number, cve in enumerate(cves)}
    lines = ["VERSION 1", *(f"{cve},,x" for cve in cves), ""]
    lines += [f"{s.source_name},{numbers[s.cve]},S  F,{s.fixed_version}," for s in said]
    lines += ["", ""]
    place.write_bytes(zlib.compress("\n".join(lines).encode()))


def write_status(facts: Facts, place: Path) -> None:
    """Write the packages as dpkg keeps them."""
    stanzas = [
        f"Package: {p.name}\nStatus: install ok installed\nArchitecture: {p.architecture}\n"
        f"Source: {p.source_name} ({p.source_version})\nVersion: {p.version}\n"
        for p in facts.packages
    ]
    place.write_text("\n".join(stanzas) + "\n")


def ask_debsecan(feed: Path, status: Path) -> tuple[set[Pair], float]:
    """Return what debsecan calls vulnerable, and the CPU seconds of its process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [
        "debsecan",
        "--source",
        f"file://{feed}",
        "--suite",
        RELEASE,
        "--status",
        str(status),
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = (line.split() for line in done.stdout.splitlines())
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {(words[1], words[0]) for words in lines if len(words) > 1}, spent


def judge(name: str, index: AdvisoryIndex) -> set[Pair]:
    """Return what Oakum calls affected with a fix, by binary package."""
    return {
        (package.partition(":")[0], finding.cve)
        for finding in match(HostId(name), facts_of(name), index)
        if finding.state.value == "affected, fix available"
        for package in finding.evidence.packages
    }


def compare(name: str, ours: set[Pair], theirs: set[Pair], minor: set[Pair]) -> Counter[str]:
    """Return how many pairs are in which class."""
    packages = {package.name: package for package in facts_of(name).packages}
    classes: Counter[str] = Counter()
    for pair in ours | theirs:
        package = packages[pair[0]]
        if pair in ours and pair in theirs:
            classes["agreed"] += 1
        elif is_kernel(package):
            classes["kernel"] += 1
        elif pair in ours and (package.source_name, pair[1]) in minor:
            classes["unimportant"] += 1
        else:
            classes["UNEXPLAINED"] += 1
    return classes


def main() -> int:
    """Compare, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    if shutil.which("debsecan") is None:
        print("debsecan is not installed: apt-get install debsecan")
        return 2
    place = Path(tempfile.mkdtemp(prefix="oakum-accuracy-"))
    content = tracker(given.data)
    write_debsecan(content.statements, place / RELEASE)
    index = AdvisoryIndex.of({content.state.feed: content.state}, content.statements)
    minor = {(s.source_name, str(s.cve)) for s in content.statements
             if s.urgency is Urgency.UNIMPORTANT}  # fmt: skip
    total: Counter[str] = Counter()
    costs: dict[str, list[float]] = {"debsecan": [], "first": [], "further": []}
    for name in inventories():
        write_status(facts_of(name), place / "status")
        theirs, _ = ask_debsecan(place, place / "status")
        ours = judge(name, index)
        classes = compare(name, ours, theirs, minor)
        total += classes
        print(f"{name:24} ours {len(ours):6} theirs {len(theirs):6} {dict(classes)}")
    for _ in range(given.rounds):
        name = "web-01.bookworm-r0"
        write_status(facts_of(name), place / "status")
        costs["debsecan"].append(ask_debsecan(place, place / "status")[1])
        costs["first"].append(_fresh(index, name))
        costs["further"].append(_again(index, name))
    shutil.rmtree(place)
    pairs = sum(n for kind, n in total.items() if kind != "kernel")
    print(f"outside the kernel: {total['agreed']} of {pairs} pairs agreed; classes {dict(total)}")
    medians = {what: round(statistics.median(seconds) * 1000, 1) for what, seconds in costs.items()}
    print(f"CPU milliseconds, median of {given.rounds}: {json.dumps(medians)}")
    print("debsecan: a whole process; first: Oakum's matching with nothing compared yet; further:")
    print("the next host of the same fleet, whose versions were compared before")
    return 1 if total["UNEXPLAINED"] else 0


def _fresh(index: AdvisoryIndex, name: str) -> float:
    new, facts = AdvisoryIndex(index.feeds, index.by_topic), facts_of(name)
    started = time.process_time()
    match(HostId(name), facts, new)
    return time.process_time() - started


def _again(index: AdvisoryIndex, name: str) -> float:
    facts = facts_of(name)
    started = time.process_time()
    match(HostId(name), facts, index)
    return time.process_time() - started


if __name__ == "__main__":
    sys.exit(main())
