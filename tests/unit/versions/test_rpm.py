"""rpm's order: what rpm itself said of these pairs, and what is no version."""

import pytest

from oakum.core.versions.order import InvalidVersionError
from oakum.core.versions.rpm import compare, key

VECTORS = """
1.0 = 1.0
1.0 < 2.0
2.0.1 > 2.0
2.0.1a > 2.0.1
5.5p1 < 5.5p2
5.5p10 > 5.5p1
10xyz < 10.1xyz
xyz10 < xyz10.1
xyz.4 < 8
xyz.4 < 2
5.5p2 < 5.6p1
5.6p1 < 6.5p1
6.0.rc1 > 6.0
10b2 > 10a1
1.0aa > 1.0a
10.0001 = 10.1
10.0001 < 10.0039
4.999.9 < 5.0
20101121 < 20101122
2_0 = 2.0
a+ = a_
+a = _a
+_ = _+
1.0~rc1 < 1.0
1.0~rc1 < 1.0~rc2
1.0~rc1~git123 < 1.0~rc1
1.0^ > 1.0
1.0^git1 > 1.0
1.0^git1 < 1.0^git2
1.0^git1 < 1.01
1.0^20160101 < 1.0.1
1.0^20160101^git1 > 1.0^20160101
1.0~rc1^git1 > 1.0~rc1
1.0^git1~pre < 1.0^git1
1.0^git1 > 1.0^git1~pre
1:1.0 > 2.0
0:1.0-1 = 1.0-1
1.0-1.el9 < 1.0-1.el9_4
1.0-1.el9_4 < 1.0-2.el9
1.0-1.module_el8 < 1.0-1.module_el8.1
1.0 < 1.0-1
3.0.7-27.el9 < 3.0.7-28.el9_4
1.0-1..el9 = 1.0-1.el9.
"""
CASES = [tuple(line.split()) for line in VECTORS.strip().splitlines()]
SIGN = {"<": -1, "=": 0, ">": 1}


@pytest.mark.parametrize(("first", "sign", "second"), CASES)
def test_agrees_with_what_rpm_said(first: str, sign: str, second: str) -> None:
    """Each pair was asked of rpm's labelCompare, and holds the other way round as well."""
    assert compare(first, second) == SIGN[sign]
    assert compare(second, first) == -SIGN[sign]


@pytest.mark.parametrize(
    "text",
    ["", "-1", "1-", "a:1", ":1", "1:", "1:2:3", "1 0", "1.0\n", "é", "1" * 1001, "1-2-", "--"],
)
def test_other_text_is_no_version(text: str) -> None:
    """It is said, and not compared as if it were one."""
    with pytest.raises(InvalidVersionError, match="is no rpm version"):
        key(text)
