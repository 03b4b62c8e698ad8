"""The gate: labels that were made without Oakum's matcher, and what the matcher says of them.

golden/corpus/README.md tells where labels come from. A label that the matcher misses fails, unless
it is listed here with its reason; one that is listed and not missed fails too.
"""

import csv
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from oakum.adapters.feeds.reading import Provenance, read_feed
from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.statement import NoDsaReason, Urgency, VendorStatement, VendorStatus
from oakum.core.ids import CveId, Digest, HostId
from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.facts import Facts, RunningKernel, StaleProcess
from oakum.core.inventory.package import InstalledPackage
from oakum.core.matching.coverage import coverage, outline_of
from oakum.core.matching.finding import BAD_NEWS_FIRST, FindingState
from oakum.core.matching.matcher import AdvisoryIndex, match
from oakum.ports.advisory_feed import FeedContent

CORPUS = Path(__file__).parents[2] / "golden" / "corpus"
NOW = datetime(2026, 11, 25, tzinfo=UTC)
CVE = CveId("CVE-2026-0001")
SILENT = "no finding"
EXPOSED = frozenset(
    {
        FindingState.AFFECTED_FIX_AVAILABLE.value,
        FindingState.AFFECTED_NEEDS_SUBSCRIPTION.value,
        FindingState.AFFECTED_NO_FIX.value,
        FindingState.EXPOSED_IN_MEMORY.value,
        FindingState.AWAITING_REBOOT.value,
    }
)
FEEDS = {feed: FeedState(feed, NOW, NOW, Digest("0" * 64), 1, "test") for feed in FeedName}
TRACKERS = {"debian": FeedName.DEBIAN_TRACKER, "ubuntu": FeedName.UBUNTU_TRACKER,
    "alpine": FeedName.ALPINE_SECDB}  # fmt: skip
MISSED: Mapping[str, str] = {}
"""Labels that the matcher misses, each with the reason."""


@dataclass(frozen=True)
class Judged:
    """One label, and the matcher's answer."""

    name: str
    expected: str
    found: str

    @property
    def is_hit(self) -> bool:
        return self.expected == self.found


def host(system: list[str], *packages: InstalledPackage) -> Facts:
    return Facts(
        NOW, "h", "m", "b", "amd64", Distribution(*system), RunningKernel("custom", "#1"),
        has_systemd=True, is_container=False, packages=packages,
    )  # fmt: skip


def found_in(
    facts: Facts, index: AdvisoryIndex, cve: str, source: str = "", earlier: tuple[Facts, ...] = ()
) -> str:
    """Return the worst state that the host has the CVE in, in one source or in any."""
    states = [
        finding.state
        for finding in match(HostId("h"), facts, index, earlier)
        if finding.cve == cve and source in {"", finding.source_name}
    ]
    return min(states, key=BAD_NEWS_FIRST.index).value if states else SILENT


# Drawn from real advisories


def content(path: Path) -> FeedContent:
    """Return a feed; each line of its file is one file of the original."""
    lines = path.read_bytes().splitlines()
    feed = FeedName(path.stem)
    if feed is FeedName.DEBIAN_TRACKER:
        return read_feed(feed, lines[0], Provenance("corpus", NOW, NOW))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for number, line in enumerate(lines):
            member = tarfile.TarInfo(f"{number}.json")
            member.size = len(line)
            tar.addfile(member, io.BytesIO(line))
    return read_feed(feed, buffer.getvalue(), Provenance("corpus", NOW, NOW))


@cache
def contents() -> tuple[FeedContent, ...]:
    return tuple(content(path) for path in sorted((CORPUS / "feeds").glob("*.jsonl")))


@cache
def drawn() -> tuple[Judged, ...]:
    """Judge every host of labels.tsv by all feeds together."""
    index = AdvisoryIndex.of(
        {held.state.feed: held.state for held in contents()},
        (said for held in contents() for said in held.statements),
    )
    found = []
    with (CORPUS / "labels.tsv").open() as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            package = InstalledPackage(
                row["package"], row["version"], "amd64", row["source"], row["source_version"]
            )
            facts = replace(
                host([row["id"], row["version_id"], row["codename"]], package),
                subscriptions=tuple(filter(None, [row["subscriptions"]])),
            )
            name = " ".join((facts.distribution.release, row["package"], row["version"],
                row["cve"], row["subscriptions"]))  # fmt: skip
            state = found_in(facts, index, row["cve"])
            found.append(Judged(name.strip(), row["state"], state))
    return tuple(found)


# Labelled by hand


def written() -> Any:  # noqa: ANN401 (its shape is in its README)
    return json.loads((CORPUS / "traps.json").read_text())


