from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.errors import InputError
from oakum.core.ids import CveId
from oakum.core.matching.component import Component
from oakum.core.matching.fleet import Exposed, Fix, Holding, HostSet, Rung
from oakum.core.risk.exceptions import Excepted, RiskException, require_sense, without

TODAY = date(2026, 11, 25)
NOW = datetime(2026, 11, 25, tzinfo=UTC)
CVES = [CveId(f"CVE-2026-000{number}") for number in range(3)]
EXCEPTION = RiskException(
    "exception-1", CVES[0], "ssl", "", "alice", "behind a filter", NOW, "bob", TODAY
)


def exposed(hosts: list[set[int]], lacking: list[int], source: str = "ssl") -> Exposed:
    rungs = tuple(
        Rung(
            Component("bookworm", source, source, str(number)),
            HostSet(members),
            (Holding(TODAY, is_successor=False, hosts=HostSet(members)),),
        )
        for number, members in enumerate(hosts)
    )
    fixes = [
        Fix(steps, VendorStatement("bookworm", source, cve, VendorStatus.FIXED, str(steps)))
        for cve, steps in zip(CVES, lacking, strict=False)
        if steps
    ]
    ordered = tuple(sorted(fixes, key=lambda fix: -fix.lacking))
    return Exposed("bookworm", source, rungs, ordered)


def lacks(found: list[Exposed]) -> set[tuple[int, str, str]]:
    return {
        (number, part.source, fix.statement.cve)
        for part in found
        for fix in part.fixes
        for rung in part.rungs[: fix.lacking]
        for number in rung.hosts
    }


ladders = st.tuples(
    st.lists(st.sets(st.integers(0, 9), min_size=1), min_size=1, max_size=3).map(
        lambda rungs: [members - set().union(*rungs[:n]) for n, members in enumerate(rungs)]
    ),
    st.lists(st.integers(0, 3), min_size=1, max_size=3),
).map(lambda pair: exposed(pair[0], [min(steps, len(pair[0])) for steps in pair[1]]))
excepted = st.lists(
    st.builds(
        Excepted,
        st.builds(
            replace,
            st.just(EXCEPTION),
            cve=st.sampled_from([None, *CVES]),
            source_name=st.sampled_from(["", "ssl", "other"]),
        ),
        st.sets(st.integers(0, 9)).map(HostSet),
    ),
    max_size=3,
)


@given(ladders, excepted)
def test_exactly_what_is_excepted_is_left_out(whole: Exposed, entries: list[Excepted]) -> None:
    """For every host and CVE: it is left to do unless an exception covers both."""
    before = lacks([whole])
    expected = {
        (number, source, cve)
        for number, source, cve in before
        if not any(
            number in entry.hosts and entry.exception.covers(source, CveId(cve))
            for entry in entries
        )
    }
    left = list(without([whole] if whole.fixes else [], entries))
    assert lacks(left) == expected
    assert all(part.fixes and any(rung.hosts for rung in part.rungs) for part in left)
    held = [(n, r.component) for part in left for r in part.rungs for h in r.holdings
            for n in h.hosts]  # fmt: skip
    assert set(held) == {(n, r.component) for part in left for r in part.rungs for n in r.hosts}


def test_it_holds_until_the_end_of_its_last_day() -> None:
    """After that, what it covered is due again."""
    assert EXCEPTION.holds(TODAY)
    assert not EXCEPTION.holds(TODAY + timedelta(days=1))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (replace(EXCEPTION, cve=None, source_name=""), "a CVE, a package or both"),
        (replace(EXCEPTION, owner=" "), "owner"),
        (replace(EXCEPTION, reason="a\nb"), "reason"),
        (replace(EXCEPTION, until=TODAY - timedelta(days=1)), "has passed"),
        (replace(EXCEPTION, until=TODAY + timedelta(days=367)), "more than a year"),
        (replace(EXCEPTION, hosts="role:"), "no condition"),
    ],
)
def test_an_exception_that_nobody_could_answer_for_is_refused(
    wrong: RiskException, words: str
) -> None:
    """It says what, who, why and until when."""
    with pytest.raises(InputError, match=words):
        require_sense(wrong, TODAY)
    require_sense(EXCEPTION, TODAY)
