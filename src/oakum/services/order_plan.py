"""Order a plan: its order for prepared hosts, and the signatures that approvers gave it."""

from oakum.core.errors import RefusedError
from oakum.core.inventory.host import Host
from oakum.core.orders.order import (
    OrderSignature,
    Origin,
    SignedOrder,
    signatures_for,
    write_order,
)
from oakum.core.planning.plan import Plan
from oakum.core.text import counted
from oakum.ports.package_manager import SnapshotAccess
from oakum.ports.stores import UnitOfWork


def order_of(plan: Plan, access: SnapshotAccess, work: UnitOfWork) -> bytes:
    """Return the order of a plan: what approvers read and sign."""
    manifest = work.snapshots.get(plan.snapshot).manifest
    return write_order(plan, manifest, Origin(access.url, access.suite, access.public_key))


def signed_order(plan: Plan, host: Host, document: bytes, work: UnitOfWork) -> SignedOrder | None:
    """Return the order with what this host counts of its signatures; None without a guard."""
    if host.guard is None:
        return None
    return SignedOrder(document, signatures_for(host.guard, document, _signatures(plan, work)))


def require_signatures(plan: Plan, access: SnapshotAccess, work: UnitOfWork) -> None:
    """Raise RefusedError while a host of the plan would refuse its order for want of signatures."""
    guarded = [host for host in work.hosts.all() if host.id in plan.hosts and host.guard]
    if not guarded:
        return
    document = order_of(plan, access, work)
    for host in guarded:
        order = signed_order(plan, host, document, work)
        signed = 0 if order is None else len(order.signatures)
        if host.guard is not None and signed < host.guard.threshold:
            raise RefusedError(
                f"{host.name} obeys {host.guard.in_words()} approvers, and "
                f"{counted(signed, 'approver')} of it signed the order of {plan.id}",
                hint=f"approvers sign with `oakum approve {plan.id} --sign-with KEY`, or elsewhere "
                f"what `oakum plan sign-request {plan.id}` prints",
            )


def _signatures(plan: Plan, work: UnitOfWork) -> list[OrderSignature]:
    approvals = work.plans.approvals(plan.id)
    return [a.signature for a in approvals if a.digest == plan.digest and a.signature is not None]
