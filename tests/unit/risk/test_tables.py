from itertools import product

import pytest

from oakum.adapters.policies.shipped import shipped_tables
from oakum.core.advisories.signals import Exploitation, TechnicalImpact
from oakum.core.errors import InputError
from oakum.core.inventory.host import Exposure
from oakum.core.risk.lane import CisaDecision, Lane
from oakum.core.risk.tables import DeadlineRule, parse_cisa, parse_deadlines, parse_lanes

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
# Exploitation, automatable: Mission and Well-being low to high, impact partial then total.
CISA = """
none   no   T  T  T   T  T  T*
none   yes  T  T  At  T  T  At
poc    no   T  T  T*  T  T* At
poc    yes  T  T  At  T  T* At
active no   T  T  At  T  At Ac
active yes  At At Ac  At Ac Ac
"""
SAID = {
    "T": CisaDecision.TRACK,
    "T*": CisaDecision.TRACK_CLOSELY,
    "At": CisaDecision.ATTEND,
    "Ac": CisaDecision.ACT,
}
OUTCOME = {"D": Lane.DEFER, "S": Lane.SCHEDULED, "O": Lane.OUT_OF_CYCLE, "I": Lane.IMMEDIATE}
IMPACTS = ("low", "medium", "high", "very high")
HEADING = "policy,version,source,kev,exposed,automatable,impact,critical,exploit,days,note\n"


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


@pytest.mark.parametrize(
    ("exploit", "exposed", "critical", "days"),
    [
        ("yes", "yes", "no", 2),
        ("no", "yes", "yes", 2),
        ("no", "yes", "no", 14),
        ("yes", "no", "yes", 30),
        ("no", "no", "no", 30),
    ],
)
def test_asd_essential_eight_below_ml3(
    exploit: str, exposed: str, critical: str, days: int
) -> None:
    """The 48 hours and the two weeks are the internet's; inside there is a month in any case."""
    found = rules("asd-e8-ml2", exploit=exploit, exposed=exposed, critical=critical)
    assert min(rule.days or 0 for rule in found) == days


@pytest.mark.parametrize(("critical", "days"), [("yes", 30), ("no", None)])
def test_pci_dss(critical: str, days: int | None) -> None:
    """Of 4.0.1 only what is critical has a date; the rest is ranked by the one who has it."""
    assert [rule.days for rule in rules("pci-dss", critical=critical)] == [days]


def test_cis_controls() -> None:
    """Whatever it is: monthly."""
    assert [rule.days for rule in rules("cis-v8.1")] == [30]


def test_every_rule_can_be_looked_up() -> None:
    """Each policy is one version, and each row names where it is written."""
    shipped = shipped_tables()
    names = ("asd-e8", "asd-e8-ml2", "bod-26-04", "cis-v8.1", "ncsc", "pci-dss")
    assert shipped.policies == names
    versions = {(rule.policy, rule.version) for rule in shipped.deadlines}
    assert len(versions) == len(names)
    assert all(rule.source for rule in shipped.deadlines)


def test_cisa_table() -> None:
    """Cell by cell, as CERT/CC publishes it."""
    rows = [line.split() for line in CISA.strip().splitlines()]
    expected = {
        (Exploitation(row[0]), row[1] == "yes", TechnicalImpact(impact), mission): SAID[letters]
        for row in rows
        for impact, cells in (("partial", row[2:5]), ("total", row[5:8]))
        for mission, letters in zip(("low", "medium", "high"), cells, strict=True)
    }
    assert shipped_tables().cisa == expected
    assert len(expected) == 36


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
        ("p,1,s,maybe,*,*,*,*,*,3,", "kev"),
        ("p,1,s,*,*,*,some,*,*,3,", "impact"),
        ("p,1,s,*,*,*,*,*,*,soon,", "days"),
        ("p,1,s,*,*,*,*,*,*,99999999,", "days"),
        ("p,1,s,*,*,*", "6 cells"),
        ("p,1,s,*,*,*,*,*,*,3,a,b", "12 cells"),
    ],
)
def test_a_rule_that_could_never_hold_is_refused_with_its_line(row: str, words: str) -> None:
    """A slip in a policy must not take a date away without a word."""
    with pytest.raises(InputError, match=f"line 3: .*{words}"):
        parse_deadlines(f"# a comment\n{HEADING}{row}\n")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("P,1,s,*,*,*,*,*,*,3,", "no name of a policy"),
        ("p,1,,*,*,*,*,*,*,3,", "version and its source"),
        ("p,,s,*,*,*,*,*,*,3,", "version and its source"),
        ('p,1,s,*,*,*,*,*,*,3,"open', "line 3: unexpected end"),
    ],
)
def test_a_rule_that_cannot_be_looked_up_is_refused(row: str, words: str) -> None:
    """It is to be seen in every answer whose rule it was, in which version and from where."""
    with pytest.raises(InputError, match=words):
        parse_deadlines(f"# a comment\n{HEADING}{row}\n")


def test_a_table_with_other_columns_is_refused() -> None:
    """All conditions must be stated, and one that is not known would never be looked at."""
    with pytest.raises(InputError, match="no column 'kev'"):
        parse_deadlines("policy,version\np,1\n")
    with pytest.raises(InputError, match="column 'region'") as caught:
        parse_deadlines(HEADING.replace("note", "note,region") + "p,1,s,*,*,*,*,*,*,3,,eu\n")
    assert "exposed" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("none,no,partial,track,track,later", "line 2"),
        ("none,no,some,track,track,track", "line 2"),
        ("none,no,partial,track,track,track", "no row"),
    ],
)
def test_a_cisa_table_with_a_gap_is_refused(row: str, words: str) -> None:
    """Each combination has a word, or the table is no table."""
    with pytest.raises(InputError, match=words):
        parse_cisa(f"exploitation,automatable,technical_impact,low,medium,high\n{row}")


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
