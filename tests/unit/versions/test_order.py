"""Every order of versions is a total one: sorting and `at least` mean what they say."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import apk_versions, hostile_text, rpm_versions, versions

from oakum.core.text import is_plain
from oakum.core.versions import apk, deb, rpm
from oakum.core.versions.order import InvalidVersionError

Compare = Callable[[str, str], int]
ORDERS = pytest.mark.parametrize(
    ("compare", "kind"),
    [(deb.compare, versions), (rpm.compare, rpm_versions), (apk.compare, apk_versions)],
    ids=["deb", "rpm", "apk"],
)


@ORDERS
@given(data=st.data())
def test_a_version_is_equal_to_itself_and_turns_round(
    compare: Compare, kind: st.SearchStrategy[str], data: st.DataObject
) -> None:
    """What is lower one way is higher the other."""
    first, second = data.draw(kind), data.draw(kind)
    assert compare(first, first) == 0
    assert compare(first, second) == -compare(second, first)


@ORDERS
@given(data=st.data())
def test_the_order_goes_on_from_one_to_the_next(
    compare: Compare, kind: st.SearchStrategy[str], data: st.DataObject
) -> None:
    """Of any three, what is not above the second is not above what the second is not above."""
    low, middle, high = data.draw(kind), data.draw(kind), data.draw(kind)
    if compare(low, middle) <= 0 and compare(middle, high) <= 0:
        assert compare(low, high) <= 0
    if compare(low, middle) == 0:
        assert compare(low, high) == compare(middle, high)


@pytest.mark.parametrize("scheme", [deb, rpm, apk], ids=["deb", "rpm", "apk"])
@given(text=hostile_text)
def test_any_text_is_a_version_or_is_refused(scheme: object, text: str) -> None:
    """Nothing else happens, and the refusal shows nothing harmful."""
    is_version: Callable[[str], bool] = scheme.is_version  # type: ignore[attr-defined]
    key: Callable[[str], object] = scheme.key  # type: ignore[attr-defined]
    if is_version(text):
        key(text)
        return
    with pytest.raises(InvalidVersionError) as refused:
        key(text)
    assert is_plain(refused.value.message)
