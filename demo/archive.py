"""A small signed apt archive, made of the packages in its pool."""

import subprocess
from pathlib import Path

import pysequoia

ARCHITECTURE = "amd64"


def sign_archive(directory: Path, suite: str, origin: str, key: pysequoia.Tsk) -> None:
    """Write the index of what is in `pool` anew, and sign it."""
    dist = directory / "dists" / suite
    index = dist / "main" / f"binary-{ARCHITECTURE}"
    index.mkdir(parents=True, exist_ok=True)
    (index / "Packages").write_bytes(_list(directory, "packages", "pool"))
    for stale in ("Release", "InRelease"):
        (dist / stale).unlink(missing_ok=True)
    options = [
        f"-oAPT::FTPArchive::Release::{name}={value}"
        for name, value in {
            "Origin": origin,
            "Suite": suite,
            "Codename": suite,
            "Architectures": ARCHITECTURE,
            "Components": "main",
        }.items()
    ]
    release = _list(directory, *options, "release", str(dist))
    signed = pysequoia.sign(key.signer(), release, mode=pysequoia.SignatureMode.CLEAR)
    (dist / "InRelease").write_bytes(signed)


def _list(directory: Path, *arguments: str) -> bytes:
    command = ["apt-ftparchive", *arguments]
    return subprocess.run(
        command, cwd=directory, check=True, capture_output=True, timeout=60
    ).stdout
