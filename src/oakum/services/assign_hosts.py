"""Assign hosts: everything that is needed to carry out a plan on each of them."""

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from oakum.core.errors import RefusedError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Host
from oakum.core.inventory.selector import parse_selector
from oakum.core.planning.plan import Budget, Plan, Ring
from oakum.core.rollout.hooks import planned_hooks
from oakum.core.rollout.rollout import Rollout, RolloutRing
from oakum.core.staging.check import Check
from oakum.core.staging.vitals import NOTHING_DECLARED, VitalQuestions
from oakum.ports.package_manager import SnapshotAccess
from oakum.ports.stores import UnitOfWork
from oakum.services.drive_host import Assignment
from oakum.services.order_plan import signed_orders


def assign_hosts(
    plan: Plan,
    access: SnapshotAccess,
    checks: Sequence[Check],
    work: UnitOfWork,
    vital: VitalQuestions = NOTHING_DECLARED,
) -> dict[HostId, Assignment]:
    """Return an assignment for every host of the plan.

    Raises RefusedError when a host was removed since it was planned for.
    """
    manifest = work.snapshots.get(plan.snapshot).manifest
    plan_id, changes = plan.id, {host: c.changes for c in plan.classes for host in c.hosts}
    name = _name_of(access.url)
    asked: dict[HostId, VitalQuestions] = {}
    for c in plan.classes:
        units, packages = (*vital.units, *c.restarts), tuple(change.name for change in c.changes)
        questions = VitalQuestions((*vital.names, *name), units, packages)
        asked |= dict.fromkeys(c.hosts, questions)
    found: dict[HostId, Assignment] = {}
    hosts = work.hosts.these(plan.hosts)
    orders = signed_orders(plan, hosts.values(), access, work)
    for identity in plan.hosts:
        if identity not in hosts:
            raise RefusedError(
                f"{plan.id} names the host {identity}, which was removed since",
                hint="create the plan anew",
            )
        host = hosts[identity]
        found[identity] = Assignment(
            host=host,
            plan=plan,
            plan_id=plan_id,
            changes=changes[identity],
            manifest=manifest,
            access=access,
            checks=checks_for(host, checks),
            order=orders.get(identity),
            vital=asked[identity],
            metrics=() if plan.measurement is None else plan.measurement.of(identity),
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
        rollout.measurement,
        rollout.lane,
        tuple(zip(rollout.rings, rings, strict=True)),
        {run.host: tuple(h.as_planned for h in run.hooks) for run in rollout.runs if run.hooks},
    )
    approved = (
        plan.digest,
        plan.window,
        plan.budget,
        plan.groups,
        plan.schedule,
        plan.measurement,
        None if plan.lane is None else plan.lane.lane,
        tuple((ring_of(ring), ring.hosts) for ring in plan.rings),
        planned_hooks(plan.hooks),
    )
    if taken != approved:
        raise RefusedError(
            f"{rollout.id} is no longer what was approved: its record or {plan.id} was changed",
            hint="no host is touched; compare both with `oakum audit list`, which has the digest "
            f"of the approval, and restore the database from a backup of before {plan.id} changed",
        )
    return plan


def ring_of(ring: Ring) -> RolloutRing:
    """Return a ring of a plan as a rollout carries it out."""
    return RolloutRing(ring.name, ring.soak_seconds, ring.normal_soak_seconds, ring.max_failed)


def checks_for(host: Host, checks: Sequence[Check]) -> tuple[Check, ...]:
    """Return the checks that are declared for a host."""
    return tuple(check for check in checks if parse_selector(check.selector).matches(host))


def _name_of(url: str) -> tuple[str, ...]:
    """Return the name that hosts find a snapshot by; nothing where they are given an address."""
    name = urlsplit(url).hostname or ""
    try:
        ip_address(name)
    except ValueError:
        return (name,) if name else ()
    return ()
