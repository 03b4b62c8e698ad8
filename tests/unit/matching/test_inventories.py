import pytest
from tests.inventories import read

from oakum.adapters.feeds.bundle import shipped_bundle
from oakum.core.advisories.feed import FeedName
from oakum.core.ids import CveId, HostId
from oakum.core.inventory.facts import Facts
from oakum.core.matching.coverage import coverage, outline_of
from oakum.core.matching.finding import Finding, FindingState
from oakum.core.matching.matcher import AdvisoryIndex, match


@pytest.fixture(scope="module")
def index() -> AdvisoryIndex:
    tracker = shipped_bundle().load(FeedName.DEBIAN_TRACKER)
    assert tracker.unreadable == ()
    return AdvisoryIndex.of({tracker.state.feed: tracker.state}, tracker.statements)


@pytest.fixture(scope="module")
def kev() -> frozenset[CveId]:
    return frozenset(signal.cve for signal in shipped_bundle().load(FeedName.KEV).signals)


def of_state(findings: tuple[Finding, ...], state: FindingState, *, minor: bool | None) -> int:
    return sum(f.state is state and minor in (None, f.is_minor) for f in findings)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("db-01.bookworm-r0", (7134, 10, 198, 129)),
        ("db-01.bookworm-current", (0, 0, 198, 129)),
        ("edge-01.bookworm-r0", (7065, 10, 203, 148)),
        ("edge-01.bookworm-current", (0, 0, 211, 150)),
        ("web-01.bookworm-r0", (7241, 13, 198, 132)),
        ("web-01.bookworm-current", (0, 0, 198, 132)),
    ],
)
def test_finds_what_the_lists_are_known_to_hold(
    index: AdvisoryIndex, kev: frozenset[CveId], name: str, expected: tuple[int, ...]
) -> None:
    """Real lists and real advisories give the numbers in golden/inventories/README.md."""
    found = match(HostId(name), read(name), index)
    fix, none = FindingState.AFFECTED_FIX_AVAILABLE, FindingState.AFFECTED_NO_FIX
    assert expected == (
        of_state(found, fix, minor=None),
        sum(f.state is fix and f.cve in kev for f in found),
        of_state(found, none, minor=False),
        of_state(found, none, minor=True),
    )


def test_every_package_of_the_lists_is_judged() -> None:
    """Nothing in them is unknown."""
    known = read("web-01.bookworm-r0")
    assert coverage(outline_of(known), {"bookworm": frozenset()}).unknown == ()
    assert (
        coverage(outline_of(known), {"bookworm": frozenset()}).judged == len(known.packages) == 127
    )


def test_a_kernel_upgrade_alone_leaves_the_old_one_exposed(index: AdvisoryIndex) -> None:
    """With the new image on disk and the old one booted, 6,796 pairs wait for the reboot."""
    old, new = read("web-01.bookworm-r0"), read("web-01.bookworm-current")
    upgraded = Facts(
        old.collected_at, "web-01", "m", "b", "amd64", old.distribution, old.kernel,
        has_systemd=True, is_container=False, packages=new.packages,
    )  # fmt: skip
    found = match(HostId("web-01"), upgraded, index)
    assert of_state(found, FindingState.AWAITING_REBOOT, minor=None) == 6796
    assert of_state(found, FindingState.AFFECTED_FIX_AVAILABLE, minor=None) == 0
