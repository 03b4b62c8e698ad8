from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.verifier.orders import MANIFEST, Approver, approvers
from tests.plans import NOW, PLAN

from oakum.adapters.signing.ssh_keygen import SshKeygen
from oakum.core.audit.event import Action
from oakum.core.canonical import digest_of_bytes
from oakum.core.errors import InputError, RefusedError, TrustError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Guard, Host
from oakum.core.orders.order import OrderSignature
from oakum.core.planning.plan import Plan
from oakum.core.repositories.snapshot import Snapshot
from oakum.ports.clock import Clock
from oakum.ports.package_manager import SnapshotAccess
from oakum.ports.stores import UnitOfWorkFactory
from oakum.services.approve_plan import ApprovalRequest, approve_plan
from oakum.services.assign_hosts import assign_hosts
from oakum.services.order_plan import order_of, require_signatures

KEYGEN = SshKeygen()
ORDERED = replace(PLAN, snapshot=MANIFEST.id)
ACCESS = SnapshotAccess(MANIFEST.id, "http://127.0.0.1:9/snapshots/b", "bookworm", "a key\n")


def host(name: str, guard: Guard | None) -> Host:
    return Host(HostId(name), name, name, 22, "oakum", "ssh-ed25519 AAAA", NOW, guard=guard)


def fingerprints(*people: Approver) -> tuple[str, ...]:
    return tuple(sorted(KEYGEN.fingerprint(person.public) for person in people))


@pytest.fixture
def people(tmp_path: Path) -> tuple[Approver, ...]:
    return approvers(tmp_path, "ann", "bob", "stranger")


@pytest.fixture
def document(begin: UnitOfWorkFactory, people: tuple[Approver, ...]) -> bytes:
    """Keep a plan for one host that asks for two signatures and one that asks for none."""
    guard = Guard(2, fingerprints(*people[:2]))
    with begin() as work:
        work.snapshots.add(Snapshot(MANIFEST, NOW, 1))
        work.plans.add(ORDERED)
        work.hosts.add(host("web-1", guard))
        work.hosts.add(host("web-2", None))
        work.commit()
        return order_of(ORDERED, ACCESS, work)


def approve(
    begin: UnitOfWorkFactory,
    clock: Clock,
    signature: OrderSignature | None,
    plan: Plan = ORDERED,
) -> None:
    request = ApprovalRequest(
        plan.id,
        "ann",
        "because",
        accepts_no_way_back=False,
        overrides_rehearsal=True,
        signature=signature,
    )
    approve_plan(request, begin, clock)


def require(begin: UnitOfWorkFactory) -> None:
    with begin() as work:
        require_signatures(ORDERED, ACCESS, work)


def test_a_rollout_waits_for_k_of_n(
    begin: UnitOfWorkFactory, clock: Clock, document: bytes, people: tuple[Approver, ...]
) -> None:
    """None, one, the same twice and a stranger's are too few; the second approver's is enough."""
    ann, bob, stranger = (KEYGEN.sign(document, str(person.key)) for person in people)
    for signature in (None, ann, ann, stranger):
        approve(begin, clock, signature)
        with pytest.raises(RefusedError, match=r"web-1 obeys orders signed by 2 of 2"):
            require(begin)
    approve(begin, clock, bob)
    require(begin)
    with begin() as work:
        jobs = assign_hosts(ORDERED, ACCESS, (), work)
    guarded, free = jobs[HostId("web-1")].order, jobs[HostId("web-2")].order
    assert free is None
    assert guarded is not None
    assert guarded.document == document
    assert {signature.key for signature in guarded.signatures} == {ann.key, bob.key}


def test_signatures_are_kept_and_audited(
    begin: UnitOfWorkFactory, clock: Clock, document: bytes, people: tuple[Approver, ...]
) -> None:
    """The approval holds the signature; the log names the key and the order."""
    signature = KEYGEN.sign(document, str(people[0].key))
    approve(begin, clock, signature)
    with begin() as work:
        (approval,) = work.plans.approvals(ORDERED.id)
        event = work.audit.events()[-1]
    assert approval.signature == signature
    assert event.action is Action.PLAN_APPROVED
    assert isinstance(event.details, dict)
    assert event.details["signed_by"] == fingerprints(people[0])[0]
    assert event.details["order"] == digest_of_bytes(document)


def test_a_signature_of_another_order_counts_nothing(
    begin: UnitOfWorkFactory, clock: Clock, document: bytes, people: tuple[Approver, ...]
) -> None:
    """Where the snapshot is served from elsewhere, the order is another, and to be signed anew."""
    for person in people[:2]:
        approve(begin, clock, KEYGEN.sign(document, str(person.key)))
    require(begin)
    with begin() as work, pytest.raises(RefusedError, match="0 approvers"):
        require_signatures(ORDERED, replace(ACCESS, url="http://127.0.0.1:9/b"), work)


def test_a_signature_made_elsewhere_is_read(document: bytes, people: tuple[Approver, ...]) -> None:
    """It names its key; of other bytes, for other uses or garbled it is refused."""
    signature = KEYGEN.sign(document, str(people[0].key))
    assert KEYGEN.read(document, signature.text) == signature
    for wrong in ("", "garbage", signature.text.replace("U", "V"), signature.text[:-60], "é"):
        with pytest.raises(TrustError):
            KEYGEN.read(document, wrong)
    with pytest.raises(TrustError):
        KEYGEN.read(document + b"\n", signature.text)


def test_a_key_that_cannot_sign_is_named(document: bytes, tmp_path: Path) -> None:
    """There is no such file, or it is no key."""
    (tmp_path / "nokey").write_text("nothing\n")
    for name in ("missing", "nokey"):
        with pytest.raises(InputError, match=name):
            KEYGEN.sign(document, str(tmp_path / name))
    with pytest.raises(InputError, match="cannot be read"):
        KEYGEN.fingerprint("ssh-rsa AAAA me")
