"""Locks as files: the kernel frees them with the process, however it ends."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from oakum.core.errors import ConflictError, StorageError


class FileLocks:
    """Keeps a lock file for each name, and beside it who holds it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextmanager
    def hold(self, name: str, purpose: str) -> Iterator[None]:
        """Hold a lock; a second command is told who has it."""
        lock, holder = FileLock(self._directory / f"{name}.lock"), self._directory / f"{name}.who"
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout as error:
            who = holder.read_text().strip() if holder.exists() else "another command"
            raise ConflictError(
                f"{who} is at work on the same thing", hint="wait for it to end, or end it"
            ) from error
        except OSError as error:
            raise StorageError(
                f"no lock can be kept in {self._directory}: {error.strerror}",
                hint="set OAKUM_HOME to a place you own",
            ) from error
        try:
            holder.write_text(f"process {os.getpid()} ({purpose})\n")
            yield
        finally:
            holder.unlink(missing_ok=True)
            lock.release()
