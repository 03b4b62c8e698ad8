"""Whom a phased update is held back from, by apt itself."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from oakum.core.repositories.phasing import draw, is_held

MACHINES = ("0123456789abcdef0123456789abcdef", "ffffffffffffffffffffffffffffffff", "7", "x" * 90)
PERCENTAGES = (0, 1, 10, 33, 50, 80, 99, 100)
PACKAGES = 200
SETTINGS = """\
Dir "{root}";
Dir::State::status "{root}/status";
Dir::Bin::ischroot "/bin/false";
Dir::Etc::SourceList "{root}/sources.list";
Dir::Etc::Parts "{root}/none";
APT::Architecture "amd64";
Debug::NoLocking "true";
"""
INDEX = """\
Package: {name}
Source: {source}
Version: {version}
Architecture: amd64
Phased-Update-Percentage: {percentage}
Filename: {name}.deb
Size: 1
SHA256: {digest}

"""
STATUS = """\
Package: {name}
Status: install ok installed
Version: 0.1
Architecture: amd64
Maintainer: nobody
Description: a package

"""


def offered(number: int) -> tuple[str, str, str, str, int]:
    """Return name, source with its version, source, version, percentage of a package."""
    name, version = f"tool-{number}", f"{number % 7}.{number}-1ubuntu0.{number % 3}"
    source = f"source-{number}" if number % 2 else name
    built = f"{source} ({version}~src)" if number % 5 == 1 else source
    source_version = f"{version}~src" if number % 5 == 1 else version
    return name, built, source, source_version, PERCENTAGES[number % len(PERCENTAGES)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for directory in ("none", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial",
        "etc/apt/preferences.d", "etc/apt/trusted.gpg.d", "archive", "var/lib/dpkg"):  # fmt: skip
        (tmp_path / directory).mkdir(parents=True)
    index, status = "", ""
    for number in range(PACKAGES):
        name, built, _, version, percentage = offered(number)
        index += INDEX.format(
            name=name, source=built, version=version.removesuffix("~src"), percentage=percentage,
            digest=f"{number:064x}",
        )  # fmt: skip
        status += STATUS.format(name=name)
    (tmp_path / "archive" / "Packages").write_text(index)
    (tmp_path / "status").write_text(status)
    (tmp_path / "sources.list").write_text(f"deb [trusted=yes] file:{tmp_path}/archive ./\n")
    (tmp_path / "apt.conf").write_text(SETTINGS.format(root=tmp_path))
    apt(tmp_path, "update")
    return tmp_path


def apt(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["apt-get", *arguments], capture_output=True, text=True, check=False,
        env={"APT_CONFIG": str(root / "apt.conf"), "PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="apt is not here")
@pytest.mark.parametrize("machine", MACHINES)
def test_apt_holds_the_same_updates_back(root: Path, machine: str) -> None:
    """Of two hundred updates of every percentage, for hosts of each id."""
    said = apt(root, "-s", "-o", f"APT::Machine-ID={machine}", "upgrade")
    upgraded = set(re.findall(r"^Inst (\S+) ", said, re.MULTILINE))
    expected = set()
    for number in range(PACKAGES):
        name, _, source, version, percentage = offered(number)
        if not is_held(percentage, draw(source, version, machine)):
            expected.add(name)
    assert upgraded == expected
    assert 0 < len(expected) < PACKAGES
