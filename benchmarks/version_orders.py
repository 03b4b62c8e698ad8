"""How right and how fast versions are compared: against apt's and rpm's own code, in one run.

usage: python -m benchmarks.version_orders [--pairs N] [--data DIRECTORY]

Peers are apt_pkg.version_compare (python3-apt) and rpm.labelCompare (python3-rpm), asked in the
system's own Python. Pairs are generated, close to each other, from a seed; with --data, the
versions of a folder of advisory data are compared too, each with its neighbours. Exit status 1
says that a pair was judged differently.
"""

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random

from oakum.core.versions import deb, rpm

SYSTEM_PYTHON = "/usr/bin/python3"
Pair = tuple[str, str]

ASK_APT = """
import apt_pkg
apt_pkg.init()
compare = apt_pkg.version_compare
"""
ASK_RPM = """
import rpm
def split(text):
    epoch, colon, rest = text.rpartition(":")
    version, hyphen, release = rest.rpartition("-")
    return (epoch or "0", version, release) if hyphen else (epoch or "0", rest, "")
def compare(first, second):
    return rpm.labelCompare(split(first), split(second))
"""
LOOP = """
import sys, time
pairs = [line.rstrip("\\n").split("\\t") for line in sys.stdin]
begun = time.perf_counter()
answers = [compare(*pair) for pair in pairs]
seconds = time.perf_counter() - begun
print(seconds)
print("".join("<=>"[(answer > 0) - (answer < 0) + 1] for answer in answers))
"""


@dataclass(frozen=True, slots=True)
class Order:
    """One kind of version: ours, the peer's, and what its versions are made of."""

    name: str
    compare: Callable[[str, str], int]
    is_version: Callable[[str], bool]
    ask: str
    letters: str
    epochs: tuple[str, ...] = ("", "", "", "0:", "1:", "12:")


ORDERS = (
    Order("dpkg", deb.compare, deb.is_version, ASK_APT, "0019.+~ab-"),
    Order("rpm", rpm.compare, rpm.is_version, ASK_RPM, "0019.~^_ab-"),
)


def generated(order: Order, count: int, seed: int = 1) -> Iterator[Pair]:
    """Give pairs of which the second is the first with a few characters changed."""
    random = Random(seed)  # noqa: S311 (repeatable, and no secret)
    while count:
        first = _random_version(order, random)
        second = _changed(first, order, random)
        if order.is_version(first) and order.is_version(second):
            count -= 1
            yield first, second


def peer(order: Order, pairs: Iterable[Pair]) -> tuple[list[int], float]:
    """Return what the peer says of each pair, and its seconds without starting and reading."""
    lines = "".join(f"{first}\t{second}\n" for first, second in pairs)
    done = subprocess.run(
        [SYSTEM_PYTHON, "-c", order.ask + LOOP],
        input=lines,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, answers = done.stdout.split("\n")[:2]
    return ["<=>".index(sign) - 1 for sign in answers], float(seconds)


def _random_version(order: Order, random: Random) -> str:
    length = random.randint(1, 9)
    return random.choice(order.epochs) + "".join(random.choices(order.letters, k=length))


def _changed(version: str, order: Order, random: Random) -> str:
    characters = list(version)
    for _ in range(random.randint(0, 2)):
        place = random.randrange(len(characters) + 1)
        characters[place : place + random.randint(0, 1)] = random.choice(order.letters)
    return "".join(characters)


def _of_data(order: Order, directory: Path) -> list[Pair]:
    """Return every version of these files with its neighbours in the text and in the order."""
    found: dict[str, None] = {}
    for text in _texts(directory):
        for word in re.findall(r'"(?:fixed|introduced|fixed_version|version)": *"([^"]+)"', text):
            if word != "0" and order.is_version(word):
                found[word] = None
    versions = list(found)
    return [*pairwise(versions), *pairwise(sorted(versions))]


def _texts(directory: Path) -> Iterator[str]:
    for path in sorted(directory.rglob("*")):
        if path.suffix == ".json":
            yield path.read_text(errors="replace")
        elif path.name.endswith((".json.xz", ".tar.xz")):
            unpack = ["xz", "-dc"] if path.name.endswith(".json.xz") else ["tar", "-xJOf"]
            yield subprocess.run(
                [*unpack, str(path)], capture_output=True, check=True
            ).stdout.decode(errors="replace")


def main() -> int:
    """Measure; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path)
    arguments = parser.parse_args()
    status = 0
    print("order  pairs      different  ours      peer      ours/peer")
    for order in ORDERS:
        pairs = list(generated(order, arguments.pairs))
        if arguments.data:
            pairs += _of_data(order, arguments.data)
        begun = time.perf_counter()
        ours = [order.compare(first, second) for first, second in pairs]
        seconds = time.perf_counter() - begun
        theirs, their_seconds = peer(order, pairs)
        wrong = [pair for pair, a, b in zip(pairs, ours, theirs, strict=True) if a != b]
        status = status or bool(wrong)
        print(
            f"{order.name:<6} {len(pairs):<10} {len(wrong):<10} {seconds:6.2f} s  "
            f"{their_seconds:6.2f} s  {seconds / their_seconds:5.1f}"
        )
        for first, second in wrong[:5]:
            print(f"  {first} and {second}")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
