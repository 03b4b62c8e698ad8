"""Order a plan: its order for prepared hosts, and the signatures that approvers gave it."""

from collections.abc import Iterable

from oakum.core.errors import RefusedError
from oakum.core.ids import HostId
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


def signed_orders(
    plan: Plan, hosts: Iterable[Host], access: SnapshotAccess, work: UnitOfWork
) -> dict[HostId, SignedOrder]:
    """Return, for each of these hosts that is prepared, the order with what it will count of it.

    Hosts with the same guard share one: a fleet has few guards, and an order is large.
    """
    guarded = [(host.id, host.guard) for host in hosts if host.guard is not None]
    if not guarded:
        return {}
    document, signatures = order_of(plan, access, work), _signatures(plan, work)
    orders = {
        guard: SignedOrder(document, signatures_for(guard, document, signatures))
        for guard in {guard for _, guard in guarded}
    }
    return {host: orders[guard] for host, guard in guarded}


def require_signatures(plan: Plan, access: SnapshotAccess, work: UnitOfWork) -> None:
    """Raise RefusedError while a host of the plan would refuse its order for want of signatures."""
    hosts = work.hosts.these(plan.hosts)
    orders = signed_orders(plan, hosts.values(), access, work)
    for identity, order in orders.items():
        host, signed = hosts[identity], len(order.signatures)
        if host.guard is not None and signed < host.guard.threshold:
            raise RefusedError(
                f"{host.name} obeys {host.guard.in_words()} approvers, and "
                f"{counted(signed, 'approver')} of it signed the order of {plan.id}",
                hint=f"approvers sign with `oakum approve {plan.id} --sign-with KEY`, or elsewhere "
                f"what `oakum plan sign-request {plan.id}` prints",
            )


def _signatures(plan: Plan, work: UnitOfWork) -> list[OrderSignature]:
    approvals, digest = work.plans.approvals(plan.id), plan.digest
    return [a.signature for a in approvals if a.digest == digest and a.signature is not None]
