"""Where machines live: a directory each, with what is needed to run and to remove them."""

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec

from oakum.adapters.machines.addresses import (
    SSH_PORT,
    claim_network,
    keep_network,
    release_network,
)
from oakum.adapters.machines.locked import locked
from oakum.adapters.machines.programs import MachineError
from oakum.core.errors import NotFoundError
from oakum.core.text import one_line


@dataclass(frozen=True, slots=True)
class Record:
    """What is written down of a machine."""

    name: str
    address: str
    port: int
    host_key: str
    lower: str
    mode: str
    """`overlay`, `copy` or `btrfs`."""


class Room:
    """The directory of a group of machines, which share a loopback network."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, name: str) -> Path:
        """Return the directory of a machine, which need not exist."""
        if not name or "/" in name or name.startswith("."):
            raise MachineError(f"{name!r} cannot be the name of a machine")
        return self._directory / name

    def reserve(self, name: str) -> tuple[str, int]:
        """Make the directory of a machine, with the first address that no other one has."""
        with locked(self._directory):
            self.path(name).mkdir(exist_ok=True)
            network = claim_network(self._directory)
            taken = {path.read_text() for path in self._directory.glob("*/address")}
            free = (f"{network}.{number}" for number in range(1, 255))
            address = next((each for each in free if each not in taken), None)
            if address is None:
                raise MachineError(f"{self._directory} has 254 machines, and {network} no more")
            (self.path(name) / "address").write_text(address)
        return address, SSH_PORT

    def keep_address(self, record: Record) -> None:
        """Make sure that a machine's address is still this room's, before it is started."""
        keep_network(self._directory, record.address)

    def is_finished(self, name: str) -> bool:
        """Tell whether a machine was built to its end."""
        return (self.path(name) / "machine.json").exists()

    def write(self, record: Record) -> None:
        """Keep a record."""
        draft = self.path(record.name) / "machine.json.part"
        draft.write_bytes(msgspec.json.encode(record))
        draft.replace(self.path(record.name) / "machine.json")

    def read(self, name: str) -> Record:
        """Return the record of a machine. Raises NotFoundError."""
        try:
            content = (self.path(name) / "machine.json").read_bytes()
        except FileNotFoundError as error:
            known = ", ".join(record.name for record in self.records()) or "none"
            raise NotFoundError(
                f"there is no machine {name!r}", hint=f"the machines are: {known}"
            ) from error
        return _record(name, content)

    def records(self) -> tuple[Record, ...]:
        """Return every finished machine, by name."""
        found = sorted(self._directory.glob("*/machine.json"))
        return tuple(_record(path.parent.name, path.read_bytes()) for path in found)

    def names(self) -> tuple[str, ...]:
        """Return every machine, also those whose building was interrupted."""
        if not self._directory.exists():
            return ()
        return tuple(sorted(path.name for path in self._directory.iterdir() if path.is_dir()))

    def remove(self, name: str) -> None:
        """Remove a machine's files; with the last machine, the network and the room."""
        if self.path(name).exists():
            shutil.rmtree(self.path(name))
        self.close()

    def close(self) -> None:
        """Give the network back and remove the room, unless a machine is in it."""
        if not self._directory.exists():
            return
        with locked(self._directory):
            if self.names():
                return
            release_network(self._directory)
            self._directory.rmdir()
        with contextlib.suppress(OSError):  # rooms of another kind are beside this one
            self._directory.parent.rmdir()


def _record(name: str, content: bytes) -> Record:
    try:
        return msgspec.json.decode(content, type=Record)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MachineError(
            f"the record of the machine {name!r} is damaged: {one_line(str(error))}",
            hint="remove the machine, and build it anew",
        ) from error
