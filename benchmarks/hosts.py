"""Hosts to judge: the real inventories of the tests, this machine, and any that SSH reaches."""

import lzma
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.peers.peer import HostCopy
from oakum.adapters.facts.collector import SCRIPT
from oakum.adapters.facts.parse import parse_facts
from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.facts import Facts, RunningKernel
from oakum.core.inventory.package import InstalledPackage
from oakum.core.matching.kernel import is_image, is_kernel, kernel_source, tracker_version
from oakum.core.versions.deb import key

GOLDEN = Path(__file__).parent.parent / "tests" / "golden" / "inventories"
NOW = datetime(2026, 11, 25, tzinfo=UTC)
TOKEN = "0123456789abcdef"  # noqa: S105 (marks the sections of an answer; nothing is secret here)


@dataclass(frozen=True)
class BenchHost:
    """A host as Oakum knows it, and as dpkg keeps it."""

    name: str
    facts: Facts
    named: Sequence[InstalledPackage]
    """Its packages as peers are told of them."""
    status: bytes

    def copy_to(self, place: Path) -> HostCopy:
        """Write dpkg's status there."""
        status = place / "status"
        status.write_bytes(self.status)
        return HostCopy(self.named, status)


def inventories() -> list[BenchHost]:
    """Return the six real inventories, the newest kernel of each booted.

    Those with something to find come a second time, with signed kernels called after the source
    that they are built from: so that peers, who do not look at Built-Using, are asked about them.
    """
    names = sorted(path.name.removesuffix(".tsv.xz") for path in GOLDEN.glob("*.tsv.xz"))
    hosts = [inventory(name) for name in names]
    return hosts + [_unsigned(host) for host in hosts if host.name.endswith("-r0")]


def _unsigned(host: BenchHost) -> BenchHost:
    packages = [
        replace(p, source_name=kernel_source(p), source_version=tracker_version(p))
        if is_kernel(p)
        else p
        for p in host.facts.packages
    ]
    return replace(host, name=f"{host.name}, linux", named=packages, status=written(packages))


def inventory(name: str) -> BenchHost:
    """Return one of them."""
    _, *lines = lzma.decompress((GOLDEN / f"{name}.tsv.xz").read_bytes()).decode().splitlines()
    rows = [line.split("\t") for line in lines]
    packages = tuple(
        InstalledPackage(name, version, architecture, source, source_version, status.strip())
        for name, version, architecture, source, source_version, status in rows
    )
    booted = max((tracker_version(p) for p in packages if is_image(p)), key=key)
    facts = Facts(
        NOW, name, name, "boot", "amd64", Distribution("debian", "12", "bookworm"),
        RunningKernel("6.1.0-amd64", f"#1 SMP Debian {booted} (2026-11-02)"),
        has_systemd=True, is_container=False, packages=packages,
    )  # fmt: skip
    return BenchHost(name, facts, packages, written(packages))


def written(packages: Sequence[InstalledPackage], more: str = "") -> bytes:
    """Return packages as dpkg keeps them, each with these further lines."""
    stanzas = (
        f"Package: {p.name}\nStatus: install ok installed\nArchitecture: {p.architecture}\n"
        f"Source: {p.source_name} ({p.source_version})\nVersion: {p.version}\n{more}\n"
        for p in packages
    )
    return "".join(stanzas).encode()


def this_machine() -> BenchHost:
    """Return the machine that this runs on."""
    return _asked("this machine", [])


def over_ssh(config: Path, name: str) -> BenchHost:
    """Return a host that an ssh_config names; its user may use sudo."""
    return _asked(name, ["ssh", "-F", str(config), name, "sudo"])


def _asked(name: str, prefix: Sequence[str]) -> BenchHost:
    answer = subprocess.run(
        [*prefix, "sh", "-s", TOKEN], input=SCRIPT.encode(), capture_output=True, check=True
    )
    status = subprocess.run(
        [*prefix, "cat", "/var/lib/dpkg/status"], capture_output=True, check=True
    )
    facts = parse_facts(answer.stdout, TOKEN, NOW)
    return BenchHost(name, facts, facts.packages, status.stdout)
