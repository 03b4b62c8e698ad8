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

from demo.archive import sign_archive

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
    key = pysequoia.Tsk.generate("Broken on purpose")
    sign_archive(directory, SUITE, "Broken on purpose", key)
    (directory / "key.pgp").write_bytes(bytes(key.extract_certificate()))
    return ARCHIVE.format(directory=directory, suite=SUITE)


def _run(*command: str) -> None:
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    subprocess.run(command, check=True, capture_output=True, timeout=120, env=environment)
