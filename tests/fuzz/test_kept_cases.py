"""What fuzzing found stays mended, and a little of the same goes on in every run of the tests."""

import random
from collections.abc import Iterator

import pytest
from tests.fuzz.findings import cases_of, judge, no_hang
from tests.fuzz.mutations import Mutator
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

INPUTS = 300


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    with no_hang():
        yield


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_kept_cases_are_borne(target: Target) -> None:
    """Every input that once ended in something else than an answer, and every seed."""
    findings = [judge(target, content) for content in (*target.seeds, *cases_of(target))]
    assert [finding for finding in findings if finding is not None] == []


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_changed_seeds_are_borne(target: Target) -> None:
    """The same few hundred changes in every run: what fails here fails again."""
    chance, mutator = random.Random(1), Mutator(1, target.words)  # noqa: S311 (repeatable)
    pool = (*target.seeds, *cases_of(target))
    for _ in range(INPUTS // target.cost):
        finding = judge(target, mutator.mutated(chance.choice(pool), pool))
        assert finding is None
