from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.plans import NOW, PLAN

from oakum.core.audit.event import Action
from oakum.core.errors import NotFoundError, RefusedError
from oakum.core.ids import Digest
from oakum.core.planning.plan import Plan, RollbackVerdict
from oakum.core.staging.check import Verdict
from oakum.core.staging.rehearsal import Rehearsal, Stage, StageResult, TwinResult
from oakum.ports.clock import Clock
from oakum.ports.stores import Approval, UnitOfWorkFactory
from oakum.services.approve_plan import ApprovalRequest, approve_plan

REQUEST = ApprovalRequest(
    plan=PLAN.id, by="ann", reason="", accepts_no_way_back=False, overrides_rehearsal=False
)


def rehearsal(verdict: Verdict = Verdict.PASSED, plan: Plan = PLAN) -> Rehearsal:
    stages = tuple(StageResult(stage, verdict, "", 1) for stage in Stage)
    twins = (TwinResult("web-1", "web-1", 1_000_000, stages),)
    return Rehearsal(plan.id, plan.digest, NOW, NOW + timedelta(minutes=5), twins)


def store(begin: UnitOfWorkFactory, plan: Plan, *rehearsals: Rehearsal) -> None:
    with begin() as work:
        work.plans.add(plan)
        for found in rehearsals:
            work.plans.add_rehearsal(found)
        work.commit()


def approvals(begin: UnitOfWorkFactory, plan: Plan = PLAN) -> tuple[Approval, ...]:
    with begin() as work:
        return work.plans.approvals(plan.id)


def test_a_rehearsed_plan_is_approved_by_its_digest(
    begin: UnitOfWorkFactory, clock: Clock, actions: Callable[[], list[Action]]
) -> None:
    """The approval names the digest and the person, and is in the audit log."""
    store(begin, PLAN, rehearsal())
    approval = approve_plan(REQUEST, begin, clock)
    assert (approval.digest, approval.by) == (PLAN.digest, "ann")
    assert approvals(begin) == (approval,)
    assert actions() == [Action.PLAN_APPROVED]


IMPOSSIBLE = replace(PLAN, rollback_verdict=RollbackVerdict.IMPOSSIBLE)
ONE_WAY = replace(PLAN, rollback_verdict=RollbackVerdict.NEEDS_APPROVAL)


@pytest.mark.parametrize(
    "case",
    [
        (PLAN, [], "not been rehearsed"),
        (PLAN, [rehearsal(Verdict.FAILED)], "failed"),
        (PLAN, [rehearsal(Verdict.ERROR)], "error"),
        (PLAN, [rehearsal(Verdict.INCONCLUSIVE)], "inconclusive"),
        (PLAN, [rehearsal(), rehearsal(Verdict.FAILED)], "failed"),
        (PLAN, [replace(rehearsal(), plan_digest=Digest("0" * 64))], "not been rehearsed"),
        (PLAN, [replace(rehearsal(), twins=())], "error"),
        (IMPOSSIBLE, [rehearsal(plan=IMPOSSIBLE)], "no way back"),
        (ONE_WAY, [rehearsal(plan=ONE_WAY)], "cannot be rolled back"),
    ],
)
def test_what_is_not_proven_is_refused_and_the_refusal_is_kept(
    begin: UnitOfWorkFactory,
    clock: Clock,
    actions: Callable[[], list[Action]],
    case: tuple[Plan, list[Rehearsal], str],
) -> None:
    """No approval is stored; who asked and why not is in the audit log."""
    plan, rehearsals, words = case
    store(begin, plan, *rehearsals)
    with pytest.raises(RefusedError, match=words) as refusal:
        approve_plan(replace(REQUEST, plan=plan.id), begin, clock)
    assert refusal.value.hint
    assert approvals(begin, plan) == ()
    assert actions() == [Action.APPROVAL_REFUSED]


def test_a_later_good_rehearsal_counts(begin: UnitOfWorkFactory, clock: Clock) -> None:
    """The last one that was held for this digest decides."""
    store(begin, PLAN, rehearsal(Verdict.FAILED), rehearsal())
    assert approve_plan(REQUEST, begin, clock).digest == PLAN.digest


def test_a_person_may_accept_what_cannot_be_rolled_back(
    begin: UnitOfWorkFactory, clock: Clock
) -> None:
    """It is a word of its own, and stays on the record."""
    store(begin, ONE_WAY, rehearsal(plan=ONE_WAY))
    request = replace(REQUEST, plan=ONE_WAY.id, accepts_no_way_back=True)
    assert approve_plan(request, begin, clock).accepts_no_way_back


def test_a_person_may_override_a_rehearsal_but_not_the_missing_way_back(
    begin: UnitOfWorkFactory, clock: Clock
) -> None:
    """Nothing overrides IMPOSSIBLE."""
    store(begin, PLAN, rehearsal(Verdict.FAILED))
    override = replace(
        REQUEST, overrides_rehearsal=True, accepts_no_way_back=True, reason="tried by hand"
    )
    assert approve_plan(override, begin, clock).overrides_rehearsal
    store(begin, IMPOSSIBLE)
    with pytest.raises(RefusedError):
        approve_plan(replace(override, plan=IMPOSSIBLE.id), begin, clock)


@pytest.mark.parametrize("reason", ["", " ", "\n\t"])
def test_to_override_takes_words(begin: UnitOfWorkFactory, clock: Clock, reason: str) -> None:
    """Whoever reads the record later must learn why."""
    store(begin, PLAN)
    with pytest.raises(RefusedError, match="takes a reason"):
        approve_plan(replace(REQUEST, overrides_rehearsal=True, reason=reason), begin, clock)
    assert approvals(begin) == ()


def test_a_plan_that_is_not_there_is_not_found(begin: UnitOfWorkFactory, clock: Clock) -> None:
    """Nothing is recorded about it."""
    with pytest.raises(NotFoundError):
        approve_plan(replace(REQUEST, plan="plan-nothing"), begin, clock)
