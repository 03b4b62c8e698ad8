"""debsecan, Debian's own: a package of that name. Its source documents the format of its data."""

import shutil
import zlib
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.peer import RELEASE, Cost, HostCopy, Pair, run
from oakum.core.advisories.statement import VendorStatement


class Debsecan:
    """Debian's analyzer of one host."""

    name = "debsecan"

    def absent(self) -> str:
        """Return why it cannot be asked here; empty when it can."""
        return "" if shutil.which("debsecan") else "not installed: apt-get install debsecan"

    def feed(self, said: Sequence[VendorStatement], place: Path) -> None:
        """Write numbered CVEs, then for each source and CVE the fixed version."""
        cves = sorted({statement.cve for statement in said})
        numbers = {cve: number for number, cve in enumerate(cves)}
        lines = ["VERSION 1", *(f"{cve},,x" for cve in cves), ""]
        lines += [f"{s.source_name},{numbers[s.cve]},S  F,{s.fixed_version}," for s in said]
        lines += ["", ""]
        (place / RELEASE).write_bytes(zlib.compress("\n".join(lines).encode()))

    def ask(self, host: HostCopy, place: Path) -> tuple[set[Pair], Cost]:
        """Return what it lists."""
        return self.ask_file(host.status, place)

    def ask_file(self, status: Path, place: Path) -> tuple[set[Pair], Cost]:
        """Return what it lists of a host of which dpkg's status is in this file."""
        done = run(
            ["debsecan", "--source", f"file://{place}", "--suite", RELEASE,
             "--status", str(status)],
            place,
        )  # fmt: skip
        lines = (line.split() for line in done.stdout.splitlines())
        return {Pair(words[1], words[0]) for words in lines if len(words) > 1}, done.cost
