"""Real lists of packages, as hosts reported them."""

import lzma
from datetime import UTC, datetime
from pathlib import Path

from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.facts import Facts, RunningKernel
from oakum.core.inventory.package import InstalledPackage
from oakum.core.matching.kernel import is_image, tracker_version
from oakum.core.versions.deb import key

GOLDEN = Path(__file__).parent / "golden" / "inventories"


def read(name: str) -> Facts:
    """Return a host with these packages, its newest kernel booted."""
    _, *lines = lzma.decompress((GOLDEN / f"{name}.tsv.xz").read_bytes()).decode().splitlines()
    packages = tuple(
        InstalledPackage(name, version, architecture, source, source_version, status.strip())
        for name, version, architecture, source, source_version, status in (
            line.split("\t") for line in lines
        )
    )
    booted = max((tracker_version(p) for p in packages if is_image(p)), key=key)
    return Facts(
        collected_at=datetime(2026, 11, 21, tzinfo=UTC),
        hostname=name,
        machine_id=name,
        boot_id="boot",
        architecture="amd64",
        distribution=Distribution("debian", "12", "bookworm"),
        kernel=RunningKernel("6.1.0-amd64", f"#1 SMP Debian {booted} (2026-11-02)"),
        has_systemd=True,
        is_container=False,
        packages=packages,
    )
