"""Every kind at every point, again and again at other instants: `make nightly`."""

import argparse
import random
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice

from tests.lab.faults.case import Case, Outcome
from tests.lab.faults.kinds import BY_NAME, KINDS
from tests.lab.faults.lab import fault_lab
from tests.lab.faults.points import Point

LONGEST_DELAY_SECONDS = 0.6


def cases(wanted: int, seed: int) -> Iterator[Case]:
    """Yield each kind at each point, then the same with delays drawn from the seed."""
    everything = [(kind, point) for kind in KINDS for point in kind.points]
    draw = random.Random(seed)  # noqa: S311 (a test that can be repeated, no secret)
    for number in range(wanted):
        kind, point = everything[number % len(everything)]
        is_first = number < len(everything) or not point.is_in_host
        delay = 0.0 if is_first else round(draw.uniform(0.001, LONGEST_DELAY_SECONDS), 3)
        yield Case(kind, point, delay)


def say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def main() -> int:
    """Run the cases that are asked for; return 1 when one was not good, or not all were run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--skip", type=int, default=0, help="cases that were run before")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hosts", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--kind", choices=sorted(BY_NAME), action="append")
    parser.add_argument("--point", choices=[p.name.lower() for p in Point], action="append")
    options = parser.parse_args()
    chosen = [
        case
        for case in islice(cases(options.cases, options.seed), options.skip, None)
        if (not options.kind or case.kind.name in options.kind)
        and (not options.point or case.point.name.lower() in options.point)
    ]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    begun = time.monotonic()
    outcomes: list[Outcome] = []
    is_cut_off = False

    def said(outcome: Outcome) -> None:
        outcomes.append(outcome)
        tell(outcome)

    with fault_lab(options.hosts) as lab:
        try:
            lab.run_all(chosen, said, options.minutes)
        except KeyboardInterrupt:
            is_cut_off = True
            say("interrupted; what had ended until then:")
    say("", *table(outcomes))
    bad = sum(bool(outcome.faults) for outcome in outcomes)
    rebuilt = sum(runner.rebuilt for runner in lab.runners)
    minutes = (time.monotonic() - begun) / 60
    say(f"{len(outcomes)} cases, {bad} not good, {rebuilt} hosts made anew, {minutes:.0f} minutes")
    return 1 if bad or is_cut_off else 0


def tell(outcome: Outcome) -> None:
    """Say how a case ended, as it ends."""
    say(
        f"{outcome.case.name}: {_end(outcome)} in {outcome.seconds:.1f} s; {outcome.reason}",
        *(f"  WRONG: {fault}" for fault in outcome.faults),
    )


def table(outcomes: Iterable[Outcome]) -> list[str]:
    """Return lines of Markdown: for each kind and end, at how many cases of which points."""
    ends: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        ends[outcome.case.kind.name, _end(outcome)][outcome.case.point.name.lower()] += 1
    return [
        "| kind | end | cases | points |",
        "|---|---|---|---|",
        *(
            f"| {kind} | {end} | {points.total()} | {', '.join(sorted(points, key=_order))} |"
            for (kind, end), points in sorted(ends.items())
        ),
    ]


def _end(outcome: Outcome) -> str:
    return outcome.end.value if outcome.end else "no end"


def _order(point: str) -> int:
    return list(Point).index(Point[point.upper()])


if __name__ == "__main__":
    sys.exit(main())
