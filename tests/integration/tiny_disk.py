"""A disk that is soon full, and a root that may not write everywhere."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def tiny_disk(place: Path, kibibytes: int) -> Iterator[Path]:
    """Mount a file system of this size."""
    place.mkdir()
    options = f"size={kibibytes}k,mode=0777"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(directory: Path) -> None:
    """Leave no room."""
    with (directory / "filler").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return


def run_without_privilege(program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python code as one whom file permissions bind, which root alone is not."""
    bound = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
    return subprocess.run(
        [*bound, sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
