"""The lane of a patch: how urgently SSVC's deployer table says to act."""

from enum import Enum


class Lane(Enum):
    """SSVC deployer outcomes, most urgent first."""

    IMMEDIATE = "immediate"
    OUT_OF_CYCLE = "out-of-cycle"
    SCHEDULED = "scheduled"
    DEFER = "defer"

    @property
    def urgency(self) -> int:
        """Return 0 for the most urgent."""
        return URGENCY[self]


URGENCY = {lane: number for number, lane in enumerate(Lane)}
