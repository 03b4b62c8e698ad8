"""Prepares hosts with three shell scripts, over a session that is root."""

import base64
import binascii
import io
import tarfile
from collections.abc import Sequence
from importlib.resources import files

from oakum.core.errors import HostError
from oakum.core.orders.preparation import HostFile
from oakum.core.text import one_line
from oakum.ports.host_files import Account, Present
from oakum.ports.transport import CommandResult, Session

LOOK, INSTALL, REMOVE = (
    (files(__package__) / f"{name}.sh").read_text() for name in ("look", "install", "remove")
)
SECONDS = 60.0
END = "end\tok"
MODE_BITS = 0o7777


class ShellHostFiles:
    """Looks, installs, removes."""

    async def look(self, session: Session, user: str, paths: Sequence[str]) -> Present:
        """Say what is there."""
        result = await session.run(LOOK, user, *paths, timeout_seconds=SECONDS)
        _raise_if_failed(result, "cannot be looked at")
        return parse_present(result.stdout)

    async def install(self, session: Session, user: str, files: Sequence[HostFile]) -> None:
        """Put the files there."""
        result = await session.run(INSTALL, user, stdin=_tar(files), timeout_seconds=SECONDS)
        _raise_if_failed(result, "is not prepared")

    async def remove(self, session: Session, user: str, paths: Sequence[str]) -> None:
        """Take them away."""
        result = await session.run(REMOVE, user, *paths, timeout_seconds=SECONDS)
        _raise_if_failed(result, "still has some of it")


def parse_present(output: bytes) -> Present:
    """Read the answer of look.sh. Raises HostError when it is cut off, or holds what is no file."""
    lines = output.decode("utf-8", errors="replace").splitlines()
    if not lines or lines[-1] != END:
        raise HostError("the host's answer is cut off", hint="ask again")
    account: Account | None = None
    found: dict[str, HostFile] = {}
    missing: list[str] = []
    for line in lines[:-1]:
        match line.split("\t"):
            case ("account", word) if word in {a.value for a in Account}:
                account = Account(word)
            case ("missing", program):
                missing.append(one_line(program))
            case ("file", path, mode, content):
                found[path] = _file(path, mode, content)
            case _:
                raise HostError(
                    f"the host has something else than a file of ours: {one_line(line)}",
                    hint="look at it there; nothing was changed",
                )
    if account is None:
        raise HostError("the host does not say whose the account is", hint="ask again")
    return Present(account, found, tuple(missing))


def _file(path: str, mode: str, content: str) -> HostFile:
    try:
        text = base64.b64decode(content, validate=True).decode("utf-8", errors="replace")
        return HostFile(path, int(mode, 8) & MODE_BITS, text)
    except (binascii.Error, ValueError) as error:
        raise HostError(f"the host's answer about {one_line(path)} cannot be read") from error


def _tar(files: Sequence[HostFile]) -> bytes:
    texts = {str(number): file.content for number, file in enumerate(files)}
    texts["list"] = "".join(f"{n} {file.mode:o} {file.path}\n" for n, file in enumerate(files))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, text in sorted(texts.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text.encode()), 0o600
            archive.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


def _raise_if_failed(result: CommandResult, what: str) -> None:
    if result.exit_status != 0:
        said = one_line(result.stderr.decode("utf-8", errors="replace")) or "it says nothing"
        raise HostError(
            f"the host {what}: {said}",
            hint="it takes a login that may become root: give --login and --identity-file",
        )
