"""How urgently to act: the lane, of SSVC's deployer table, and the word of CISA's own table."""

from oakum.core.choice import Choice


class Lane(Choice):
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


class CisaDecision(Choice):
    """What CISA, as coordinator, would say of the same: shown beside the lane, never above it."""

    TRACK = "track"
    TRACK_CLOSELY = "track*"
    ATTEND = "attend"
    ACT = "act"
