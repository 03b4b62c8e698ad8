"""The order as of three past days, judged by what KEV listed later: `oakum backtest`, three times.

usage: python -m benchmarks.backtest --data DIRECTORY [--release NAME ...]

The directory holds real feeds: kev/, epss/, cvss/ and debian/. Of the table of CVSS vectors only
sources of before each day are given to the order: Bitnami's are of 5 Aug 2026 and are left out.
Oakum's own settings are left out too: the policies are those that hold without a configuration.
"""

import argparse
import csv
import gzip
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

OAKUM = Path(sys.executable).with_name("oakum")
LATER_SOURCES = {"bitnami"}
KEV = "kev/known_exploited_vulnerabilities.json"
EARLIER_KEV = "kev/known_exploited_vulnerabilities.2025-08-25.json.xz"


@dataclass(frozen=True, slots=True)
class Freeze:
    """One day, and what is special about its data."""

    on: str
    epss: str
    words: str


FREEZES = (
    Freeze("2025-02-12", "", "SSVC 19 days old; no EPSS of the day; KEV by its entries' dates"),
    Freeze("2025-08-25", "", "SSVC seven months old; no EPSS of the day"),
    Freeze("2026-07-19", "epss/epss_scores-2026-07-19.subset.csv.gz", "EPSS of the day"),
)


def arguments_for(freeze: Freeze, data: Path, vectors: Path, releases: list[str]) -> list[str]:
    """Return the words of the command."""
    words = ["backtest", "--on", freeze.on]
    words += ["--kev", str(data / EARLIER_KEV), "--until-kev", str(data / KEV)]
    for name in ("debian/DSA.list.xz", "debian/DLA.list.xz"):
        words += ["--advisories", str(data / name)]
    words += ["--cvss", str(data / "cvss/vulnrichment-2025-01-24.subset.tar.xz")]
    words += ["--cvss", str(vectors)]
    if freeze.epss:
        words += ["--epss", str(data / freeze.epss)]
    for release in releases:
        words += ["--release", release]
    return words


def write_earlier_vectors(data: Path, to: Path) -> None:
    """Write the table of vectors without what came after the days."""
    with (
        gzip.open(data / "cvss/cvss-vectors.DERIVED.csv.gz", "rt", newline="") as table,
        to.open("w", newline="") as kept,
    ):
        writer = csv.writer(kept, lineterminator="\n")
        writer.writerows(row for row in csv.reader(table) if row[2] not in LATER_SOURCES)


def main() -> int:
    """Run each back-test; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--release", action="append", default=[])
    given = parser.parse_args()
    with TemporaryDirectory() as directory:
        vectors = Path(directory) / "vectors.csv"
        write_earlier_vectors(given.data, vectors)
        environment = os.environ | {"OAKUM_HOME": directory}
        for freeze in FREEZES:
            print(f"== {freeze.on}: {freeze.words}", flush=True)
            words = arguments_for(freeze, given.data, vectors, given.release)
            done = subprocess.run([str(OAKUM), *words], check=False, env=environment)
            if done.returncode:
                return done.returncode
            print(flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
