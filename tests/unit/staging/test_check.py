import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.core.staging.check import CheckResult, Verdict, compare

BAD = (Verdict.FAILED, Verdict.ERROR, Verdict.INCONCLUSIVE)


def results(**verdicts: Verdict) -> tuple[CheckResult, ...]:
    return tuple(CheckResult(name, verdict, "", 1) for name, verdict in verdicts.items())


@pytest.mark.parametrize("after", BAD)
def test_what_passed_before_and_does_not_now_is_broken(after: Verdict) -> None:
    """FAILED where it is bad, ERROR where it cannot be told: no evidence is not good evidence."""
    found = compare(results(web=Verdict.PASSED), results(web=after))
    assert [result.check for result in found.broken] == ["web"]
    assert found.verdict is (Verdict.FAILED if after is Verdict.FAILED else Verdict.ERROR)


@pytest.mark.parametrize("before", BAD)
@pytest.mark.parametrize("after", BAD)
def test_what_was_broken_before_is_not_blamed_on_the_change(
    before: Verdict, after: Verdict
) -> None:
    """It is named apart."""
    found = compare(results(web=before), results(web=after))
    assert (found.verdict, found.broken) == (Verdict.PASSED, ())
    assert [result.check for result in found.already_broken] == ["web"]


def test_what_passes_again_is_mended() -> None:
    """Good news is told as well."""
    found = compare(results(web=Verdict.FAILED), results(web=Verdict.PASSED))
    assert [result.check for result in found.mended] == ["web"]


def test_a_check_that_is_no_longer_asked_is_broken() -> None:
    """Silence after the change excuses nothing."""
    found = compare(results(web=Verdict.PASSED), ())
    assert found.verdict is Verdict.ERROR
    assert found.broken[0].detail == "was not asked after the change"


def test_a_check_that_was_not_asked_before_counts_as_having_passed() -> None:
    """Silence before the change excuses nothing either."""
    assert compare((), results(web=Verdict.FAILED)).verdict is Verdict.FAILED


verdicts = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(Verdict))


@given(verdicts, verdicts)
def test_every_check_is_in_exactly_one_place(
    before: dict[str, Verdict], after: dict[str, Verdict]
) -> None:
    """None is lost, none is counted twice."""
    found = compare(results(**before), results(**after))
    places = (found.broken, found.already_broken, found.mended, found.passed)
    names = [result.check for place in places for result in place]
    assert sorted(names) == sorted(before | after)
    assert (found.verdict is Verdict.PASSED) is (not found.broken)
