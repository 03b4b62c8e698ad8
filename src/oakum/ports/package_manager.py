"""What the services ask of a host's package manager.

Everything is asked through a Session and answered as values. A transaction outlives the
session, the controller and the network: `start` hands it to the host, `status` reads how it fares.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from oakum.core.ids import SnapshotId, TransactionId
from oakum.core.orders.order import SignedOrder
from oakum.core.planning.change import ChangeKind, PackageChange
from oakum.core.planning.plan import RestartPolicy
from oakum.core.rollback.restore_point import RestorePointKind
from oakum.core.rollout.transaction import DeadmanState, TransactionStatus
from oakum.ports.transport import Session


@dataclass(frozen=True, slots=True)
class SnapshotAccess:
    """Where a host gets a snapshot from, and the key that it must be signed with."""

    snapshot: SnapshotId
    url: str
    """`http://controller:8321/snapshots/<id>`: an apt repository."""
    suite: str
    public_key: str
    """Oakum's own OpenPGP key, ASCII-armoured; hosts trust no other."""


@dataclass(frozen=True, slots=True)
class Target:
    """A package that shall be at this version."""

    name: str
    architecture: str
    version: str


@dataclass(frozen=True, slots=True)
class SimulatedChange:
    """One line of what the host's own resolver would do."""

    kind: ChangeKind
    name: str
    architecture: str
    old_version: str
    new_version: str

    @property
    def key(self) -> str:
        """Return `name:architecture`."""
        return f"{self.name}:{self.architecture}"


@dataclass(frozen=True, slots=True)
class Simulation:
    """What the host would do with the snapshot, found without changing anything."""

    changes: tuple[SimulatedChange, ...]
    """Sorted by key."""
    kept_back: tuple[tuple[str, str], ...]
    """(name:architecture, reason) of packages with a newer version that stay as they are."""
    conffile_prompts: tuple[str, ...]
    """Changed configuration files of packages in the change: dpkg may ask about them."""
    restarts: tuple[str, ...]
    """Units whose processes run files of the packages in the change, and will be restarted."""
    reboot_reason: str
    """Why the change will be effective only after a reboot; empty when a restart is enough."""
    problems: tuple[str, ...]
    """Why a transaction would be refused now: interrupted dpkg, held lock, unmet dependencies."""


class TransactionMode(Enum):
    """Which way."""

    UPGRADE = "upgrade"
    ROLL_BACK = "roll back"


@dataclass(frozen=True, slots=True)
class Transaction:
    """One change of one host, complete in itself: the host needs nothing else to finish it."""

    id: TransactionId
    mode: TransactionMode
    access: SnapshotAccess
    changes: tuple[PackageChange, ...]
    restart_policy: RestartPolicy
    undoes: TransactionId | None = None
    """For a roll-back: the transaction whose restore point (marks, conffiles) is put back."""
    order: SignedOrder | None = None
    """For a host that obeys nothing else."""
    restore_points: tuple[RestorePointKind, ...] = (RestorePointKind.PACKAGES,)
    """For an upgrade: what may be kept to undo it with."""
    deadman: "Deadman | None" = None
    """For an upgrade: how the host goes back when nobody confirms it."""


@dataclass(frozen=True, slots=True)
class Deadman:
    """What a host does by itself when no controller confirms in time that it found it well."""

    back: Transaction
    """The roll-back that a controller would order: whoever begins it, it is begun once."""
    seconds: int
    """From the end of the transaction, or from a boot after it. 0: it is switched off."""


class PackageManager(Protocol):
    """Plans and changes the packages of one host. Implementations: apt."""

    async def simulate(
        self, session: Session, access: SnapshotAccess, targets: tuple[Target, ...] | None
    ) -> Simulation:
        """Ask the host's resolver; `None` as targets means all that the snapshot offers."""
        ...

    async def start(self, session: Session, transaction: Transaction) -> None:
        """Hand over a transaction; handing over the same id again does nothing."""
        ...

    async def status(self, session: Session, transaction: TransactionId) -> TransactionStatus:
        """Read the journal."""
        ...

    async def confirm(self, session: Session, transaction: TransactionId) -> DeadmanState:
        """Say that the host was found well, over a session opened for that; may be repeated.

        Return what has been decided: CONFIRMED or OFF, or that it was too late.
        """
        ...

    async def conffile_diffs(self, session: Session, transaction: TransactionId) -> str:
        """Return how the configuration files that an upgrade kept differ from the new versions.

        Unified diffs; empty when it kept none. Raises RefusedError for a prepared host, which
        shows them to nobody who comes over the network.
        """
        ...

    async def reboot(self, session: Session, transaction: TransactionId) -> None:
        """Reboot the host once for this transaction; a second call does nothing."""
        ...

    async def repack(self, session: Session, targets: tuple[Target, ...]) -> tuple[bytes, ...]:
        """Return .deb files for installed versions that no archive has any more, in order.

        From the host's own cache where it is there, else re-packed with dpkg-repack.
        """
        ...
