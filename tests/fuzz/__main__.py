"""Give every parser inputs that nobody would write, and keep those that it does not bear.

usage: python -m tests.fuzz [--inputs N] [--seconds N] [--target NAME ...] [--driver guided|seeded]

`guided` lets libFuzzer choose by the lines that an input reaches, and needs atheris
(pip install oakum[fuzz]); `seeded` makes the same inputs from the same --seed. Both begin with the
seeds and kept cases of each target, and both use the mutations of tests/fuzz/mutations.py.
One process at a time. What is found is made small and written to tests/fuzz/cases/TARGET/.
"""

import argparse
import contextlib
import importlib
import importlib.util
import io
import json
import multiprocessing
import os
import random
import resource
import sys
import time
from collections.abc import Callable, Sequence
from ctypes import c_ulonglong
from dataclasses import dataclass, field
from multiprocessing.sharedctypes import RawValue
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.fuzz.mutations import MAX_BYTES, Mutator

MEMORY_BYTES = 3 * 1024**3
"""Of address space: an input of 64 KiB that takes more is a finding."""
RESIDENT_MIB = 1024
INSTRUMENTED = (
    "oakum", "cvss", "packageurl", "yaml", "tomllib", "tarfile", "zipfile", "csv", "shlex", "email",
    "dateutil", "defusedxml",
)  # fmt: skip
ROW = "{:<20} {:>10,} {:>9,.0f} {:>9}"


@dataclass(frozen=True, slots=True)
class Job:
    """One target, what it is given, and where its process writes."""

    target: Any
    inputs: int
    seconds: float
    seed: int
    place: Path
    counter: Any = field(default_factory=lambda: RawValue(c_ulonglong, 0))


def main() -> int:
    """Run, print a row for each target, and return 1 when anything was found."""
    options = _options()
    run, targets = (_guided, _instrumented()) if options.driver == "guided" else (_seeded, _plain())
    chosen = [t for t in targets if not options.target or t.name in options.target]
    shares = sum(1 / target.cost for target in chosen)
    print(f"{options.driver}, seed {options.seed}, {len(chosen)} targets")
    print(f"{'target':<20} {'inputs':>10} {'inputs/s':>9} {'findings':>9}", flush=True)
    total, found, began = 0, 0, time.monotonic()
    for target in chosen:
        inputs = int(options.inputs / target.cost / shares) + 1
        with TemporaryDirectory(prefix="oakum-fuzz-") as place:
            job = Job(target, inputs, options.seconds / len(chosen), options.seed, Path(place))
            seconds, findings = _in_child(run, job)
        given = job.counter.value
        total, found = total + given, found + len(findings)
        print(ROW.format(target.name, given, given / max(seconds, 0.001), len(findings)))
        print("".join(f"  {finding}\n" for finding in findings), end="", flush=True)
    print(ROW.format("all", total, total / (time.monotonic() - began), found))
    return 1 if found else 0


def _options() -> argparse.Namespace:
    description = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=description)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="in total")
    parser.add_argument("--seconds", type=float, default=3600, help="at most, in total")
    parser.add_argument("--target", action="append", default=[], help="only this one")
    parser.add_argument("--seed", type=int, default=1)
    has_atheris = importlib.util.find_spec("atheris") is not None
    default = "guided" if has_atheris else "seeded"
    parser.add_argument("--driver", choices=("guided", "seeded"), default=default)
    return parser.parse_args()


def _plain() -> Sequence[Any]:
    targets: Sequence[Any] = importlib.import_module("tests.fuzz.targets").TARGETS
    return targets


def _instrumented() -> Sequence[Any]:
    """Return the targets; atheris has to see the parsers before they are imported."""
    atheris = importlib.import_module("atheris")
    with (
        contextlib.redirect_stderr(io.StringIO()),
        atheris.instrument_imports(include=list(INSTRUMENTED)),
    ):
        return _plain()


