"""A target: a parser under one name, with what it is begun from."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "golden"
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Target:
    """A parser, held to what must be true of its answers.

    `read` may raise an OakumError: to refuse is an answer. Everything else is a finding.
    """

    name: str
    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()
    """What the format is made of, beside what mutations know by themselves."""
    cost: int = 1
    """How many times as long as the others an input takes: it gets so many times fewer."""


def golden(*names: str) -> tuple[bytes, ...]:
    """Return files of tests/golden."""
    return tuple((GOLDEN / name).read_bytes() for name in names)


def tar_of(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a tar, not packed."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return made.getvalue()


def zip_of(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a zip; its files have no date, so that the same files make the same zip."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name), content)
    return made.getvalue()
