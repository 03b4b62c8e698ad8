"""Assign hosts: everything that is needed to carry out a plan on each of them."""

from collections.abc import Sequence

from oakum.core.errors import RefusedError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Host
from oakum.core.inventory.selector import parse_selector
from oakum.core.planning.plan import Budget, Plan
from oakum.core.rollout.rollout import Rollout, RolloutRing
from oakum.core.staging.check import Check
from oakum.ports.package_manager import SnapshotAccess
from oakum.ports.stores import UnitOfWork
from oakum.services.drive_host import Assignment
from oakum.services.order_plan import order_of, signed_order


def assign_hosts(
    plan: Plan, access: SnapshotAccess, checks: Sequence[Check], work: UnitOfWork
) -> dict[HostId, Assignment]:
    """Return an assignment for every host of the plan.

    Raises RefusedError when a host was removed since it was planned for.
    """
    manifest = work.snapshots.get(plan.snapshot).manifest
    plan_id, changes = plan.id, {host: c.changes for c in plan.classes for host in c.hosts}
    found: dict[HostId, Assignment] = {}
    document, hosts = b"", work.hosts.these(plan.hosts)
    for identity in plan.hosts:
        if identity not in hosts:
            raise RefusedError(
                f"{plan.id} names the host {identity}, which was removed since",
                hint="create the plan anew",
            )
        host = hosts[identity]
        if host.guard is not None and not document:
            document = order_of(plan, access, work)
        found[identity] = Assignment(
            host=host,
            plan=plan,
            plan_id=plan_id,
            changes=changes[identity],
            manifest=manifest,
            access=access,
            checks=checks_for(host, checks),
            order=signed_order(plan, host, document, work),
        )
    return found


def plan_of(rollout: Rollout, work: UnitOfWork) -> Plan:
    """Return the plan that was approved for a rollout.

    Raises RefusedError when the plan, or what the rollout took from it, was changed since.
    """
    plan = work.plans.get(rollout.plan)
    rings = tuple(tuple(run.host for run in rollout.in_ring(n)) for n in range(len(rollout.rings)))
    taken = (
        rollout.plan_digest,
        rollout.window,
        Budget(rollout.concurrency, rollout.max_failed, rollout.base_rate_ppm),
        rollout.groups,
        rollout.schedule,
        tuple(zip(rollout.rings, rings, strict=True)),
    )
    approved = (
        plan.digest,
        plan.window,
        plan.budget,
        plan.groups,
        plan.schedule,
        tuple((RolloutRing(ring.name, ring.soak_seconds), ring.hosts) for ring in plan.rings),
    )
    if taken != approved:
        raise RefusedError(
            f"{rollout.id} is no longer what was approved: its record or {plan.id} was changed",
            hint="no host is touched; compare both with `oakum audit list`, which has the digest "
            f"of the approval, and restore the database from a backup of before {plan.id} changed",
        )
    return plan


def checks_for(host: Host, checks: Sequence[Check]) -> tuple[Check, ...]:
    """Return the checks that are declared for a host."""
    return tuple(check for check in checks if parse_selector(check.selector).matches(host))
