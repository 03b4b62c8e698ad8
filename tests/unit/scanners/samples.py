"""The sample reports, and each parser with one that it reads."""

from pathlib import Path

from oakum.adapters.scanners.grype import parse_grype
from oakum.adapters.scanners.nessus import parse_nessus
from oakum.adapters.scanners.openvas import parse_openvas
from oakum.adapters.scanners.qualys import (
    parse_qualys_csv,
    parse_qualys_report,
    parse_qualys_scan,
)
from oakum.adapters.scanners.reading import Parser
from oakum.adapters.scanners.trivy import parse_trivy
from oakum.adapters.scanners.vuls import parse_vuls

GOLDEN = Path(__file__).parents[2] / "golden" / "scanners"
PARSERS: dict[str, Parser] = {
    "nessus/two-hosts.nessus": parse_nessus,
    "openvas/two-hosts.xml": parse_openvas,
    "openvas/older.xml": parse_openvas,
    "qualys/report.xml": parse_qualys_report,
    "qualys/scan.xml": parse_qualys_scan,
    "qualys/report.csv": parse_qualys_csv,
    "trivy/rootfs.json": parse_trivy,
    "grype/directory.json": parse_grype,
    "vuls/web-1.json": parse_vuls,
}
XML = [name for name in PARSERS if not name.endswith(("json", "csv"))]
JSON = [name for name in PARSERS if name.endswith("json")]


def sample(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()
