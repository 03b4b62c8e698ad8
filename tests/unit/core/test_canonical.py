import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.core.canonical import Json, canonical_json, digest_of
from oakum.core.errors import UnsafeTextError

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.none() | st.booleans()))
def test_order_of_keys_does_not_change_the_digest(value: dict[str, int | str | None]) -> None:
    """A mapping means the same in whatever order it was filled."""
    assert digest_of(value) == digest_of(dict(reversed(value.items())))


@given(values)
def test_reading_it_back_gives_the_value(value: Json) -> None:
    """Nothing is lost, and writing it again gives the same bytes."""
    written = canonical_json(value)
    assert json.loads(written) == value
    assert canonical_json(json.loads(written)) == written


@given(values, values)
def test_different_values_have_different_digests(first: Json, second: Json) -> None:
    """Also `1` and `True`, which Python calls equal."""
    assert (digest_of(first) == digest_of(second)) is (
        json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    )


@pytest.mark.parametrize("value", [1.5, [1.5], {"a": [1.5]}, {1: "a"}, {"a": b""}, {"a": {1}}])
def test_what_has_no_single_written_form_is_refused(value: object) -> None:
    """A float, a key that is no text or bytes may not be signed."""
    with pytest.raises(TypeError):
        canonical_json(value)  # type: ignore[arg-type]  # that is the point


def test_text_that_is_no_utf8_is_refused_in_words() -> None:
    """A reason typed in another encoding reaches the audit log by no traceback."""
    with pytest.raises(UnsafeTextError, match="udcff"):
        canonical_json({"reason": "\udcff"})
