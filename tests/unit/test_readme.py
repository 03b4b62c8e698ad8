"""The README's commands exist, with every option that it names; `scan local` is really run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OAKUM = Path(sys.executable).with_name("oakum")
COMMAND = re.compile(r"^\$ oakum (.*?)(?: +&)?(?: +#.*)?$", re.MULTILINE)
TARGET = re.compile(r"^\$ make (\S+)", re.MULTILINE)
FOUND_WORK = 100


def documents() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs/guides").glob("*.md"))]


def commands() -> list[str]:
    texts = (path.read_text() for path in documents())
    return sorted({command for text in texts for command in COMMAND.findall(text)})


@pytest.mark.parametrize("command", commands())
def test_every_command_is_understood(command: str) -> None:
    """Asked for its help with all its options, a command that is not known ends with 2."""
    words = shlex.split(command.replace("$OAKUM_HOME", "/tmp/home"))  # noqa: S108 (only parsed)
    done = subprocess.run([str(OAKUM), *words, "--help"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert b"Usage: oakum" in done.stdout


def test_the_first_command_does_what_it_says(tmp_path: Path) -> None:
    """`oakum scan local` in an empty home: an answer, its age, and a status that says which."""
    done = subprocess.run(
        [str(OAKUM), "scan", "local"],
        capture_output=True,
        check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(tmp_path)},
    )
    assert done.returncode in {0, FOUND_WORK}, done.stderr.decode()
    assert b"packages" in done.stdout
    assert b"debian-tracker: as of" in done.stderr


def test_every_target_is_in_the_makefile() -> None:
    """`make` knows what the README names."""
    makefile = (ROOT / "Makefile").read_text()
    targets = TARGET.findall((ROOT / "README.md").read_text())
    assert targets
    assert all(f"\n{target}:" in makefile for target in targets)
