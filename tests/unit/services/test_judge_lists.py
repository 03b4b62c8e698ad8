from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.ids import CveId, Digest
from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.facts import Facts, RunningKernel
from oakum.core.inventory.package import InstalledPackage
from oakum.core.matching.finding import FindingState
from oakum.services.judge_lists import judge_lists

NOW = datetime(2026, 11, 25, tzinfo=UTC)
CVE = CveId("CVE-2026-0001")
FEED = FeedState(FeedName.DEBIAN_TRACKER, NOW, NOW, Digest("0" * 64), 1, "test")
Topic = tuple[str, str]


@dataclass
class FakeRulings:
    """Fixes by package; it notes what it is asked for."""

    fixes: Mapping[str, str]
    asked: list[Topic] = field(default_factory=list)

    def feeds(self) -> Mapping[FeedName, FeedState]:
        return {FEED.feed: FEED}

    def rulings(self, topics: Collection[Topic]) -> Mapping[Topic, Sequence[VendorStatement]]:
        self.asked += topics
        return {
            topic: [VendorStatement(*topic, CVE, VendorStatus.FIXED, self.fixes[topic[1]])]
            for topic in topics
            if topic[1] in self.fixes
        }


def host(name: str, **versions: str) -> Facts:
    return Facts(
        NOW, name, "", "", "", Distribution("debian", "12", "bookworm"), RunningKernel("", ""),
        has_systemd=False, is_container=False,
        packages=tuple(InstalledPackage(n, v, "amd64", n, v) for n, v in versions.items()),
        saw_all_processes=False, has_package_indices=False,
    )  # fmt: skip


def test_hosts_are_judged_one_by_one() -> None:
    """Each by its own packages; what was asked for once is not asked for again."""
    rulings = FakeRulings({"openssl": "2-1", "curl": "2-1"})
    hosts = [host("a", openssl="1-1"), host("b", openssl="2-1", curl="1-1"), host("c", curl="1-1")]
    judged = list(judge_lists(hosts, rulings))
    assert [(j.host, [f.source_name for f in j.findings]) for j in judged] == [
        ("a", ["openssl"]),
        ("b", ["curl"]),
        ("c", ["curl"]),
    ]
    assert all(f.state is FindingState.AFFECTED_FIX_AVAILABLE for j in judged for f in j.findings)
    assert sorted(rulings.asked) == [("bookworm", "curl"), ("bookworm", "openssl")]
    assert judged[2].findings == next(judge_lists([hosts[2]], rulings)).findings


def test_what_a_list_cannot_tell_is_named() -> None:
    """Silence about kernel and memory would read as good news."""
    (judged,) = judge_lists([host("a", openssl="1-1")], FakeRulings({"openssl": "2-1"}))
    assert {what.strip() for what, _ in judged.coverage.unknown} == {
        "origin of packages",
        "memory",
        "kernel",
    }


def test_a_release_that_nobody_speaks_of_is_not_judged() -> None:
    """No finding, and said so."""
    (judged,) = judge_lists([host("a", openssl="1-1")], FakeRulings({}))
    assert (judged.findings, judged.coverage.judged) == ((), 0)
    assert judged.coverage.unknown[0][1] == "the advisories hold nothing about this release"
