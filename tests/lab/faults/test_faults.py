"""Each kind of fault at some points of a host's run; `make nightly` has them at every one."""

from typing import TYPE_CHECKING

import pytest
from tests.lab.faults.case import Case, Outcome
from tests.lab.faults.kinds import KINDS
from tests.lab.faults.lab import fault_lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

pytestmark = pytest.mark.lab

HOSTS = 3


def chosen() -> list[Case]:
    """Return two or three points of each kind, spread over the run and others for each kind."""
    cases = {}
    for number, kind in enumerate(KINDS):
        picks = 3 - number % 2
        step = max(1, len(kind.points) // picks)
        for pick in range(picks):
            point = kind.points[(number + pick * step) % len(kind.points)]
            cases[kind.name, point] = Case(kind, point)
    return list(cases.values())


CASES = chosen()


@pytest.fixture(scope="module")
def outcomes() -> "Iterator[dict[str, Future[Outcome]]]":
    """Begin all cases at once; each test waits for its own."""
    with fault_lab(HOSTS) as lab:
        yield {case.name: lab.submit(case) for case in CASES}


def test_there_are_enough() -> None:
    """At least 15 kinds, and at least 60 cases in every run of the tests."""
    assert len({kind.name for kind in KINDS}) >= 15
    assert len({case.name for case in CASES}) >= 60


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_a_fault_leaves_no_wedged_host(outcomes: "dict[str, Future[Outcome]]", name: str) -> None:
    """It ends healthy, refused or back as before, with its true cause and the next step said."""
    outcome = outcomes[name].result()
    assert outcome.faults == ()
