"""How often metrics stop a good change, and how soon a bad one: simulated hosts, Oakum's evidence.

Numbers of a host are lognormal: its own level (hosts are unlike each other), a mood that lasts from
one round to the next, and noise. What moves all hosts alike is in no pair, and so not in here.
"""

import argparse
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from oakum.core.ids import HostId
from oakum.core.rollout.evidence import STOP
from oakum.core.rollout.measuring import Measuring, Pair, evidence

BEFORE, AFTER = 20, 60
LOOK = 4
"""Rounds between two looks; the gate looks after each, which finds a little sooner."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What hosts are like, and what the change does to them."""

    pairs: int
    noise: float
    """Standard deviation of the logarithm: about the coefficient of variation."""
    unlike: float
    """How far the levels of hosts are apart, in the same measure."""
    mood: float
    """Correlation of a host's number with the one of the round before."""
    worse: float = 0.0
    """Share by which the change makes the number worse."""


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a scene."""

    stopped: float
    """Share of the soaks."""
    rounds: int | None
    """Median of the rounds until then."""


NULLS = tuple(
    Scene(pairs, noise, unlike, mood)
    for pairs in (1, 3, 10, 20)
    for noise, unlike, mood in ((0.1, 0, 0), (0.1, 0.03, 0), (0.3, 0.3, 0), (0.3, 0.1, 0.6))
)
WORSE = tuple(
    Scene(pairs, noise, unlike, mood, worse)
    for pairs in (1, 3, 10, 20)
    for noise, unlike, mood, worse in (
        (0.1, 0, 0, 0.05), (0.1, 0.3, 0, 0.1), (0.3, 0.3, 0, 0.2), (0.3, 0.1, 0.6, 0.5),
    )
)  # fmt: skip


def play(scene: Scene, trials: int, seed: int, *, after: int = AFTER) -> Found:
    """Return how many of so many soaks are stopped; the same seed gives the same answer."""
    chance = random.Random(f"{seed} {scene}")  # noqa: S311 (seeded, so that it can be repeated)
    stops = [stop for _ in range(trials) if (stop := _stop(scene, chance, after)) is not None]
    return Found(len(stops) / trials, sorted(stops)[len(stops) // 2] if stops else None)


def _stop(scene: Scene, chance: random.Random, after: int) -> int | None:
    pairs = [_pair(scene, chance, number, after) for number in range(scene.pairs)]
    for rounds in range(LOOK, after + 1, LOOK):
        seen = tuple(replace(pair, after=pair.after[:rounds]) for pair in pairs)
        if evidence(Measuring(ring=0, pairs=seen)) >= STOP:
            return rounds
    return None


def _pair(scene: Scene, chance: random.Random, number: int, after: int) -> Pair:
    own = chance.gauss(0, scene.unlike) - chance.gauss(0, scene.unlike)
    sides = (list(_series(scene, chance, BEFORE + after)) for _ in range(2))
    apart = [round(own + a - b, 6) for a, b in zip(*sides, strict=True)]
    return Pair(
        "latency",
        HostId(f"changed-{number}"),
        HostId(f"unchanged-{number}"),
        tuple(apart[:BEFORE]),
        tuple(value + scene.worse for value in apart[BEFORE:]),
    )


def _series(scene: Scene, chance: random.Random, length: int) -> Iterator[float]:
    value = chance.gauss(0, scene.noise)
    for _ in range(length):
        value = scene.mood * value + (1 - scene.mood**2) ** 0.5 * chance.gauss(0, scene.noise)
        yield value


def main() -> None:
    """Print both tables as they stand in docs/metric-simulation.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    begun = time.monotonic()
    print("| pairs | noise | hosts unlike | mood | made worse by | stopped | after rounds |")
    print("|---|---|---|---|---|---|---|")
    for scene in (*NULLS, *WORSE):
        found = play(scene, given.trials, given.seed)
        print(
            f"| {scene.pairs} | {scene.noise:.0%} | {scene.unlike:.0%} | {scene.mood:g} "
            f"| {scene.worse:.0%} | {found.stopped:.1%} | {found.rounds or '-'} |",
            flush=True,
        )
    print(f"{given.trials} trials a row, {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
