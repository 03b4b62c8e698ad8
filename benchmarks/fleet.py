"""What judging a fleet costs: time and memory at 1,000, 10,000 and 100,000 hosts.

usage: python -m benchmarks.fleet --data DIRECTORY [--hosts N,N,…] [--keep DIRECTORY]

DIRECTORY is a folder of advisory data as benchmarks/README.md describes. For each size a database
is filled through the real stores; then new processes answer from it, each from a cold start: what
every host is exposed to, what one new advisory changes, and the queue. CPU seconds are those of the
process; memory is its peak (VmHWM).
"""

import argparse
import gc
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.advisory_data import load_feeds
from benchmarks.fleets import NOW, PACKAGES, FleetMaker
from oakum.adapters.persistence.database import open_database
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork
from oakum.adapters.policies.shipped import shipped_tables
from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.ids import CveId
from oakum.core.matching.finding import FindingState
from oakum.core.matching.fleet import Fleet
from oakum.core.matching.matcher import AdvisoryIndex
from oakum.core.risk.assessment import Assessor
from oakum.entrypoints.cli.main import YOUNG_OBJECTS
from oakum.services.find_exposure import fleet_of
from oakum.services.prioritise_findings import prioritise

SEED = 20261125
A_UNIT = 2_000
"""Hosts stored in one transaction."""


def _begin(home: Path) -> SqlUnitOfWork:
    return SqlUnitOfWork(open_database(f"sqlite:///{home}/oakum.db", home), home)


def fill(home: Path, maker: FleetMaker, count: int) -> dict[str, Any]:
    """Store a fleet through the real stores; return what that took."""
    started = time.perf_counter()
    hosts = maker.hosts(count)
    sets: set[int] = set()
    done = packages = 0
    while done < count:
        with _begin(home) as work:
            for _ in range(min(A_UNIT, count - done)):
                host, facts = next(hosts)
                work.hosts.add(host)
                work.facts.save(host.id, facts)
                sets.add(hash(facts.packages))
                packages += len(facts.packages)
                done += 1
            work.commit()
        print(f"\r  stored {done:,} of {count:,}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    stored = time.perf_counter() - started
    with _begin(home) as work:
        work.fleet.holdings([])
        work.commit()
    size = (home / "oakum.db").stat().st_size
    return {
        "hosts": count,
        "distinct package sets": len(sets),
        "packages a host": packages // count,
        "store s": round(stored, 1),
        "fold s": round(time.perf_counter() - started - stored, 1),
        "database MiB": size >> 20,
    }


def everything(home: Path) -> dict[str, Any]:
    """Judge every host against everything that is known."""
    with _begin(home) as work:
        fleet, index = fleet_of(work)
        tally = fleet.tally(index)
    return {"findings": tally.total, "fixable": tally.by_state[FindingState.AFFECTED_FIX_AVAILABLE]}


def one_advisory(home: Path) -> dict[str, Any]:
    """Say what one new advisory changes: the answer's own time, after the database is open."""
    with _begin(home) as work:
        started = time.perf_counter()
        said = VendorStatement(
            "bookworm", "openssl", CveId("CVE-2026-99999"), VendorStatus.FIXED, "9.0-1",
            advisory="DSA-9999-1", issued_on=date(2026, 11, 25),
        )  # fmt: skip
        topics = [("bookworm", "openssl")]
        feeds = work.advisories.feeds()
        known = work.advisories.rulings(topics)[topics[0]]
        index = AdvisoryIndex.of(feeds, [*known, said])
        fleet = Fleet(work.fleet.holdings(topics), work.fleet.members())
        (standing,) = fleet.standings(index, frozenset({said.cve}))
        took = time.perf_counter() - started
    affected = standing.hosts[FindingState.AFFECTED_FIX_AVAILABLE]
    return {"affected": len(affected), "answer ms": round(took * 1000, 1)}


def queue(home: Path) -> dict[str, Any]:
    """Order all that can be patched."""
    with _begin(home) as work:
        assessor = Assessor(shipped_tables(), ("bod-26-04", "ncsc", "asd-e8"))
        items = prioritise(work, assessor, NOW.date())
    return {"patches": len(items), "first": items[0].source_name if items else ""}


QUESTIONS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "everything": everything,
    "one advisory": one_advisory,
    "queue": queue,
}


def ask(question: str, home: Path) -> dict[str, Any]:
    """Answer a question in a new process; return its answer and what it cost."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.fleet", "--ask", question, "--keep", str(home)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer | {"wall s": round(time.perf_counter() - started, 2)}


def answer(question: str, home: Path) -> None:
    """Be that process, set up as the command line is."""
    gc.set_threshold(YOUNG_OBJECTS)
    found = QUESTIONS[question](home)
    found["cpu s"] = round(time.process_time(), 2)
    found["peak MiB"] = _peak_mib()
    print(json.dumps(found))


def _peak_mib() -> int:
    """Return the peak of this program's memory: ru_maxrss would hold its parent's too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("VmHWM:"))


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--hosts", default="1000,10000,100000")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--ask", choices=list(QUESTIONS))
    given = parser.parse_args()
    if given.ask:
        answer(given.ask, given.keep)
        return
    place = given.keep or Path(tempfile.mkdtemp(prefix="oakum-fleet-"))
    empty = place / "empty"
    feeds = load_feeds(given.data)
    if not empty.exists():
        empty.mkdir(parents=True)
        started = time.perf_counter()
        with _begin(empty) as work:
            for content in feeds:
                if content.statements:
                    work.advisories.replace_statements(content.state, content.statements, NOW)
                work.advisories.replace_signals(content.state, content.signals)
            work.commit()
        print(f"advisories stored in {time.perf_counter() - started:.1f} s")
    statements = [said for content in feeds for said in content.statements]
    print(f"{len(statements):,} statements; {PACKAGES} packages a host; seed {SEED}")
    for count in (int(words) for words in given.hosts.split(",")):
        home = place / f"hosts-{count}"
        if not home.exists():
            shutil.copytree(empty, home)
            print(fill(home, FleetMaker(statements, SEED), count))
        for question in QUESTIONS:
            print(f"{count:>7,} hosts, {question}: {ask(question, home)}", flush=True)
    if not given.keep:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
