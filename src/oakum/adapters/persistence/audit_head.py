"""The head of the audit chain, kept in a file beside the database: a cut tail is found by it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from filelock import FileLock

from oakum.core.audit.event import GENESIS, AuditEvent
from oakum.core.errors import StorageError

LINE = re.compile(r"(?P<number>[0-9]{1,18}) (?P<digest>[0-9a-f]{64})\n?")


@dataclass(frozen=True, slots=True)
class KeptHead:
    """The last event that this controller knows to be committed; number 0 before the first."""

    number: int
    digest: str


@dataclass(frozen=True, slots=True)
class HeadFile:
    """One line: the event's number and its digest."""

    path: Path

    @classmethod
    def of(cls, home: Path) -> Self:
        """Return the file of a controller."""
        return cls(home / "audit.head")

    def read(self) -> KeptHead | None:
        """Return what is kept, None where there is no file. Raises StorageError when damaged."""
        try:
            match = LINE.fullmatch(self.path.read_text())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(
                f"{self.path} cannot be read: {error.strerror}", hint="whose file is it?"
            ) from error
        except UnicodeDecodeError:
            match = None
        if match is None:
            raise StorageError(f"{self.path} is damaged", hint=self.way_out)
        return KeptHead(int(match["number"]), match["digest"])

    def begin(self) -> None:
        """Keep that there is no event yet: from now on a file that is missing was removed."""
        with self._locked():
            if self.read() is None:
                self._write(KeptHead(0, GENESIS))

    def advance(self, event: AuditEvent) -> None:
        """Keep an event, unless a later one is kept: commands may come here in another order."""
        with self._locked():
            kept = self.read()
            if kept is None or kept.number < event.sequence:
                self._write(KeptHead(event.sequence, event.digest))

    def _write(self, head: KeptHead) -> None:
        draft = self.path.with_suffix(".new")
        draft.write_text(f"{head.number} {head.digest}\n")
        draft.replace(self.path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            with FileLock(self.path.with_suffix(".lock")):
                yield
        except OSError as error:
            raise StorageError(
                f"{self.path} cannot be written: {error.strerror}",
                hint="what was done is stored; make room, the next command writes it",
            ) from error

    @property
    def way_out(self) -> str:
        """Return what a person can do when the database and this file disagree."""
        return (
            "restore the newest backup of the database; if an older state is wanted, remove "
            f"{self.path}: the next command begins it anew, and records that it did"
        )