def _in_child(run: Callable[..., None], job: Job) -> tuple[float, list[str]]:
    """Run one target in a process of its own: what ends that one does not end the run."""
    from tests.fuzz.findings import Finding, keep, minimised  # noqa: PLC0415 (after atheris)

    began = time.monotonic()
    child = multiprocessing.get_context("fork").Process(target=_run, args=(run, job))
    child.start()
    child.join()
    seconds = time.monotonic() - began
    lines, found = [], {}
    for path in sorted((job.place / "found").glob("*.json")):
        content = path.with_suffix(".bin").read_bytes()
        kind, place, words = json.loads(path.read_text())
        finding = Finding(job.target.name, kind, place, words, content)
        found[finding.key] = finding
    for finding in found.values():
        small = finding if finding.kind == "HangError" else minimised(job.target, finding)
        lines.append(f"{small.kind} in {small.place}: {small.words!r} ({keep(small).name})")
    for path in sorted(job.place.glob("artifact-*")):
        kept = keep(Finding(job.target.name, "", "", "", path.read_bytes()))
        lines.append(f"the process ended: {path.name[:20]} ({kept.name})")
    if child.exitcode and not lines:
        lines.append(f"the process ended with {child.exitcode}, and left no input")
    return seconds, lines


def _run(run: Callable[..., None], job: Job) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    (job.place / "found").mkdir()
    run(job, _watched(job))


def _watched(job: Job) -> Callable[[bytes], None]:
    """Return what gives the target an input, counts it, and writes down what it shows."""
    from tests.fuzz.findings import judge  # noqa: PLC0415 (after atheris)

    known: dict[tuple[str, str, str], int] = {}

    def give(content: bytes) -> None:
        job.counter.value += 1
        finding = judge(job.target, content)
        if finding is None or known.get(finding.key, MAX_BYTES + 1) <= len(content):
            return
        known[finding.key] = len(content)
        path = job.place / "found" / f"{list(known).index(finding.key)}.json"
        path.write_text(json.dumps([finding.kind, finding.place, finding.words]))
        path.with_suffix(".bin").write_bytes(content)

    return give


def _seeded(job: Job, give: Callable[[bytes], None]) -> None:
    from tests.fuzz.findings import cases_of, no_hang  # noqa: PLC0415 (after atheris)

    chance = random.Random(job.seed)  # noqa: S311 (repeatable)
    mutator = Mutator(job.seed, job.target.words)
    pool = (*job.target.seeds, *cases_of(job.target))
    ends = time.monotonic() + job.seconds
    for _ in range(job.inputs):
        with no_hang():
            give(mutator.mutated(chance.choice(pool), pool))
        if time.monotonic() > ends:
            return


def _guided(job: Job, give: Callable[[bytes], None]) -> None:
    import atheris  # noqa: PLC0415 (optional)
    from tests.fuzz.findings import HANG_SECONDS, cases_of  # noqa: PLC0415 (after atheris)

    corpus = job.place / "corpus"
    corpus.mkdir()
    pool = (*job.target.seeds, *cases_of(job.target))
    for number, content in enumerate(pool):
        (corpus / str(number)).write_bytes(content)
    sys.stderr = (job.place / "stderr").open("w")
    os.dup2(sys.stderr.fileno(), 2)

    def changed(content: bytes, most: int, number: int) -> bytes:
        if number % 3 == 0:
            return bytes(atheris.Mutate(content, len(content) or 1))
        return Mutator(number, job.target.words).mutated(content, pool)[:most]

    flags = {
        "runs": job.inputs,
        "max_total_time": max(1, int(job.seconds)),
        "max_len": MAX_BYTES,
        "timeout": HANG_SECONDS,
        "rss_limit_mb": RESIDENT_MIB,
        "seed": job.seed,
        "artifact_prefix": f"{job.place}/artifact-",
        "verbosity": 0,
    }
    words = [f"-{name}={value}" for name, value in flags.items()]
    atheris.Setup(["fuzz", *words, str(corpus)], give, custom_mutator=changed)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
