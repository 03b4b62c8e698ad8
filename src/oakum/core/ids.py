"""Identifiers, each its own type, so that one is never taken for another."""

import re
from typing import NewType

from oakum.core.errors import InputError
from oakum.core.text import one_line

CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}")

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


def parse_cve(text: str) -> CveId:
    """Return the id of a CVE that a person typed. Raises InputError for anything else."""
    wanted = text.strip().upper()
    if CVE.fullmatch(wanted) is None:
        raise InputError(f"{one_line(text, 60)!r} is no CVE", hint="write it like CVE-2024-6387")
    return CveId(wanted)
