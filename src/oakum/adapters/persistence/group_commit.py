"""One commit for all that wants to be stored at a moment: a disk syncs no faster for less."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from oakum.core.errors import StorageContendedError
from oakum.ports.stores import UnitOfWork, UnitOfWorkFactory

T = TypeVar("T")
Act = Callable[[UnitOfWork], Any]
Waiting = tuple[Act, asyncio.Future[Any]]
LARGEST = 200
"""Acts in one transaction: others must get their turn."""
GATHERING_SECONDS = 0.005
TRIES = 5
"""For one act whose rows others change at the same time."""


class GroupCommit:
    """Stores for the tasks of one event loop, in a thread: the loop goes on meanwhile.

    What comes while a transaction is at work waits, and shares the next one. Where an act fails,
    nothing of its transaction stays, and each of its acts is done again by itself.
    """

    def __init__(self, begin: UnitOfWorkFactory) -> None:
        self._begin = begin
        self._waiting: list[Waiting] = []
        self._writing: asyncio.Task[None] | None = None

    async def do(self, act: Callable[[UnitOfWork], T]) -> T:
        """Return what an act gave, once it is committed; raise what it raised."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((act, answer))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        return await answer

    async def _write_all(self) -> None:
        while self._waiting:
            await asyncio.sleep(GATHERING_SECONDS)
            acts, self._waiting = self._waiting[:LARGEST], self._waiting[LARGEST:]
            answers = await asyncio.to_thread(self._store, [act for act, _ in acts])
            for (_, waiting), answer in zip(acts, answers, strict=True):
                _give(waiting, answer)

    def _store(self, acts: list[Act]) -> list[Any]:
        """Return what each act gave or raised."""
        if len(acts) > 1:
            try:
                return self._together(acts)
            except Exception:  # noqa: BLE001, S110 (whose it was shows when each is done by itself)
                pass
        return [self._alone(act) for act in acts]

    def _alone(self, act: Act) -> object:
        for left in reversed(range(TRIES)):
            try:
                (value,) = self._together([act])
            except Exception as error:  # noqa: BLE001 (it is the caller's, and raised there)
                if left and isinstance(error, StorageContendedError):
                    continue
                return error
            return value
        raise AssertionError

    def _together(self, acts: list[Act]) -> list[Any]:
        with self._begin() as work:
            values = [act(work) for act in acts]
            work.commit()
        return values


def _give(waiting: asyncio.Future[Any], answer: object) -> None:
    if waiting.done():
        return  # who asked has been cancelled
    if isinstance(answer, Exception):
        waiting.set_exception(answer)
    else:
        waiting.set_result(answer)
