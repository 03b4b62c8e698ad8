import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.core.canonical import canonical_json, digest_of


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.none() | st.booleans()))
def test_order_of_keys_does_not_change_the_digest(value: dict[str, int | str | None]) -> None:
    """A mapping means the same in whatever order it was filled."""
    assert digest_of(value) == digest_of(dict(reversed(value.items())))


def test_floats_are_refused() -> None:
    """A float has no single written form, so it may not be signed."""
    with pytest.raises(TypeError):
        canonical_json({"score": [1.5]})  # type: ignore[list-item]  # that is the point
