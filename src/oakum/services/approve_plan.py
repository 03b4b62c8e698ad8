"""Approve a plan: a person's word for one digest, given with the evidence in view."""

from dataclasses import dataclass

from oakum.core.audit.event import Action
from oakum.core.canonical import Json
from oakum.core.errors import RefusedError
from oakum.core.orders.order import OrderSignature
from oakum.core.planning.clusters import SHOWN_DIFFERENCES
from oakum.core.planning.plan import Plan, RollbackVerdict
from oakum.core.staging.check import Verdict
from oakum.core.staging.rehearsal import Rehearsal
from oakum.core.text import counted
from oakum.ports.clock import Clock
from oakum.ports.stores import Approval, UnitOfWork, UnitOfWorkFactory

SHOWN = 3


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """What a person says."""

    plan: str
    by: str
    reason: str
    accepts_no_way_back: bool
    overrides_rehearsal: bool
    signature: OrderSignature | None = None
    """Of the plan's order, read and found to hold."""
    accepts_uncovered: bool = False
    """That there are environments of which the first ring has no host."""


def approve_plan(request: ApprovalRequest, begin: UnitOfWorkFactory, clock: Clock) -> Approval:
    """Store the approval and return it. Raises RefusedError, and records that it did."""
    with begin() as work:
        plan = work.plans.get(request.plan)
        objection = _objection(request, plan, work.plans.rehearsals(plan.id))
        if objection is not None:
            _record_refusal(request, plan, objection, work, clock)
            work.commit()
            raise objection
        approval = _approval(request, plan, work, clock)
        work.commit()
    return approval


def _objection(
    request: ApprovalRequest, plan: Plan, rehearsals: tuple[Rehearsal, ...]
) -> RefusedError | None:
    if plan.rollback_verdict is RollbackVerdict.IMPOSSIBLE:
        return RefusedError(
            f"{plan.id} has no way back: {'; '.join(plan.rollback_reasons)}",
            hint="freeze a snapshot that holds the installed versions, then plan anew",
        )
    if plan.rollback_verdict is RollbackVerdict.NEEDS_APPROVAL and not request.accepts_no_way_back:
        return RefusedError(
            f"parts of {plan.id} cannot be rolled back: {'; '.join(plan.rollback_reasons)}",
            hint="if that is acceptable, approve with --accept-no-way-back",
        )
    if plan.uncovered and not request.accepts_uncovered:
        return _objection_to_uncovered(plan)
    if request.overrides_rehearsal:
        return _objection_to_override(request, plan)
    valid = [r for r in rehearsals if r.plan_digest == plan.digest]
    if not valid:
        return RefusedError(
            f"{plan.id} has not been rehearsed", hint=f"run `oakum rehearse {plan.id}`"
        )
    if valid[-1].verdict is not Verdict.PASSED:
        return RefusedError(
            f"the rehearsal of {plan.id} {valid[-1].verdict.value}",
            hint=f"`oakum plan show {plan.id}` has the evidence; "
            "--override-rehearsal with a --reason approves all the same, on the record",
        )
    return None


def _objection_to_uncovered(plan: Plan) -> RefusedError:
    hosts = counted(sum(len(cluster.hosts) for cluster in plan.uncovered), "host")
    named = "; ".join(cluster.in_words(SHOWN_DIFFERENCES) for cluster in plan.uncovered[:SHOWN])
    more = len(plan.uncovered) - SHOWN
    return RefusedError(
        f"{plan.id} does not try out {counted(len(plan.uncovered), 'environment')} ({hosts}) in "
        f"its first ring: {named}{f'; and {more} more' if more > 0 else ''}",
        hint=f"`oakum plan show {plan.id}` has all; plan anew with more --canaries, or, if that "
        "is acceptable, approve with --accept-uncovered",
    )


def _objection_to_override(request: ApprovalRequest, plan: Plan) -> RefusedError | None:
    if request.reason.strip():
        return None
    return RefusedError(
        f"to approve {plan.id} without a passed rehearsal takes a reason",
        hint="give --reason; it is kept for good",
    )


def _approval(request: ApprovalRequest, plan: Plan, work: UnitOfWork, clock: Clock) -> Approval:
    now = clock.now()
    approval = Approval(
        plan=plan.id,
        digest=plan.digest,
        by=request.by,
        at=now,
        reason=request.reason,
        accepts_no_way_back=request.accepts_no_way_back,
        overrides_rehearsal=request.overrides_rehearsal,
        accepts_uncovered=request.accepts_uncovered,
        signature=request.signature,
    )
    work.plans.add_approval(approval)
    work.audit.append(
        at=now,
        actor=request.by,
        action=Action.PLAN_APPROVED,
        subject=plan.id,
        details={
            "digest": plan.digest,
            "reason": request.reason,
            "accepts_no_way_back": request.accepts_no_way_back,
            "overrides_rehearsal": request.overrides_rehearsal,
            **plan.caveats(),
            **_signature_details(request.signature),
        },
    )
    return approval


def _signature_details(signature: OrderSignature | None) -> dict[str, Json]:
    return {} if signature is None else {"order": signature.order, "signed_by": signature.key}


def _record_refusal(
    request: ApprovalRequest, plan: Plan, objection: RefusedError, work: UnitOfWork, clock: Clock
) -> None:
    work.audit.append(
        at=clock.now(),
        actor=request.by,
        action=Action.APPROVAL_REFUSED,
        subject=plan.id,
        details={"digest": plan.digest, "because": objection.message},
    )
