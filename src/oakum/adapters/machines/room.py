"""Where machines live: a directory each, with what is needed to run and to remove them."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec

from oakum.adapters.machines.addresses import SSH_PORT, claim_network, release_network
from oakum.adapters.machines.programs import MachineError
from oakum.core.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class Record:
    """What is written down of a machine."""

    name: str
    address: str
    port: int
    host_key: str
    lower: str
    mode: str
    """`overlay` or `copy`."""


class Room:
    """The directory of a group of machines, which share a loopback network."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, name: str) -> Path:
        """Return the directory of a machine, which need not exist."""
        if not name or "/" in name or name.startswith("."):
            raise MachineError(f"{name!r} cannot be the name of a machine")
        return self._directory / name

    def next_address(self, first: int = 1) -> tuple[str, int]:
        """Return the first address that no machine of this room has."""
        self._directory.mkdir(parents=True, exist_ok=True)
        network = claim_network(self._directory)
        taken = {record.address for record in self.records()}
        number = next(n for n in range(first, 255) if f"{network}.{n}" not in taken)
        return f"{network}.{number}", SSH_PORT

    def write(self, record: Record) -> None:
        """Keep a record."""
        (self.path(record.name) / "machine.json").write_bytes(msgspec.json.encode(record))

    def read(self, name: str) -> Record:
        """Return the record of a machine. Raises NotFoundError."""
        try:
            content = (self.path(name) / "machine.json").read_bytes()
        except FileNotFoundError as error:
            known = ", ".join(record.name for record in self.records()) or "none"
            raise NotFoundError(
                f"there is no machine {name!r}", hint=f"the machines are: {known}"
            ) from error
        return msgspec.json.decode(content, type=Record)

    def records(self) -> tuple[Record, ...]:
        """Return every finished machine, by name."""
        found = sorted(self._directory.glob("*/machine.json"))
        return tuple(msgspec.json.decode(path.read_bytes(), type=Record) for path in found)

    def names(self) -> tuple[str, ...]:
        """Return every machine, also those whose building was interrupted."""
        if not self._directory.exists():
            return ()
        return tuple(sorted(path.name for path in self._directory.iterdir() if path.is_dir()))

    def remove(self, name: str) -> None:
        """Remove a machine's files; with the last machine, the network and the room."""
        shutil.rmtree(self.path(name), ignore_errors=False) if self.path(name).exists() else None
        if not self.names():
            release_network(self._directory)
            if self._directory.exists():
                self._directory.rmdir()
