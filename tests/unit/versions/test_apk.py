"""apk's order on all of apk-tools' own published vectors, and what is no version."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from oakum.core.versions.apk import compare, is_version, key
from oakum.core.versions.order import InvalidVersionError

GOLDEN = Path(__file__).parents[2] / "golden" / "versions"
SIGN = {"<": -1, "=": 0, ">": 1}


def lines(name: str) -> list[str]:
    return (GOLDEN / name).read_text().splitlines()


def comparisons(name: str) -> Iterator[tuple[str, str, str]]:
    for line in lines(name):
        words = line.split()
        for (first, second), sign in zip(pairwise(words[::2]), words[1::2], strict=True):
            yield first, sign, second


CASES = list(comparisons("apk.txt"))


def test_the_published_vectors_are_all_here() -> None:
    """733 comparisons of the file that was read whole, five newer ones, two of no versions less."""
    assert len(CASES) == 733 + 5 - 2


def test_agrees_with_the_published_vectors() -> None:
    """And the other way round."""
    wrong = [
        f"{first} {sign} {second}"
        for first, sign, second in CASES
        if (compare(first, second), compare(second, first)) != (SIGN[sign], -SIGN[sign])
    ]
    assert wrong == []


@pytest.mark.parametrize(("first", "sign", "second"), list(comparisons("apk-not-ordered.txt")))
def test_what_apk_sorts_as_text_is_refused(first: str, sign: str, second: str) -> None:
    """It calls a side invalid itself; a guess would pass for an answer."""
    assert sign in SIGN
    with pytest.raises(InvalidVersionError, match="is no Alpine version"):
        compare(first, second)


@pytest.mark.parametrize("line", lines("apk-validity.txt"))
def test_agrees_on_what_is_a_version(line: str) -> None:
    """As apk's own tests judge it; `!` marks what is none."""
    assert is_version(line.removeprefix("!")) is not line.startswith("!")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("1.0_alpha", "1.0_beta"), ("1.0_beta", "1.0_pre"), ("1.0_pre", "1.0_rc"),
        ("1.0_rc", "1.0"), ("1.0", "1.0_cvs"), ("1.0_cvs", "1.0_svn"), ("1.0_svn", "1.0_git"),
        ("1.0_git", "1.0_hg"), ("1.0_hg", "1.0_p"), ("1.0-r1", "1.0_p1"), ("1.0", "1.0~abc"),
        ("1.0~abc", "1.0~abd"), ("1.0-r9", "1.0~abc"), ("1.0a", "1.0.1"), ("1.0_p2", "1.0_p_git"),
    ],
)  # fmt: skip
def test_tokens_are_ranked_as_in_apk_tools_3(first: str, second: str) -> None:
    """Suffixes in their order, and whatever goes on after the end of the other version."""
    assert (compare(first, second), compare(second, first)) == (-1, 1)


@pytest.mark.parametrize(
    "text",
    [
        "", "a", ".1", "1.", "1..2", "1.0bc", "23_foo", "1_pr", "1-1", "1-r", "1.0~", "1.0~xyz",
        "1.0-r1_p1", "1 0", "1\n", "1" * 1001,
    ],
)  # fmt: skip
def test_other_text_is_no_version(text: str) -> None:
    """It is said, and not compared as if it were one."""
    with pytest.raises(InvalidVersionError, match="is no Alpine version"):
        key(text)
