"""Identifiers, each its own type, so that one is never taken for another."""

from typing import NewType

HostId = NewType("HostId", str)
"""Chosen at adding; never reused. Not the name: a host may be renamed."""

CveId = NewType("CveId", str)
"""`CVE-2024-6387`."""

SnapshotId = NewType("SnapshotId", str)
"""SHA-256 of the canonical manifest, 64 hexadecimal digits."""

PlanId = NewType("PlanId", str)
"""Short name of a plan, `plan-` and the first 12 digits of its digest."""

Digest = NewType("Digest", str)
"""SHA-256, 64 hexadecimal digits."""

RolloutId = NewType("RolloutId", str)
HostRunId = NewType("HostRunId", str)
TransactionId = NewType("TransactionId", str)
"""Names the transaction on the host: its directory, its unit and its journal."""
