"""The gate after each ring: the answer whether the next ring may be changed."""

from dataclasses import dataclass

from oakum.core.rollout.rollout import HostRun, Rollout
from oakum.core.rollout.state import RunState
from oakum.core.staging.check import Verdict

CONFIDENCE_MISS = 0.05
"""The bound is one that a true failure rate exceeds unseen in at most 5 % of rollouts."""


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """The answer and the evidence for it, in a line for people."""

    verdict: Verdict
    detail: str


def judge(rollout: Rollout) -> GateAnswer:
    """Judge what has happened so far; INCONCLUSIVE when hosts said nothing about the change.

    A host that was changed and is not well speaks against the plan. A host that refused, or
    could not be reached before it was changed, says nothing about it: a person decides.
    """
    failed = [run for run in rollout.runs if run.state is RunState.FAILED]
    refused = [run for run in rollout.runs if run.state is RunState.REFUSED]
    if len(failed) > rollout.max_failed:
        return GateAnswer(Verdict.FAILED, f"{_named(failed)} (budget {rollout.max_failed})")
    if len(failed) + len(refused) > rollout.max_failed + rollout.forgiven:
        return GateAnswer(
            Verdict.INCONCLUSIVE,
            f"not changed, and so no evidence: {_named(refused)} (budget {rollout.max_failed})",
        )
    return GateAnswer(Verdict.PASSED, what_the_evidence_allows(rollout))


def what_the_evidence_allows(rollout: Rollout) -> str:
    """Say how bad the change may still be: `0 of 10 failed: the true rate may still be 26 %`."""
    good = sum(run.state is RunState.SUCCEEDED for run in rollout.runs)
    bad = sum(run.state is RunState.FAILED for run in rollout.runs)
    if bad or not good:
        return f"{bad} of {good + bad} failed"
    bound = 1 - CONFIDENCE_MISS ** (1 / good)
    return f"0 of {good} failed: the true rate may still be {round(100 * bound)} %"


def _named(runs: list[HostRun]) -> str:
    return "; ".join(f"{run.host}: {run.reason}" for run in runs[:5]) + (
        f"; and {len(runs) - 5} more" if len(runs) > 5 else ""  # noqa: PLR2004 (as above)
    )
