"""What every command needs: the application, who is asking, and a way to run the asyncio part."""

# ruff: noqa: PLC0415 (what only some commands need is loaded by them: each must begin quickly)

import os
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from oakum.bootstrap.application import Application

T = TypeVar("T")
OPEN_FILES = 65_536


def application(*, goes_on: bool = False) -> "Application":
    """Return the wired application; its adapters are made when they are first used.

    Raises InputError where oakum.toml cannot be read, or has a window that makes no sense: who
    declares it is told by the next command, and not by the plan that needs it. What goes on with
    hosts that are at work, or ends or undoes that, needs no window and is not kept from it.
    """
    from oakum.bootstrap.application import Application
    from oakum.settings import read_settings

    chosen = Application(read_settings())
    if not goes_on:
        chosen.declared.require_rules_with_sense()
    return chosen


def actor() -> str:
    """Return who runs this command, for the audit log: `alice@bastion`."""
    import getpass
    import socket

    user = os.environ.get("SUDO_USER") or getpass.getuser()
    return f"{user}@{socket.gethostname()}"


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run the asynchronous part of a command.

    A request to end (SIGTERM, as systemd sends it) is taken as Ctrl-C is: what is held is given
    back, so that another controller may take over at once.
    """
    import asyncio

    _allow_many_files()
    ends, results = list[bool](), list[T]()
    ending = _until_asked_to_end(work, ends, results)
    try:
        with asyncio.Runner() as runner:
            runner.run(ending)
        return results[0]
    except asyncio.CancelledError:
        if ends:
            raise KeyboardInterrupt from None
        raise
    finally:
        # Interrupted before they began: Python would complain that nobody awaited them.
        ending.close()
        work.close()


def _allow_many_files() -> None:
    """Let this process have as many files open as it may: a connection to a host is one.

    Shells give 1,024 and let who asks have many more.
    """
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _until_asked_to_end(
    work: Coroutine[Any, Any, T], ends: list[bool], results: list[T]
) -> None:
    """Keep what the work gives apart from its task.

    When a runner of Python 3.11 ends, it has the task written out with its result, for nobody; the
    facts of a fleet would be millions of words.
    """
    import asyncio
    import signal

    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)

    def end() -> None:
        ends.append(True)
        task.cancel()

    loop.add_signal_handler(signal.SIGTERM, end)
    try:
        results.append(await task)
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
