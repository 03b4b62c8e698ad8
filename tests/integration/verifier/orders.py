"""Orders as approvers sign them, and what can be done to them on the way."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.conformance.transports.ssh_server import make_key, public_key
from tests.plans import CHANGE, PLAN

from oakum.adapters.signing.ssh_keygen import SshKeygen
from oakum.core.ids import Digest
from oakum.core.orders.order import Origin, write_order
from oakum.core.planning.plan import Plan, Window
from oakum.core.repositories.snapshot import Role, SnapshotManifest, SnapshotPackage
from oakum.core.text import framed

OLD = SnapshotPackage(
    name=CHANGE.name,
    version=CHANGE.old_version,
    architecture=CHANGE.architecture,
    source_name=CHANGE.source_name,
    source_version=CHANGE.old_version,
    sha256=Digest("c" * 64),
    size_bytes=1_900_000,
    installed_size_kib=6000,
    roles=(Role.INSTALLED,),
    origin="test",
)
MANIFEST = SnapshotManifest("bookworm", "amd64", (OLD,), ())
ORIGIN = Origin("http://127.0.0.1:9/snapshots/b", "bookworm", "a key\n")
"""Nobody listens there: what is accepted ends as refused by the transaction, harmlessly."""


def today(plan: Plan = PLAN, *, deadman_seconds: int = 0) -> Plan:
    """Return the plan as of now, so that its order may be begun."""
    now = datetime.now(UTC).replace(microsecond=0)  # noqa: TID251 - the host's clock is real
    opens = now - timedelta(hours=1)
    window = Window(opens, now + timedelta(hours=1))
    return replace(plan, created_at=opens, window=window, deadman_seconds=deadman_seconds)


def order_of(plan: Plan) -> bytes:
    return write_order(plan, MANIFEST, ORIGIN)


@dataclass(frozen=True, slots=True)
class Approver:
    """A person with a key."""

    key: Path

    @property
    def public(self) -> str:
        return f"{public_key(self.key.with_suffix('.pub'))} {self.key.name}"

    def sign(self, document: bytes) -> str:
        return SshKeygen().sign(document, str(self.key)).text


def approvers(directory: Path, *names: str) -> tuple[Approver, ...]:
    for name in names:
        make_key(directory / name)
    return tuple(Approver(directory / name) for name in names)


def given(document: bytes, signatures: Iterable[str], key: str = ORIGIN.public_key) -> bytes:
    """Return what the controller hands to the verifier."""
    files = {"o": document.decode(), "k": key}
    return framed(files | {str(n): text for n, text in enumerate(signatures, 1)})


def altered(document: bytes, old: str, new: str) -> bytes:
    """Return the document with one thing changed; fail when it is not in there."""
    text, count = re.subn(old, new, document.decode(), count=1, flags=re.MULTILINE)
    assert count == 1
    return text.encode()
