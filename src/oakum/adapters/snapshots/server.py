"""Serving snapshots to hosts: published files, read-only, and nothing else."""

import re
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from oakum.core.errors import InputError
from oakum.core.inventory.known_address import MAX_PORT

SHUTDOWN_SECONDS = 5
SNAPSHOT = re.compile(r"[0-9a-f]{64}")
PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~:-]*")
FOREVER = "public, max-age=31536000, immutable"
"""A snapshot never changes: its address is its content."""


def make_app(published: Path) -> Starlette:
    """Return the application."""

    async def serve(request: Request) -> Response:
        snapshot, path = request.path_params["snapshot"], request.path_params["path"]
        parts = path.split("/")
        if not SNAPSHOT.fullmatch(snapshot) or not all(PART.fullmatch(part) for part in parts):
            return PlainTextResponse("no such file\n", 404)
        file = published / snapshot / path
        if not file.is_file():
            return PlainTextResponse("no such file\n", 404)
        return FileResponse(file, headers={"Cache-Control": FOREVER})

    async def health(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    return Starlette(
        routes=[Route("/health", health), Route("/snapshots/{snapshot}/{path:path}", serve)]
    )


def serve(published: Path, listen: str, on_ready: Callable[[str], None]) -> None:
    """Serve until a signal to end comes. `listen` is `HOST:PORT`; port 0 takes a free one."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > MAX_PORT:
        raise InputError(
            f"{listen!r} is no address to listen on",
            hint=f"write HOST:PORT, with a port of up to {MAX_PORT}",
        )
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host.strip("[]"), int(port)))
    except OSError as error:
        bound.close()
        raise InputError(
            f"cannot listen on {listen}: {error.strerror}",
            hint="is another `oakum snapshots serve` running?",
        ) from error
    bound.listen(128)
    on_ready(f"{host}:{bound.getsockname()[1]}")
    config = uvicorn.Config(
        make_app(published),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[bound])
