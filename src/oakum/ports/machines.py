"""Throw-away machines: the lab's hosts and the rehearsal's twins."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

Progress = Callable[[str], None]
"""Called with a line for people when a long step begins."""


@dataclass(frozen=True, slots=True)
class PackagePin:
    """A package that a machine shall have."""

    name: str
    architecture: str = ""
    """Empty: the machine's own."""
    version: str = ""
    """Empty: whatever the sources offer."""
    is_automatic: bool = False
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class MachineFile:
    """A file to write into a machine."""

    path: str
    content: bytes
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class PackageSource:
    """Where a machine's packages come from while it is being built."""

    uri: str
    suite: str
    component: str
    public_key: str = ""
    """ASCII-armoured; empty: the distribution's own keys."""


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """A machine, complete."""

    name: str
    release: str
    packages: tuple[PackagePin, ...]
    """Beyond what every machine has; with `is_exact`, the whole list."""
    is_exact: bool
    """The machine has these packages at these versions, and no others."""
    source: PackageSource | None
    """Where the exact packages come from; others come from the archive of the image."""
    files: tuple[MachineFile, ...]
    etc_archive: bytes
    """A tar of another host's /etc, without what makes that host itself; empty: none.

    Its etc/passwd and etc/group are taken before packages are installed, with every password
    locked: owners on the machine are then those of the host.
    """
    setup_script: str
    """Shell, run once in the machine's root after the packages are installed."""
    authorized_key: str


class MachineState(Enum):
    """Whether a machine runs."""

    RUNNING = "running"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that exists."""

    name: str
    address: str
    port: int
    host_key: str
    """Its public key, read from its own files: verified out of band."""
    state: MachineState
    pid: int | None


class MachineProvider(Protocol):
    """Builds and runs machines. Everything of a machine goes with it."""

    @property
    def name(self) -> str: ...

    def refusal(self) -> str | None:
        """Return why this kind of machine cannot run here; None when it can. Really tries."""
        ...

    def create(self, spec: MachineSpec, progress: Progress) -> Machine:
        """Build a machine; it does not run yet. Raises MachineError."""
        ...

    def start(self, name: str) -> Machine:
        """Boot it. Returns at once; a machine that runs already is left alone."""
        ...

    def stop(self, name: str) -> None:
        """Shut it down cleanly, and wait until it has."""
        ...

    def kill(self, name: str) -> None:
        """Cut its power."""
        ...

    def destroy(self, name: str) -> None:
        """Remove it: no process, mount or file is left. Twice is once."""
        ...

    def clear(self) -> int:
        """Remove every machine, also half-built ones; return how many there were."""
        ...

    def names(self) -> tuple[str, ...]:
        """Return every machine, also those whose building was interrupted."""
        ...

    def machines(self) -> tuple[Machine, ...]:
        """Return every machine that exists, by name."""
        ...
