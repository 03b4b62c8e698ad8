"""Checks: what must hold on a host before and after a change."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from oakum.core.errors import InputError
from oakum.core.inventory.selector import require_selector
from oakum.core.text import one_line


class CheckKind(Enum):
    """How a check asks."""

    HTTP = "http"
    TCP = "tcp"
    COMMAND = "command"
    UNIT = "unit"


@dataclass(frozen=True, slots=True)
class Check:
    """A question with an expected answer, for the hosts that a selector names."""

    name: str
    kind: CheckKind
    selector: str
    """`role=web`, a host name pattern, or `*`."""
    target: str
    """URL with `{address}`, `{address}:5432`, a command line, or a unit's name."""
    expect_status: int = 200
    """HTTP status; unused elsewhere."""
    expect_text: str = ""
    """Text that the body or the output must contain; empty means that any will do."""
    timeout_seconds: int = 10


class Verdict(Enum):
    """The answer. No evidence is not good evidence."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    """The question could not be asked."""
    INCONCLUSIVE = "inconclusive"


def require_sense(checks: Sequence[Check], place: str) -> None:
    """Raise InputError, naming the place, for checks whose answers could not be told apart."""
    names = set[str]()
    for number, check in enumerate(checks, 1):
        where = f"{place}: check {number} ({one_line(check.name, 80)!r})"
        if check.name in names:
            raise InputError(
                f"{where}: another check has that name, and answers are compared by name",
                hint="rename one of them",
            )
        names.add(check.name)
        require_selector(check.selector, where)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came back."""

    check: str
    verdict: Verdict
    detail: str
    """One line, free of control characters."""
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same checks before and after: what was broken before is not blamed on the patch."""

    broken: tuple[CheckResult, ...]
    """Passed before, does not pass now."""
    already_broken: tuple[CheckResult, ...]
    mended: tuple[CheckResult, ...]
    passed: tuple[CheckResult, ...]

    @property
    def verdict(self) -> Verdict:
        """Return FAILED when the change broke something, ERROR when it could not be told."""
        if any(result.verdict is Verdict.FAILED for result in self.broken):
            return Verdict.FAILED
        if self.broken:
            return Verdict.ERROR
        return Verdict.PASSED


def compare(before: tuple[CheckResult, ...], after: tuple[CheckResult, ...]) -> Comparison:
    """Hold the results after a change against those before it.

    A check that was not asked before counts as having passed: silence excuses nothing.
    """
    was = {result.check: result.verdict for result in before}
    missing = tuple(
        CheckResult(result.check, Verdict.ERROR, "was not asked after the change", 0)
        for result in before
        if result.check not in {found.check for found in after}
    )
    good = [result for result in after if result.verdict is Verdict.PASSED]
    bad = [result for result in (*after, *missing) if result.verdict is not Verdict.PASSED]
    passed_before = Verdict.PASSED
    return Comparison(
        broken=tuple(r for r in bad if was.get(r.check, passed_before) is passed_before),
        already_broken=tuple(
            r for r in bad if was.get(r.check, passed_before) is not passed_before
        ),
        mended=tuple(r for r in good if was.get(r.check, passed_before) is not passed_before),
        passed=tuple(r for r in good if was.get(r.check, passed_before) is passed_before),
    )