def statement(system: list[str], row: dict[str, str]) -> VendorStatement:
    own = Distribution(*system)
    feed = TRACKERS.get(own.id, FeedName.UPDATEINFO).value
    issued = row.get("issued_on")
    return VendorStatement(
        row.get("release", own.release),
        row["package"],
        CVE,
        VendorStatus(row.get("status", "fixed")),
        row.get("fixed", ""),
        Urgency(row.get("urgency", "not yet assigned")),
        NoDsaReason(row.get("no_dsa", "")),
        row.get("feed", feed),
        row.get("channel", ""),
        row.get("module", ""),
        issued_on=date.fromisoformat(issued) if issued else None,
    )


def package(row: dict[str, str]) -> InstalledPackage:
    return InstalledPackage(
        row["name"],
        row["version"],
        row.get("architecture", "amd64"),
        row.get("source", row["name"]),
        row.get("source_version", row["version"]),
        row.get("status", "ii"),
        built_using=row.get("built_using", ""),
        module=row.get("module", ""),
    )


def trapped(trap: dict[str, Any], system: list[str]) -> Facts:
    stale = trap.get("stale")
    return replace(
        host(system, *map(package, trap["packages"])),
        kernel=RunningKernel(*trap.get("uname", ("custom", "#1"))),
        is_container=trap.get("container", False),
        subscriptions=tuple(trap.get("subscriptions", ())),
        livepatched=(CVE,) if trap.get("livepatched") else (),
        package_origins=tuple(map(tuple, trap.get("origins", ()))),
        saw_all_processes=trap.get("saw_processes", True),
        stale_processes=(StaleProcess(7, "d", "d.service", "/lib/old", stale),) if stale else (),
    )


@cache
def by_hand() -> tuple[Judged, ...]:
    """Judge every host of traps.json by what its trap says."""
    traps = written()
    found = []
    for trap in traps["traps"]:
        system = traps["systems"][trap["system"]]
        facts = trapped(trap, system)
        index = AdvisoryIndex.of(FEEDS, [statement(system, row) for row in trap["said"]])
        before: tuple[Facts, ...] = ()
        if "before" in trap:
            was = replace(facts.packages[0], version=trap["before"], source_version=trap["before"])
            before = (replace(facts, packages=(was,), stale_processes=()),)
        state = found_in(facts, index, CVE, trap.get("source", ""), before)
        found.append(Judged(trap["trap"], trap["state"], state))
        if "not_judged" in trap:
            known = {facts.distribution.release: frozenset[str]()}
            unknown = dict(coverage(outline_of(facts), known).unknown)
            said = "not judged" if trap["not_judged"] in unknown else "silent"
            found.append(Judged(f"{trap['trap']}: said", "not judged", said))
    return (*found, *ordered(traps))


def ordered(traps: Any) -> Iterator[Judged]:  # noqa: ANN401 (as above)
    """Judge hosts that have one version of a pair while the other is the fix."""
    fix, fixed = FindingState.AFFECTED_FIX_AVAILABLE.value, FindingState.FIXED.value
    for order in traps["orders"]:
        system = traps["systems"][order["system"]]
        pairs = [(pair, fix) for pair in order["ascending"]]
        pairs += [(pair[::-1], fixed) for pair in order["ascending"]]
        pairs += [(p, fixed) for pair in order["equal"] for p in (pair, pair[::-1])]
        for (installed, said), expected in dict.fromkeys((tuple(p), state) for p, state in pairs):
            facts = host(system, package({"name": "tool", "version": installed}))
            index = AdvisoryIndex.of(FEEDS, [statement(system, {"package": "tool", "fixed": said})])
            name = f"{system[0]}: {installed} where {said} is the fix"
            yield Judged(name, expected, found_in(facts, index, CVE))


# The gate


def every() -> tuple[Judged, ...]:
    return (*drawn(), *by_hand())


def test_the_corpus_is_as_large_as_it_says() -> None:
    """A gate over few labels, or of one kind, would hold nothing back."""
    assert len(drawn()) >= 600
    assert len(by_hand()) >= 140
    for state in FindingState:
        assert any(judged.expected == state.value for judged in every()), state
    assert all(held.unreadable == () for held in contents())


def test_names_are_of_one_label_each() -> None:
    """MISSED names labels."""
    names = [judged.name for judged in every()]
    assert len(names) == len(set(names))


def test_every_state_is_the_labels() -> None:
    """Each label is met, or its miss is listed with the reason."""
    missed = {j.name: f"{j.expected}; Oakum: {j.found}" for j in every() if not j.is_hit}
    assert {name: what for name, what in missed.items() if name not in MISSED} == {}
    assert set(MISSED) <= set(missed), "no longer missed: take it off the list"


@pytest.mark.parametrize("labels", [drawn, by_hand])
def test_precision_and_recall_of_exposed(labels: Any) -> None:  # noqa: ANN401 (a cached function)
    """Nothing that is called exposed is not, and nothing that is exposed is not called so."""
    judged = [label for label in labels() if label.name not in MISSED]
    called = {label.name for label in judged if label.found in EXPOSED}
    truly = {label.name for label in judged if label.expected in EXPOSED}
    assert len(called & truly) / len(called) == 1, called - truly
    assert len(called & truly) / len(truly) == 1, truly - called
