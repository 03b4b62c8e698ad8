"""Hooks on the machine that drives hosts: processes of their own, with a record on its disk."""

import asyncio
import contextlib
import os
import shutil
import uuid
from pathlib import Path
from tempfile import mkdtemp

from oakum.adapters.hooks.records import files_of, parse_status
from oakum.core.errors import ControllerError, HostError
from oakum.core.rollout.hooks import HookStatus
from oakum.core.text import one_line
from oakum.ports.hooks import HookJob
from oakum.ports.transport import Session

NAME = "record"
"""The file that names the directory: another one, or one that was emptied, has another name."""
START_SECONDS = 60.0


class ControllerHooks:
    """Runs hooks here, as whoever runs Oakum."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def record(self) -> str:
        """Return the name of the directory of records, which is given to it once."""
        path = self._directory / NAME
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not path.exists():
                draft = self._directory / f".{uuid.uuid4().hex}"
                draft.write_text(uuid.uuid4().hex)
                # Whoever comes first names it.
                with contextlib.suppress(FileExistsError):
                    os.link(draft, path)
                draft.unlink()
            return path.read_text()
        except OSError as error:
            raise ControllerError(
                f"{self._directory} cannot hold the records of hooks: {error.strerror}",
                hint="Oakum must be able to write there",
            ) from error

    async def start(self, session: Session | None, job: HookJob) -> None:
        """Begin a hook, unless it was begun here."""
        del session
        place = self._directory / job.id
        try:
            await asyncio.to_thread(self._put_in_place, job, place)
            status, _, said = await _script(place, "start", str(place), "detached")
        except OSError as error:
            raise ControllerError(
                f"the hook cannot be begun here: {error.strerror or 'its script does not end'}",
                hint=f"make room in {self._directory}",
            ) from error
        if status != 0:
            raise HostError(
                f"the hook did not begin: {one_line(said.decode(errors='replace'))}",
                hint=f"look at {place}",
            )

    async def status(self, session: Session | None, job: HookJob) -> HookStatus:
        """Read its record."""
        del session
        place = self._directory / job.id
        try:
            if not place.is_dir():
                return parse_status(b"absent\nend\tok\n")
            _, answer, _ = await _script(place, "status", str(place))
            return parse_status(answer)
        except (OSError, HostError) as error:
            why = error.message if isinstance(error, HostError) else error.strerror
            why = why or "its script does not end"
            raise ControllerError(
                f"the record of a hook cannot be read here: {why}", hint=f"look at {place}"
            ) from error

    def _put_in_place(self, job: HookJob, place: Path) -> None:
        """Make its directory, at once or not at all."""
        if place.exists():
            return
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = Path(mkdtemp(prefix=".new.", dir=self._directory))
        try:
            for name, text in files_of(job).items():
                with (draft / name).open("w", encoding="utf-8") as file:
                    file.write(text)
                    os.fsync(file.fileno())
            try:
                draft.rename(place)
            except OSError:
                # Another process of this machine may have been first: it put the same there.
                if not place.exists():
                    raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)


async def _script(place: Path, *words: str) -> tuple[int, bytes, bytes]:
    process = await asyncio.create_subprocess_exec(
        "/bin/sh",
        str(place / "hook.sh"),
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(START_SECONDS):
        out, err = await process.communicate()
    return process.returncode or 0, out, err
