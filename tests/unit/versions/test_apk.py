"""apk's order on pairs of apk-tools' own published vectors, and what is no version.

The facts are those of alpinelinux/apk-tools, test/version.data (read in November 2026), chosen so
that every rule of the order is met; pairs whose sides apk itself calls invalid are left out.
"""

import pytest

from oakum.core.versions.apk import compare, key
from oakum.core.versions.order import InvalidVersionError

VECTORS = """
0.1.0_alpha = 0.1.0_alpha
0.1.0_alpha < 0.1.3_alpha
0.1.0_alpha2 > 0.1.0_alpha
0.1.0_alpha < 2.2.39-r1
2.2.39-r1 > 1.0.4-r3
1.0.4-r3 < 1.0.4-r4
1.0.4-r4 < 1.6
1.0.0 < 1.0.1
1.1 > 1.1_alpha1
1.1_alpha1 < 1.2.1
1.2.1 > 1.2
1.2 < 1.3_alpha
1.3_alpha < 1.3_alpha2
1.3_alpha2 < 1.3_alpha3
0.7.0 < 0.8_beta1
0.8_beta1 < 0.8_beta2
3.10.18-r1 > 2.3.0b-r1
2.3.0b-r1 < 2.3.0b-r2
0.12.3 > 0.12
0.12 < 0.13_beta1
0.9.12 < 0.9.13
1.2.12.1 < 1.2.13
0.2.0-r1 < 3.1_p16
3.1_p16 < 3.1_p17
3.1_p17 > 1.06-r6
1.06-r6 < 006
006 > 1.0.0
1.2.2-r1 > 1.2.2
2.16.1-r3 = 2.16.1-r3
1.2.1-r1 < 1.2.2.1
2.59 < 20050718-r1
2.01.01_alpha10 > 0.94
1.0 > 0.99.3.20040818
1.39 > 1.00_beta2
1.02 < 1.03-r1
4.2.52_p2-r1 < 4.2.52_p4-r2
4.2.52_p4-r2 > 1.02.07
1.02.07 < 1.02.10-r1
8 < 9
2.18.3-r10 > 1.05-r18
1.05-r18 < 1.05-r19
2.11-r1 > 2.11
10-r1 > 4
4.3.2-r1 > 4.3.2
20060720 > 3.0.20060720
2.5.1-r8 < 2.5.1a-r1
1.3.5-r10 > 1.3.5-r8
20040401 > 2.0.0_rc3-r1
3.0.0-r2 < 021109-r3
021109-r3 < 20060512
20060512 > 1.24
3.9_pre20060124 > 0.01
0.01 < 0.06
1.1.7 < 6b-r7
0.10.0 < 0.10.1_rc1
0.9.1 < 1.0.2
1.1a < 1.3a
0.15.1b-r2 > 0.15.1b
0.0.16 < 0.0.25
22.7.3-r1 > 22.7
2.1_pre20 < 2.1_pre26
2.10.1 > 02.08.01b
02.08.01b < 4.77
1.2.07.8 < 1.2.12.04
1.2.12.04 < 1.2.12.05
1.07.5 > 1.07
0.1_pre20060810 < 0.1_pre20060817
0.59s-r11 < 0.65
0.20070118 < 0.20070207_rc1
3.7_p1 > 1.3
4.3_p2-r1 < 4.3_p2-r5
4.5_p1-r1 > 4.5_p1
0.9.8c-r1 < 0.9.8d
2.2.3-r2 < 013
013 < 014-r1
5b-r9 > 2.2.10
0.98 < 1.00
2.9.11_pre20051101-r3 > 2.9.11_pre20051101
1.8.5 < 1.8.5_p2
7.0.17 < 7.0.174
104-r11 > 104-r9
1.4_p12-r2 < 1.4_p12-r5
1.3-r0 < 1.3.1-r0
1.3_pre1-r1 < 1.3.2
1.0_p10-r0 > 1.0_p9-r0
0.1.0_alpha_pre2 < 0.1.0_alpha
1.0.0_pre20191002222144-r0 < 1.0.0_pre20210530193627-r0
"""
CASES = [tuple(line.split()) for line in VECTORS.strip().splitlines()]
SIGN = {"<": -1, "=": 0, ">": 1}


@pytest.mark.parametrize(("first", "sign", "second"), CASES)
def test_agrees_with_the_published_vectors(first: str, sign: str, second: str) -> None:
    """And the other way round."""
    assert compare(first, second) == SIGN[sign]
    assert compare(second, first) == -SIGN[sign]


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
