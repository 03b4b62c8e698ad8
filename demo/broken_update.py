"""Build an update that is broken on purpose: after it, nginx no longer starts.

A real nginx package of the fleet is taken apart, its program replaced by one that only fails, and
put together again under a higher version, in a small signed archive of its own.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pysequoia

SUITE = "broken"
SUFFIX = "+broken1"
PROGRAM = """\
#!/bin/sh
echo 'nginx: error while loading shared libraries: libbroken.so.1' >&2
exit 127
"""
VERSION = re.compile(r"^Version: (.*)$", re.MULTILINE)
ARCHIVE = """\
[[extra_archives]]
uri = "file://{directory}"
suite = "{suite}"
keyring = "{directory}/key.pgp"

"""


def publish_broken_nginx(good: Path, directory: Path) -> str:
    """Publish a broken build of this package; return the configuration that offers it."""
    pool = directory / "pool"
    pool.mkdir(parents=True)
    tree = directory / "tree"
    _run("dpkg-deb", "-R", str(good), str(tree))
    control = tree / "DEBIAN/control"
    control.write_text(VERSION.sub(rf"Version: \1{SUFFIX}", control.read_text()))
    program = tree / "usr/sbin/nginx"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    (tree / "DEBIAN/md5sums").unlink(missing_ok=True)
    _run("dpkg-deb", "--root-owner-group", "-Zgzip", "--build", str(tree), str(pool))
    shutil.rmtree(tree)
    _sign(directory)
    return ARCHIVE.format(directory=directory, suite=SUITE)


def _sign(directory: Path) -> None:
    index = directory / "dists" / SUITE / "main/binary-amd64"
    index.mkdir(parents=True)
    packages = _run("apt-ftparchive", "packages", "pool", cwd=directory)
    (index / "Packages").write_bytes(packages)
    options = [
        f"-oAPT::FTPArchive::Release::{name}={value}"
        for name, value in {
            "Origin": "Broken on purpose",
            "Suite": SUITE,
            "Codename": SUITE,
            "Architectures": "amd64",
            "Components": "main",
        }.items()
    ]
    dist = directory / "dists" / SUITE
    release = _run("apt-ftparchive", *options, "release", str(dist), cwd=directory)
    key = pysequoia.Tsk.generate("Broken on purpose")
    signed = pysequoia.sign(key.signer(), release, mode=pysequoia.SignatureMode.CLEAR)
    (dist / "InRelease").write_bytes(signed)
    (directory / "key.pgp").write_bytes(bytes(key.extract_certificate()))


def _run(*command: str, cwd: Path | None = None) -> bytes:
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, cwd=cwd, check=True, capture_output=True, timeout=120, env=environment
    )
    return done.stdout
