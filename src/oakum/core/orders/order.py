"""The order: a plan as text that approvers sign and that a host's verifier obeys.

Lines of ASCII, columns separated by tabs, every line beginning with its kind. A shell reads it as
safely as a person: no JSON, no quoting. docs/decisions/0008 says why it names every host.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from oakum.core.canonical import digest_of_bytes
from oakum.core.errors import InputError
from oakum.core.ids import Digest
from oakum.core.inventory.host import Guard
from oakum.core.planning.change import PackageChange, RollbackClass
from oakum.core.planning.hook import Hook, HookPlace
from oakum.core.planning.plan import HostClass, Plan
from oakum.core.repositories.snapshot import SnapshotManifest
from oakum.core.rollback.deadman import deadman_seconds
from oakum.core.rollback.inverse import invert
from oakum.core.rollback.restore_point import RestorePointKind, kinds_for
from oakum.core.text import one_line

NAMESPACE = "oakum-plan"
"""What a signature is for (ssh-keygen's `-n`): one made for mail or for git counts nothing here."""
FORMAT = "1"
NONE = "-"
NEWLINE = "\n"
INSTALL_DAYS = 14
"""How long an order without the end of a window may be begun, from the making of the plan."""
MAX_SIGNATURES = 16
"""A verifier takes no more."""
UNDO_DAYS = 30
"""How long after that the way back stays open."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where hosts fetch the packages of an order."""

    url: str
    suite: str
    public_key: str
    """OpenPGP, ASCII-armoured."""

    @property
    def key_digest(self) -> Digest:
        """Return the key's SHA-256 as a text that ends with its line, as it arrives on a host."""
        return digest_of_bytes(f"{self.public_key.removesuffix(NEWLINE)}{NEWLINE}".encode())


@dataclass(frozen=True, slots=True)
class OrderSignature:
    """One approver's signature of an order's bytes."""

    key: str
    """The fingerprint, `SHA256:…`, as `ssh-keygen -l` prints it."""
    order: Digest
    """SHA-256 of the bytes that were signed."""
    text: str
    """Armoured, as `ssh-keygen -Y sign` writes it."""


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """An order and signatures of it; the host judges whether they are enough."""

    document: bytes
    signatures: tuple[OrderSignature, ...]


def signatures_for(
    guard: Guard, document: bytes, signatures: Iterable[OrderSignature]
) -> tuple[OrderSignature, ...]:
    """Return what a host will count of these signatures: of these bytes, one of each approver."""
    order = digest_of_bytes(document)
    counted = {s.key: s for s in signatures if s.order == order and s.key in guard.approvers}
    return tuple(counted[key] for key in sorted(counted))[:MAX_SIGNATURES]


def write_order(plan: Plan, manifest: SnapshotManifest, origin: Origin) -> bytes:
    """Return the order of a plan; the same plan and origin give the same bytes.

    Raises RefusedError when the snapshot lacks a version to go back to: without a way back
    nothing is ordered. Raises InputError for text that does not fit into one column.
    """
    opens, until = plan.window.opens_at, install_until(plan)
    rows: list[tuple[str, ...]] = [
        ("oakum-order", FORMAT),
        ("plan", plan.digest),
        ("snapshot", plan.snapshot),
        ("url", origin.url),
        ("suite", origin.suite),
        ("key", origin.key_digest),
        ("restart", plan.restart_policy.value),
        ("reboot", plan.reboot_policy.value),
        ("install-from", _moment(opens) if opens else NONE),
        ("install-until", _moment(until)),
        ("undo-until", _moment(until + timedelta(days=UNDO_DAYS))),
    ]
    for number, bound in enumerate(plan.schedule, 1):
        rows += [("opens", str(number), host) for host in bound.hosts]
        for opening in bound.openings:
            ends = (_moment(opening.opens_at), _moment(opening.closes_at))
            rows.append(("opening", str(number), *ends))
    for number, hook in enumerate(plan.hooks, 1):
        rows += _hook_rows(number, hook) if hook.place is HookPlace.HOST else []
    for number, host_class in enumerate(plan.classes, 1):
        rows += _class_rows(number, host_class, manifest, deadman_seconds(plan, host_class.changes))
    rows.append(("end",))
    return "".join(f"{_line(row)}\n" for row in rows).encode("ascii")


def install_until(plan: Plan) -> datetime:
    """Return when hosts stop beginning a plan: as its window closes, or days after its making.

    Not before the last opening of its schedule: a host may wait four weeks for its own.
    """
    usual = plan.created_at + timedelta(days=INSTALL_DAYS)
    last = [opening.closes_at for bound in plan.schedule for opening in bound.openings]
    return plan.window.closes_at or max([usual, *last])


def _class_rows(
    number: int, host_class: HostClass, manifest: SnapshotManifest, deadman: int
) -> list[tuple[str, ...]]:
    changes = host_class.changes
    may_undo = all(c.rollback_class is not RollbackClass.ONE_WAY for c in changes)
    return [
        ("class", str(number)),
        *(("host", host) for host in sorted(host_class.hosts)),
        ("may-undo", "yes" if may_undo else "no"),
        *((("deadman", str(deadman)),) if deadman else ()),
        *(
            (("restore-point", "snapshot"),)
            if RestorePointKind.SNAPSHOT in kinds_for(changes)
            else ()
        ),
        ("download", str(sum(change.size_bytes for change in changes))),
        *(("change", *_columns(change)) for change in changes),
        *(("undo", *_columns(change)) for change in invert(changes, manifest)),
    ]


def _hook_rows(number: int, hook: Hook) -> list[tuple[str, ...]]:
    """Return a hook; whether it must pass, and when it is undone, is not the host's to decide."""
    place, seconds = str(number), str(hook.timeout_seconds)
    return [
        ("hook", place, hook.moment.value, seconds, octal(hook.name)),
        *(("hook-do", place, octal(word)) for word in hook.command),
        *(("hook-undo", place, octal(word)) for word in hook.undo),
        *(("hooked", place, host) for host in hook.hosts),
    ]


def _columns(change: PackageChange) -> tuple[str, ...]:
    return tuple(change.line().split("\t"))


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def octal(text: str) -> str:
    r"""Return a word as printable ASCII without spaces: other bytes as `\0` and three digits.

    `printf %b` of any shell gives the word back, and people can read most of it as it is.
    """
    return "".join(
        chr(byte) if 0x21 <= byte <= 0x7E and byte != 0x5C else f"\\0{byte:03o}"  # noqa: PLR2004 (printable ASCII; a backslash)
        for byte in text.encode()
    )


def _line(row: tuple[str, ...]) -> str:
    for column in row:
        if not column or not column.isascii() or not column.isprintable() or " " in column:
            raise InputError(
                f"{one_line(column)!r} cannot stand in an order ({row[0]})",
                hint="orders hold ASCII without spaces: rename it, and create the plan anew",
            )
    return "\t".join(row)
