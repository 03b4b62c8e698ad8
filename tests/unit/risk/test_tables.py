from itertools import product
from pathlib import Path

import pytest

from oakum.adapters.policies.shipped import policy_tables, shipped_tables
from oakum.core.advisories.signals import Exploitation
from oakum.core.errors import InputError
from oakum.core.inventory.host import Exposure
from oakum.core.risk.lane import Lane
from oakum.core.risk.tables import DeadlineRule, parse_deadlines, parse_lanes

TRIAGE = "forensic triage before patching"
# KEV, publicly exposed, automatable, technical impact: days, as CERT/CC publishes BOD 26-04.
BOD_26_04 = """
no  no  no  partial -     yes no  no  total   14
yes no  no  partial 14    no  yes no  total   14
no  yes no  partial 60    no  no  yes total   60
no  no  yes partial 60    yes yes yes partial 3
no  no  no  total   -     yes yes no  total   3T
yes yes no  partial 14    yes no  yes total   3T
yes no  yes partial 14    no  yes yes total   3
no  yes yes partial 14    yes yes yes total   3T
"""
# Exploitation, exposure: human impact low to very high, not automatable then automatable.
DEPLOYER = """
none   small      D D S S  D S S S
none   controlled D S S S  S S S S
none   open       D S S S  S S S O
poc    small      D S S S  S S S S
poc    controlled D S S S  S S S O
poc    open       S S S O  S S O O
active small      S S O O  S O O O
active controlled S S O O  O O O O
active open       S O O I  O O I I
"""
OUTCOME = {"D": Lane.DEFER, "S": Lane.SCHEDULED, "O": Lane.OUT_OF_CYCLE, "I": Lane.IMMEDIATE}
IMPACTS = ("low", "medium", "high", "very high")
HEADING = "policy,version,kev,exposed,automatable,impact,critical,exploit,days,note\n"


def rules(policy: str, **answers: str) -> list[DeadlineRule]:
    defaults = {"kev": "no", "exposed": "no", "automatable": "no", "impact": "partial"}
    known = defaults | {"critical": "no", "exploit": "no"} | answers
    return [r for r in shipped_tables().deadlines if r.policy == policy and r.holds(known)]


def test_bod_26_04_has_each_of_its_sixteen_rows() -> None:
    """Cell by cell, with exactly one row for every combination of answers."""
    words = BOD_26_04.split()
    rows = [words[start : start + 5] for start in range(0, len(words), 5)]
    assert len({tuple(row[:4]) for row in rows}) == 16
    for kev, exposed, automatable, impact, days in rows:
        (rule,) = rules(
            "bod-26-04", kev=kev, exposed=exposed, automatable=automatable, impact=impact
        )
        assert rule.days == (None if days == "-" else int(days.rstrip("T")))
        assert (TRIAGE in rule.note) is days.endswith("T")


@pytest.mark.parametrize(
    ("exploit", "exposed", "critical", "days"),
    [
        ("yes", "yes", "no", 2),
        ("yes", "no", "no", 2),
        ("no", "yes", "yes", 2),
        ("no", "no", "yes", 2),
        ("no", "yes", "no", 14),
        ("no", "no", "no", 30),
    ],
)
def test_asd_essential_eight(exploit: str, exposed: str, critical: str, days: int) -> None:
    """48 hours where an exploit works or it is critical; else two weeks, inside a month (ML3)."""
    found = rules("asd-e8", exploit=exploit, exposed=exposed, critical=critical)
    assert min(rule.days or 0 for rule in found) == days


@pytest.mark.parametrize(("exposed", "days"), [("yes", 5), ("no", 7)])
def test_ncsc(exposed: str, days: int) -> None:
    """Five days where the internet reaches, seven elsewhere."""
    assert [rule.days for rule in rules("ncsc", exposed=exposed)] == [days]


def test_ssvc_deployer_table() -> None:
    """Cell by cell, as CERT/CC publishes it."""
    lanes = shipped_tables().lanes
    rows = [line.split() for line in DEPLOYER.strip().splitlines()]
    cells = [(Exploitation(r[0]), Exposure(r[1]), r[2:]) for r in rows]
    expected = {
        (exploitation, exposure, automatable, impact): OUTCOME[letters[4 * automatable + place]]
        for exploitation, exposure, letters in cells
        for automatable, (place, impact) in product((False, True), enumerate(IMPACTS))
    }
    assert lanes == expected
    assert len(lanes) == 72


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("p,1,maybe,*,*,*,*,*,3,", "kev"),
        ("p,1,*,*,*,some,*,*,3,", "impact"),
        ("p,1,*,*,*,*,*,*,soon,", "days"),
        ("p,1,*,*,*,*,*,*,99999999,", "days"),
        ("p,1,*,*,*", "5 cells"),
        ("p,1,*,*,*,*,*,*,3,a,b", "11 cells"),
    ],
)
def test_a_rule_that_could_never_hold_is_refused_with_its_line(row: str, words: str) -> None:
    """A slip in a policy must not take a date away without a word."""
    with pytest.raises(InputError, match=f"line 3: .*{words}"):
        parse_deadlines(f"# a comment\n{HEADING}{row}\n")


def test_a_table_without_a_column_is_refused() -> None:
    """All conditions must be stated."""
    with pytest.raises(InputError, match="kev"):
        parse_deadlines("policy,version\np,1\n")


SSVC_HEADING = "exploitation,exposure,automatable,low,medium,high,very high\n"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("none,small,no,defer,defer,defer,soon", "line 2"),
        ("none,small,perhaps,defer,defer,defer,defer", "line 2"),
        ("none,small,no,defer", "line 2"),
        ("none,small,no,defer,defer,defer,defer", "no row"),
        ("", "no row"),
    ],
)
def test_an_ssvc_table_with_a_gap_is_refused(row: str, words: str) -> None:
    """Each combination has a lane, or the table is no table."""
    with pytest.raises(InputError, match=words):
        parse_lanes(SSVC_HEADING + row)


@pytest.mark.parametrize(
    ("policy", "critical", "days"),
    [("pci-dss", "yes", 30), ("pci-dss", "no", 90), ("cis", "yes", 30), ("cis", "no", 30)],
)
def test_monthly_policies(policy: str, critical: str, days: int) -> None:
    """PCI DSS 4.0.1 asks for a month where its own ranking says critical; CIS for every month."""
    (rule,) = rules(policy, critical=critical)
    assert rule.days == days


def test_own_deadlines_stand_beside_the_shipped_ones(tmp_path: Path) -> None:
    """A line that makes no sense is named with its file."""
    own = tmp_path / "own.csv"
    own.write_text(f"{HEADING}ours,2026,*,yes,*,*,*,*,1,the board said so\n")
    assert [rule.days for rule in policy_tables(own).deadlines if rule.policy == "ours"] == [1]
    own.write_text(f"{HEADING}ours,2026,*,maybe,*,*,*,*,1,\n")
    with pytest.raises(InputError, match=r"own\.csv, line 2: 'maybe' is no value of exposed"):
        policy_tables(own)
    with pytest.raises(InputError, match="cannot be read"):
        policy_tables(tmp_path / "absent.csv")
