"""Whose word counts: the tracker's, unless an advisory brought news since."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.core.advisories.authority import decide
from oakum.core.advisories.statement import Urgency, VendorStatement, VendorStatus
from oakum.core.ids import CveId

MADE_ON = date(2026, 8, 1)
OF = {"debian-tracker": MADE_ON}
DAY = timedelta(days=1)


def said(status: VendorStatus, version: str = "") -> VendorStatement:
    return VendorStatement("bookworm", "openssl", CveId("CVE-2026-0001"), status, version)


def issued(version: str, on: date, name: str = "DSA-1-1") -> VendorStatement:
    fixed = said(VendorStatus.FIXED, version)
    return replace(fixed, source="debian-dsa", advisory=name, issued_on=on)


OPEN = said(VendorStatus.OPEN)
UNDETERMINED = said(VendorStatus.UNDETERMINED)
FIXED = said(VendorStatus.FIXED, "2")
SAFE = said(VendorStatus.NOT_AFFECTED)
LATER, EARLIER = MADE_ON + DAY, MADE_ON - DAY


@pytest.mark.parametrize(
    ("tracker", "advisory", "advisory_counts"),
    [
        (OPEN, issued("2", LATER), True),
        (OPEN, issued("2", EARLIER), False),
        (OPEN, issued("2", MADE_ON), False),
        (UNDETERMINED, issued("2", LATER), True),
        (FIXED, issued("3", LATER), True),
        (FIXED, issued("2", LATER), False),
        (FIXED, issued("1", LATER), False),
        (FIXED, issued("3", EARLIER), False),
        (SAFE, issued("3", LATER), False),
    ],
)
def test_an_advisory_counts_more_only_for_news(
    tracker: VendorStatement,
    advisory: VendorStatement,
    advisory_counts: bool,  # noqa: FBT001 (a table's column)
) -> None:
    """Issued after our copy of the tracker, on what was unsettled or not fixed well enough."""
    expected = advisory if advisory_counts else tracker
    assert decide([tracker, advisory], OF) == [expected]
    assert decide([advisory, tracker], OF) == [expected]


def test_without_a_word_of_the_tracker_the_highest_fix_counts() -> None:
    """An earlier fix was not enough, whenever it was issued."""
    first, second = issued("1", LATER), issued("2", EARLIER, "DSA-1-2")
    assert decide([first, second], OF) == [second]


def listed(status: VendorStatus, version: str = "") -> VendorStatement:
    return replace(said(status, version), source="debian-cve")


UNSTABLE = listed(VendorStatus.FIXED_IN_UNSTABLE, "9")
UNSUPPORTED = replace(listed(VendorStatus.OPEN), urgency=Urgency.END_OF_LIFE)


@pytest.mark.parametrize(
    ("of_list", "advisory", "list_counts"),
    [
        (UNSTABLE, issued("2", EARLIER), False),
        (listed(VendorStatus.OPEN), issued("2", EARLIER), False),
        (UNSUPPORTED, issued("2", LATER), True),
        (listed(VendorStatus.UNDETERMINED), issued("2", EARLIER), False),
        (listed(VendorStatus.NOT_AFFECTED), issued("2", EARLIER), False),
        (listed(VendorStatus.FIXED, "3"), issued("2", EARLIER), True),
        (listed(VendorStatus.FIXED, "2"), issued("2", EARLIER), False),
        (listed(VendorStatus.FIXED, "1"), issued("2", EARLIER), False),
    ],
)
def test_without_the_trackers_decision_its_list_and_advisories_are_joined_as_it_joins_them(
    of_list: VendorStatement,
    advisory: VendorStatement,
    list_counts: bool,  # noqa: FBT001 (a table's column)
) -> None:
    """An advisory speaks of the release itself; a higher version in the list was needed too."""
    expected = of_list if list_counts else advisory
    assert decide([of_list, advisory], OF) == [expected]
    assert decide([advisory, of_list], OF) == [expected]


@pytest.mark.parametrize("decided", [OPEN, UNDETERMINED, FIXED, SAFE])
def test_the_trackers_decision_counts_before_its_list_and_the_list_before_copies(
    decided: VendorStatement,
) -> None:
    """Whatever either says."""
    copy = replace(FIXED, source="osv-debian")
    for order in ([decided, UNSTABLE, copy], [copy, UNSTABLE, decided]):
        assert decide(order, OF) == [decided]
        assert decide([s for s in order if s is not decided], OF) == [UNSTABLE]


statements = st.builds(
    replace,
    st.sampled_from(
        [
            OPEN,
            UNDETERMINED,
            FIXED,
            SAFE,
            issued("1", EARLIER),
            issued("3", LATER, "DSA-2-1"),
            UNSTABLE,
            UNSUPPORTED,
        ]
    ),
    source_name=st.sampled_from(["openssl", "nginx"]),
    release=st.sampled_from(["bookworm", "trixie"]),
)


@given(st.lists(statements))
def test_one_statement_counts_for_each_and_is_one_that_was_made(
    found: list[VendorStatement],
) -> None:
    """Whatever is said, in any order; deciding again changes nothing."""
    chosen = decide(found, OF)
    keys = [(s.release, s.source_name, s.cve) for s in chosen]
    assert set(keys) == {(s.release, s.source_name, s.cve) for s in found}
    assert len(keys) == len(set(keys))
    assert set(chosen) <= set(found)
    assert decide(chosen, OF) == chosen
    assert OPEN.source in OF
