from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.core.canonical import digest_of
from oakum.core.ids import Digest, PlanId
from oakum.core.staging.check import CheckResult, Verdict
from oakum.core.staging.rehearsal import Rehearsal, Stage, StageResult, TwinResult

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def stage(stage_: Stage, verdict: Verdict = Verdict.PASSED) -> StageResult:
    checks = (CheckResult("web", verdict, "", 1),)
    return StageResult(stage_, verdict, "", 1, checks)


def twin(*stages: StageResult) -> TwinResult:
    return TwinResult("web-1", "web", 1_000_000, stages)


def rehearsal(*twins: TwinResult) -> Rehearsal:
    return Rehearsal(PlanId("plan-1"), Digest("0" * 64), NOW, NOW, twins)


WHOLE = twin(*map(stage, Stage))


def of(verdict: Verdict) -> TwinResult:
    return twin(*(stage(s, verdict if s is Stage.UPGRADE else Verdict.PASSED) for s in Stage))


def test_all_stages_passed_is_a_pass() -> None:
    """Eight stages, each passed."""
    assert WHOLE.verdict is Verdict.PASSED
    assert rehearsal(WHOLE, WHOLE).verdict is Verdict.PASSED


@pytest.mark.parametrize("missing", list(Stage))
def test_a_missing_stage_is_an_error(missing: Stage) -> None:
    """Also where another one stands twice in its place."""
    there = [stage(s) for s in Stage if s is not missing]
    assert twin(*there).verdict is Verdict.ERROR
    assert twin(*there, there[0]).verdict is Verdict.ERROR


def test_no_twin_is_no_evidence() -> None:
    """An empty rehearsal passes nothing."""
    assert rehearsal().verdict is Verdict.ERROR
    assert twin().verdict is Verdict.ERROR


@given(st.lists(st.sampled_from(Verdict), min_size=1))
def test_the_worst_twin_decides(verdicts: list[Verdict]) -> None:
    """FAILED over ERROR over INCONCLUSIVE over PASSED, in whatever order the twins ended."""
    order = [Verdict.FAILED, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASSED]
    assert rehearsal(*map(of, verdicts)).verdict is min(verdicts, key=order.index)


@given(st.lists(st.tuples(st.sampled_from(Stage), st.sampled_from(Verdict)), max_size=10))
def test_a_twin_passes_only_with_every_stage_and_no_other_verdict(
    stages: list[tuple[Stage, Verdict]],
) -> None:
    """Whatever stages were stored."""
    passed = {s for s, v in stages if v is Verdict.PASSED}
    is_good = passed == set(Stage) and all(v is Verdict.PASSED for _, v in stages)
    assert (twin(*(stage(s, v) for s, v in stages)).verdict is Verdict.PASSED) is is_good


def test_the_evidence_can_be_written_to_the_audit_log() -> None:
    """Its canonical form holds the stages, the checks and the verdict."""
    assert digest_of(rehearsal(WHOLE).to_json()) != digest_of(
        rehearsal(of(Verdict.FAILED)).to_json()
    )
