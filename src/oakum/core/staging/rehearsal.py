"""A rehearsal: the plan carried out, undone and carried out again on twins of production."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from oakum.core.canonical import Json
from oakum.core.ids import Digest, PlanId
from oakum.core.staging.check import CheckResult, Verdict


class Stage(Enum):
    """The stages of a rehearsal, in their order."""

    BUILD = "build the twin"
    BASELINE = "checks before"
    UPGRADE = "upgrade"
    AFTER_UPGRADE = "checks after the upgrade"
    ROLL_BACK = "roll back"
    AFTER_ROLL_BACK = "checks after rolling back"
    UPGRADE_AGAIN = "upgrade again"
    RESCAN = "scan again"


@dataclass(frozen=True, slots=True)
class StageResult:
    """How one stage ended."""

    stage: Stage
    verdict: Verdict
    detail: str
    seconds: int
    checks: tuple[CheckResult, ...] = ()


@dataclass(frozen=True, slots=True)
class TwinResult:
    """What one twin showed for its host class."""

    host_class: str
    modelled_on: str
    """The host whose manifest the twin was built from."""
    fidelity_ppm: int
    """Share of the host's packages that the twin has at the exact version, parts per million."""
    stages: tuple[StageResult, ...]

    @property
    def verdict(self) -> Verdict:
        """Return the first verdict that is not a pass; a missing stage is an error."""
        is_whole = {result.stage for result in self.stages} == set(Stage)
        return next(
            (stage.verdict for stage in self.stages if stage.verdict is not Verdict.PASSED),
            Verdict.PASSED if is_whole else Verdict.ERROR,
        )


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The evidence that is stored with a plan."""

    plan: PlanId
    plan_digest: Digest
    started_at: datetime
    finished_at: datetime
    twins: tuple[TwinResult, ...]

    @property
    def verdict(self) -> Verdict:
        """Return FAILED over ERROR over INCONCLUSIVE over PASSED; no twin is no evidence."""
        found = {twin.verdict for twin in self.twins}
        for verdict in (Verdict.FAILED, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASSED):
            if verdict in found:
                return verdict
        return Verdict.ERROR

    def to_json(self) -> Json:
        """Return the canonical form, for the audit log."""
        return {
            "plan": self.plan,
            "plan_digest": self.plan_digest,
            "verdict": self.verdict.value,
            "started_at": self.started_at.isoformat(),
            "finished_at": self.finished_at.isoformat(),
            "twins": [_twin_json(twin) for twin in self.twins],
        }


def _twin_json(twin: TwinResult) -> Json:
    return {
        "class": twin.host_class,
        "modelled_on": twin.modelled_on,
        "fidelity_ppm": twin.fidelity_ppm,
        "verdict": twin.verdict.value,
        "stages": [
            {
                "stage": stage.stage.value,
                "verdict": stage.verdict.value,
                "detail": stage.detail,
                "seconds": stage.seconds,
                "checks": [
                    {"check": c.check, "verdict": c.verdict.value, "detail": c.detail}
                    for c in stage.checks
                ],
            }
            for stage in twin.stages
        ],
    }
