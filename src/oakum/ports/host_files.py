"""What preparing a host asks of it: a session that is root there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from oakum.core.orders.preparation import HostFile
from oakum.ports.transport import Session


class Account(Enum):
    """Whose account of that name there is."""

    NONE = "none"
    OURS = "ours"
    FOREIGN = "foreign"
    """Somebody else's: it is not taken over."""


@dataclass(frozen=True, slots=True)
class Present:
    """What there is on a host before it is prepared."""

    account: Account
    files: Mapping[str, HostFile]
    """By path; a path without a file is not in it."""
    missing: tuple[str, ...]
    """Programs that a prepared host needs and this one has not."""


class HostFiles(Protocol):
    """Looks at, installs and removes the files of a prepared host."""

    async def look(self, session: Session, user: str, paths: Sequence[str]) -> Present:
        """Raise HostError for a path that is something else than a file."""
        ...

    async def install(self, session: Session, user: str, files: Sequence[HostFile]) -> None:
        """Put the files there in their order, with the account; raises HostError when it cannot.

        Also when the account then may run anything else than the verifier.
        """
        ...

    async def remove(self, session: Session, user: str, paths: Sequence[str]) -> None:
        """Remove them in their order, and the account."""
        ...
