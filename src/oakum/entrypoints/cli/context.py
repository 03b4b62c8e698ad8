"""What every command needs: the application, who is asking, and a way to run the asyncio part."""

import asyncio
import getpass
import os
import socket
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from oakum.bootstrap import Application

T = TypeVar("T")


def application() -> "Application":
    """Return the wired application; its adapters are made when they are first used."""
    from oakum.bootstrap import Application  # noqa: PLC0415 (`oakum --help` must not load them)
    from oakum.settings import read_settings  # noqa: PLC0415 (as above)

    return Application(read_settings())


def actor() -> str:
    """Return who runs this command, for the audit log: `alice@bastion`."""
    user = os.environ.get("SUDO_USER") or getpass.getuser()
    return f"{user}@{socket.gethostname()}"


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run the asynchronous part of a command."""
    return asyncio.run(work)
