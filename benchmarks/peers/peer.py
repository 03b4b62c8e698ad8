"""What all peers have in common: how they are fed and asked, and what their process costs."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from oakum.core.advisories.statement import VendorStatement
from oakum.core.inventory.package import InstalledPackage

RELEASE = "bookworm"
OS_RELEASE = 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian 12"\n'


class Pair(NamedTuple):
    """A CVE in a binary package; of two architectures they are one."""

    package: str
    cve: str


@dataclass(frozen=True)
class HostCopy:
    """What of a host the peers read: its packages, and dpkg's status as a file."""

    packages: Sequence[InstalledPackage]
    status: Path


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took."""

    cpu_seconds: float
    wall_seconds: float


class Peer(Protocol):
    """A program that judges a host."""

    name: str

    def absent(self) -> str:
        """Return why it cannot be asked here; empty when it can."""

    def feed(self, said: Sequence[VendorStatement], place: Path) -> None:
        """Write the statements as the program reads them, below the place."""

    def ask(self, host: HostCopy, place: Path) -> tuple[set[Pair], Cost]:
        """Return what it calls vulnerable with a fix, and what its process took."""


@dataclass(frozen=True)
class Finished:
    """A process that ended well."""

    stdout: str
    cost: Cost


def run(
    command: Sequence[str],
    place: Path,
    extra: Mapping[str, str] | None = None,
    good: Sequence[int] = (0,),
) -> Finished:
    """Run a program, and measure it and its children alone (wait4). Raises on a bad exit."""
    with (place / "stdout").open("wb") as stdout, (place / "stderr").open("wb") as stderr:
        began = time.perf_counter()
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
            env={**os.environ, **(extra or {})},
        )  # fmt: skip
        _, raw, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = status = os.waitstatus_to_exitcode(raw)
    if status not in good:
        said = (place / "stderr").read_text(errors="replace")[-2000:]
        raise subprocess.CalledProcessError(status, command, stderr=said)
    cost = Cost(used.ru_utime + used.ru_stime, wall)
    return Finished((place / "stdout").read_text(errors="replace"), cost)
