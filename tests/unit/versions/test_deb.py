from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import versions

from oakum.core.versions.deb import compare, is_version, key
from oakum.core.versions.order import InvalidVersionError

VECTORS = """
1.0~rc1 < 1.0
1.0 = 1.0-0
1:0.9 > 2.0
1.0-1 < 1.0-1+b1
1.0-1~deb12u1 < 1.0-1
1.0-1+deb12u2 > 1.0-1+deb12u1
1.0-1+deb12u10 > 1.0-1+deb12u9
1.0a < 1.0+
1.0. > 1.0a
0:1.0 = 1.0
1.0-1ubuntu0.22.04.1 < 1.0-1ubuntu1
5.15.0-100.110 > 5.15.0-97.107
1.00 = 1.0
1.0~~ < 1.0~
0~x < 0
1.0-0~x < 1.0-0
1.0-0~x < 1.0
1. = 1.0
1--2 > 1-2
1:2:3 > 1:2
6.1.192-2 < 6.1.192+2
"""
CASES = [tuple(line.split()) for line in VECTORS.strip().splitlines()]
SIGN = {"<": -1, "=": 0, ">": 1}


@pytest.mark.parametrize(("first", "sign", "second"), CASES)
def test_agrees_with_what_dpkg_said(first: str, sign: str, second: str) -> None:
    """Each vector was asked of `dpkg --compare-versions`, and holds the other way round as well."""
    assert compare(first, second) == SIGN[sign]
    assert compare(second, first) == -SIGN[sign]


@pytest.mark.parametrize(
    "text",
    ["", "a:1", "1:", ":1", "1.0-", "-1", "1:-1", "1.0-1:2", "99999999999:1", "1_0", "1 0", "1\n"],
)
def test_what_dpkg_refuses_is_no_version(text: str) -> None:
    """A text that dpkg calls bad syntax is an error, and never compares as anything."""
    with pytest.raises(InvalidVersionError):
        key(text)


def test_a_number_of_very_many_digits_is_refused() -> None:
    """Hostile text costs no time and no traceback."""
    with pytest.raises(InvalidVersionError):
        key("9" * 100_000)


@given(versions, versions)
def test_is_antisymmetric(first: str, second: str) -> None:
    """Of two versions at most one is older than the other."""
    assert compare(first, second) == -compare(second, first)


@given(versions, versions, versions)
def test_is_transitive(first: str, second: str, third: str) -> None:
    """Sorting three versions puts none before one that is older."""
    low, middle, high = sorted((first, second, third), key=key)
    assert compare(low, middle) <= 0
    assert compare(middle, high) <= 0
    assert compare(low, high) <= 0


@given(versions, versions)
def test_equal_versions_are_interchangeable(first: str, second: str) -> None:
    """Keys are equal exactly when neither version is older."""
    assert (key(first) == key(second)) is (compare(first, second) == 0)


@given(versions)
def test_a_tilde_makes_older_and_anything_else_newer(version: str) -> None:
    """`~` sorts before the very end of a version, a letter or a sign after it."""
    assert compare(f"{version}~x", version) < 0
    assert compare(f"{version}x", version) > 0
    assert compare(f"{version}+b1", version) > 0


@given(st.text(max_size=40))
def test_any_text_is_a_version_or_an_error_of_ours(text: str) -> None:
    """Nothing else is ever raised."""
    with suppress(InvalidVersionError):
        key(text)


@given(st.text("0019aZ.+:~-_ \n", max_size=12))
def test_what_is_called_a_version_has_a_key(text: str) -> None:
    """The quick question and the full one have one answer."""
    try:
        key(text)
    except InvalidVersionError:
        assert not is_version(text)
    else:
        assert is_version(text)
