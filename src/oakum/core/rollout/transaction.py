"""How a transaction on a host stands, as its journal tells."""

from dataclasses import dataclass
from enum import Enum


class TransactionState(Enum):
    """How a transaction stands, read from its journal on the host."""

    ABSENT = "absent"
    """The host has never heard of it."""
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    """Preflight, drift or download: nothing on the host was changed."""
    FAILED = "failed"
    """Something was changed and did not end well; the recovery ladder was climbed."""
    INTERRUPTED = "interrupted"
    """It neither runs nor has a result: the host went down in the middle."""


class DeadmanState(Enum):
    """How the deadman of an upgrade stands. One rename on the host decides, once."""

    OFF = "off"
    """None was armed: the plan has none, or it has not come so far."""
    ARMED = "armed"
    CONFIRMED = "confirmed"
    """By a controller that found the host well over a new connection."""
    WITHDRAWN = "withdrawn"
    """The upgrade was undone, or is being rolled back, without it."""
    FIRED = "fired"
    """Nobody confirmed in time: the host goes back, or has gone back, by itself."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One step of a transaction."""

    at: str
    """ISO 8601 by the host's clock."""
    step: str
    outcome: str
    """`started`, `done`, `failed`, `refused`."""
    detail: str


@dataclass(frozen=True, slots=True)
class KeptConffile:
    """A configuration file that stayed as the administrator had changed it."""

    path: str
    differing: int
    """Lines in which it and the new version's differ, counted in both."""


BEGINNINGS = ("begin", "resume")
"""Steps whose entry holds the boot id."""


@dataclass(frozen=True, slots=True)
class TransactionStatus:
    """What the host's journal says."""

    state: TransactionState
    step: str
    """The step it is in, or ended in."""
    reason: str
    """For REFUSED and FAILED: what went wrong and the next step, one line."""
    journal: tuple[JournalEntry, ...]
    restarted: tuple[str, ...] = ()
    """Units that were restarted."""
    kept: tuple[KeptConffile, ...] = ()
    reboot_reason: str = ""
    """Why only a reboot makes the change effective; empty when it is effective."""
    deadman: DeadmanState = DeadmanState.OFF
    begun_by_host: str = ""
    """For a roll-back that no controller ordered: why the host began it by itself."""
    starts: int = 0
    """How often the work was really begun; more than one is a defect, and is looked for."""

    @property
    def last_words(self) -> str:
        """Return the latest that its journal says, in words; else in which step it was."""
        told = (entry for entry in reversed(self.journal) if entry.step not in BEGINNINGS)
        said = (entry.detail for entry in told if entry.detail)
        return next(said, self.step or "it wrote down nothing")

    @property
    def boot_id(self) -> str:
        """Return in which boot of the host it began, or was last taken up again; else nothing."""
        begun = (entry for entry in reversed(self.journal) if entry.outcome == "started")
        return next((entry.detail for entry in begun if entry.step in BEGINNINGS), "")
