import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest
from tests.plans import NOW

from oakum.adapters.persistence.group_commit import GroupCommit
from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.audit.event import Action
from oakum.core.errors import HostError, OakumError, RefusedError, UnreachableError
from oakum.core.ids import CveId, Digest, HostId
from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.facts import Facts, IndexReading, RunningKernel
from oakum.core.inventory.host import Host
from oakum.core.inventory.package import InstalledPackage
from oakum.core.matching.finding import FindingState
from oakum.ports.clock import Clock
from oakum.ports.stores import UnitOfWorkFactory
from oakum.ports.transport import CommandResult, Session
from oakum.services.match_fleet import match_fleet
from oakum.services.scan_fleet import Scanner, ScanResult

OPENSSL = InstalledPackage("libssl3", "3.0.20-1", "amd64", "openssl", "3.0.20-1")
LOST = UnreachableError("web-2 does not \x1b[31manswer", hint="is it up?")


def host(name: str) -> Host:
    return Host(HostId(name), name, f"{name}.example", 22, "root", "ssh-ed25519 AAAA", NOW)


def facts(name: str, machine: str = "") -> Facts:
    return Facts(
        NOW, name, machine or name, "boot", "amd64", Distribution("debian", "12", "bookworm"),
        RunningKernel("6.1", "#1"), has_systemd=True, is_container=True, packages=(OPENSSL,),
    )  # fmt: skip


@dataclass
class FakeSession:
    """Stands for one host; the fake collector looks only at which."""

    host: Host

    async def run(
        self, script: str, *arguments: str, stdin: bytes = b"", timeout_seconds: float
    ) -> CommandResult:
        del script, arguments, stdin, timeout_seconds
        return CommandResult(0, b"", b"")


@dataclass
class FakeFleet:
    """Transport and collector of hosts that answer as told."""

    answers: dict[str, Facts | OakumError]
    at_once: int = 0
    most_at_once: int = 0
    lasts: list[IndexReading | None] = field(default_factory=list)
    """What the collector was given of earlier answers."""

    def connect(self, host: Host) -> AbstractAsyncContextManager[Session]:
        return self._connect(host)

    @asynccontextmanager
    async def _connect(self, host: Host) -> AsyncIterator[Session]:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(0)
            if isinstance(self.answers[host.name], UnreachableError):
                raise self.answers[host.name]  # type: ignore[misc]
            yield FakeSession(host)
        finally:
            self.at_once -= 1

    async def collect(
        self, session: Session, *, now: datetime, last: IndexReading | None = None
    ) -> Facts:
        del now
        self.lasts.append(last)
        assert isinstance(session, FakeSession)
        answer = self.answers[session.host.name]
        if isinstance(answer, OakumError):
            raise answer
        return answer


def scan(fleet: FakeFleet, begin: UnitOfWorkFactory, clock: Clock) -> ScanResult:
    hosts = [host(name) for name in fleet.answers]
    with begin() as work:
        known = {h.name for h in work.hosts.all()}
        for new in hosts:
            if new.name not in known:
                work.hosts.add(new)
        work.commit()
    scanner = Scanner(GroupCommit(begin), fleet, fleet, clock, "me", 3, lambda *_: None)
    return asyncio.run(scanner.scan(hosts))


def test_one_failing_host_of_many_fails_alone(
    begin: UnitOfWorkFactory, clock: Clock, actions: Callable[[], list[Action]]
) -> None:
    """The others are stored; its cause is kept, harmless, with the hint."""
    names = [f"web-{number}" for number in range(6)]
    fleet = FakeFleet({name: facts(name) for name in names} | {"web-2": LOST})
    result = scan(fleet, begin, clock)
    assert sorted(result.facts) == [name for name in names if name != "web-2"]
    (failure,) = result.failures
    assert (failure.host, failure.hint) == ("web-2", "is it up?")
    assert failure.reason == "web-2 does not \\x1b[31manswer"
    with begin() as work:
        assert set(work.facts.outlines()) == set(result.facts)
        assert list(work.facts.failures()) == ["web-2"]
    assert sorted(a.name for a in actions()) == ["HOST_SCANNED"] * 5 + ["SCAN_FAILED"]


def test_a_host_that_fails_later_keeps_its_last_facts(
    begin: UnitOfWorkFactory, clock: Clock
) -> None:
    """And a host that answers again has no failure any more."""
    scan(FakeFleet({"web-1": facts("web-1")}), begin, clock)
    scan(FakeFleet({"web-1": HostError("nonsense")}), begin, clock)
    with begin() as work:
        assert work.facts.latest(HostId("web-1")) == facts("web-1")
        assert work.facts.failures()[HostId("web-1")].reason == "nonsense"
    scan(FakeFleet({"web-1": facts("web-1")}), begin, clock)
    with begin() as work:
        assert work.facts.failures() == {}


def test_a_host_is_asked_with_what_it_told_of_its_indices(
    begin: UnitOfWorkFactory, clock: Clock
) -> None:
    """The newest that it told, and nothing the first time."""
    told = [replace(facts("web-1"), indices_digest=digit * 64) for digit in "ab"]
    lasts = []
    for answer in (*told, told[1]):
        fleet = FakeFleet({"web-1": answer})
        scan(fleet, begin, clock)
        lasts += fleet.lasts
    assert [last and last.indices_digest for last in lasts] == [None, "a" * 64, "b" * 64]


def test_no_more_hosts_are_asked_at_once_than_allowed(
    begin: UnitOfWorkFactory, clock: Clock
) -> None:
    """A fleet of any size costs as many connections as configured."""
    fleet = FakeFleet({f"web-{number}": facts(f"web-{number}") for number in range(12)})
    scan(fleet, begin, clock)
    assert fleet.most_at_once == 3


def test_hosts_that_claim_to_be_one_machine_are_named(
    begin: UnitOfWorkFactory, clock: Clock
) -> None:
    """A cloned machine id would make two hosts look like one."""
    fleet = FakeFleet({"a": facts("a", "same"), "b": facts("b", "same"), "c": facts("c")})
    assert scan(fleet, begin, clock).clones == (("same", ("a", "b")),)


CVE = CveId("CVE-2026-0001")
STATE = FeedState(FeedName.DEBIAN_TRACKER, NOW, NOW, Digest("0" * 64), 1, "test")


def test_matching_the_same_input_again_changes_nothing(
    begin: UnitOfWorkFactory, clock: Clock, actions: Callable[[], list[Action]]
) -> None:
    """Findings are a function: a second run records nothing."""
    scan(FakeFleet({"web-1": facts("web-1"), "web-2": facts("web-2")}), begin, clock)
    with pytest.raises(RefusedError, match="no advisories"):
        match_fleet(begin, clock, "me")
    fixed = VendorStatement("bookworm", "openssl", CVE, VendorStatus.FIXED, "3.0.22-1")
    with begin() as work:
        work.advisories.replace_statements(STATE, [fixed], NOW)
        work.commit()
    first = match_fleet(begin, clock, "me")
    assert first.tally.by_state[FindingState.AFFECTED_FIX_AVAILABLE] == 2
    assert (first.hosts, first.changed) == (2, True)
    before = actions()
    assert match_fleet(begin, clock, "me") == replace(first, changed=False)
    assert actions() == before
    assert before[-1] is Action.FINDINGS_MATCHED
