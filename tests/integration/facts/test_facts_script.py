import gzip
import subprocess
from pathlib import Path

from oakum.adapters.facts.collector import SCRIPT

DEBIAN = "Origin: Debian\nSuite: stable\n"
THIRD = "Package: {}\nVersion: 5\nArchitecture: amd64\n"


def section(lists: Path, name: str) -> list[str]:
    """Run the script over other package lists than this machine's."""
    script = SCRIPT.replace("/var/lib/apt/lists", str(lists))
    output = subprocess.run(
        ["sh", "-c", script, "facts", "T"], capture_output=True, text=True, check=True
    ).stdout
    return output.partition(f"@T {name}\n")[2].partition("@T ")[0].splitlines()


def test_no_lists_are_told(tmp_path: Path) -> None:
    """Empty or missing lists count as none."""
    assert section(tmp_path, "indices") == ["count\t0"]
    assert section(tmp_path / "missing", "indices") == ["count\t0"]


def test_packages_of_other_archives_are_named_with_their_origin(tmp_path: Path) -> None:
    """Plain and packed indices are read, Debian's are not listed, some archives have no name."""
    base = "archive.example_debian_dists_stable"
    (tmp_path / f"{base}_InRelease").write_text(DEBIAN)
    (tmp_path / f"{base}_main_binary-amd64_Packages").write_text(THIRD.format("bash"))
    other = "docker.example_linux_dists_stable"
    (tmp_path / f"{other}_InRelease").write_text("Origin: Docker Inc\n")
    packed = THIRD.format("docker-ce") + "\n" + THIRD.format("docker-cli")
    (tmp_path / f"{other}_main_binary-amd64_Packages.gz").write_bytes(
        gzip.compress(packed.encode())
    )
    (tmp_path / "flat.example_._Release").write_text("Origin: Flat\n")
    (tmp_path / "flat.example_._Packages").write_text(THIRD.format("flat"))
    (tmp_path / "bare.example_._Packages").write_text(THIRD.format("bare") + "\n")
    assert section(tmp_path, "indices") == ["count\t4"]
    assert sorted(section(tmp_path, "origins")) == [
        "bare\t5\tamd64\tunnamed",
        "docker-ce\t5\tamd64\tDocker Inc",
        "docker-cli\t5\tamd64\tDocker Inc",
        "flat\t5\tamd64\tFlat",
    ]
