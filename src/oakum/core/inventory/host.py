"""A machine that Oakum looks after."""

from dataclasses import dataclass
from datetime import datetime

from oakum.core.choice import Choice
from oakum.core.ids import HostId

ZONE = "zone="


class Exposure(Choice):
    """How reachable a host is for an attacker (SSVC `Exposure`, CISA `PE`)."""

    SMALL = "small"
    CONTROLLED = "controlled"
    OPEN = "open"
    UNKNOWN = "unknown"
    """Counts as open: CERT/CC's rule for what nobody stated."""


class Criticality(Choice):
    """What its loss would cost."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    VERY_HIGH = "very high"


@dataclass(frozen=True, slots=True)
class Guard:
    """What a prepared host asks of an order before its root obeys. The host decides, not this."""

    threshold: int
    """How many approvers must have signed."""
    approvers: tuple[str, ...]
    """Fingerprints of their keys, `SHA256:…`, sorted."""

    def in_words(self) -> str:
        """Return it as people read it."""
        return f"orders signed by {self.threshold} of {len(self.approvers)}"


@dataclass(frozen=True, slots=True)
class Host:
    """One managed machine: where it is, who it must prove to be, what people say of it."""

    id: HostId
    name: str
    address: str
    port: int
    user: str
    host_key: str
    """The pinned public key, `ssh-ed25519 AAAA…`, without a comment."""
    added_at: datetime
    labels: tuple[str, ...] = ()
    """Sorted; a group of an Ansible inventory is a label; `key=value` is one too."""
    exposure: Exposure = Exposure.UNKNOWN
    criticality: Criticality = Criticality.MEDIUM
    identity_file: str = ""
    proxy_jump: str = ""
    guard: Guard | None = None
    """What its verifier asks for; None where the login itself may become root."""
    mended_at: datetime | None = None
    """When a person last said that it is well, whatever rollouts before that left it as."""

    @property
    def zone(self) -> str:
        """Return the network zone that its label `zone=` names; empty without one."""
        return next((x.removeprefix(ZONE) for x in self.labels if x.startswith(ZONE)), "")
