"""Planning: what hosts say becomes exact changes, and what of the findings they close."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from tests.fakes.transport import Answer, Asked, FakeSession, FakeTransport

from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.canonical import digest_of
from oakum.core.errors import InputError, RefusedError
from oakum.core.ids import CveId, Digest, HostId, SnapshotId
from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.facts import Facts, RunningKernel
from oakum.core.inventory.host import Host
from oakum.core.inventory.package import InstalledPackage
from oakum.core.planning.change import ChangeKind
from oakum.core.planning.openings import Opening
from oakum.core.planning.plan import Budget, Plan, RebootPolicy, RestartPolicy, Window
from oakum.core.planning.schedule import Rules, WindowRule
from oakum.core.repositories.snapshot import Role, Snapshot, SnapshotManifest, SnapshotPackage
from oakum.ports.clock import Clock
from oakum.ports.package_manager import (
    PackageManager,
    SimulatedChange,
    Simulation,
    SnapshotAccess,
    Target,
)
from oakum.ports.stores import UnitOfWorkFactory
from oakum.ports.transport import Session
from oakum.services.create_plan import PlanMaker, PlanRequest

DAY = datetime(2026, 11, 24, tzinfo=UTC)
WEB = Host(HostId("web-1"), "web-1", "127.0.0.1", 22, "root", "key", DAY)
CVE, KERNEL_CVE = CveId("CVE-2026-0001"), CveId("CVE-2026-0002")
OLD, NEW = "6.1.187-1", "6.1.192-2"
META = "linux-image-amd64"
IMAGE = InstalledPackage(
    "linux-image-6.1.0-40-amd64", OLD, "amd64", "linux-signed-amd64", "6.1.187+1",
    built_using=f"linux (= {OLD})",
)  # fmt: skip
PACKAGES = (
    InstalledPackage("libssl3", "3.0.20-1", "amd64", "openssl", "3.0.20-1"),
    IMAGE,
    InstalledPackage(META, OLD, "amd64", "linux-signed-amd64", "6.1.187+1"),
)
FACTS = Facts(
    DAY, "web-1", "m", "b", "amd64", Distribution("debian", "12", "bookworm"),
    RunningKernel("6.1.0-40-amd64", f"#1 SMP Debian {OLD} (2026-08-02)"),
    has_systemd=True, is_container=False, packages=PACKAGES, timezone="Europe/Berlin",
)  # fmt: skip
NIGHTS = WindowRule(
    "nights",
    "*",
    "FREQ=DAILY",
    datetime(2026, 1, 1, 2),  # noqa: DTZ001 -- local on purpose
    timedelta(hours=1),
    "",
)


def offered(name: str, version: str, source: str, source_version: str) -> SnapshotPackage:
    digest = Digest(digest_of([name, version]))
    roles = (Role.CANDIDATE,)
    return SnapshotPackage(
        name, version, "amd64", source, source_version, digest, 1000, 10, roles, "Debian bookworm"
    )


SNAPSHOT = Snapshot(
    SnapshotManifest(
        "bookworm",
        "amd64",
        (
            offered("libssl3", "3.0.22-1", "openssl", "3.0.22-1"),
            offered(META, NEW, "linux-signed-amd64", "6.1.192+2"),
            offered("linux-image-6.1.0-41-amd64", NEW, "linux-signed-amd64", "6.1.192+2"),
        ),
        (),
    ),
    DAY,
    3000,
)


@dataclass
class Resolver:
    """A host's apt: takes what it is told to, and a kernel with the package that names it."""

    told: list[tuple[Target, ...] | None] = field(default_factory=list)

    async def simulate(
        self, session: Session, access: SnapshotAccess, targets: tuple[Target, ...] | None
    ) -> Simulation:
        del session, access
        self.told.append(targets)
        names = {"libssl3", META} if targets is None else {target.name for target in targets}
        upgrade, install = ChangeKind.UPGRADE, ChangeKind.INSTALL
        changes = []
        if "libssl3" in names:
            changes.append(SimulatedChange(upgrade, "libssl3", "amd64", "3.0.20-1", "3.0.22-1"))
        if META in names:
            changes += [
                SimulatedChange(install, "linux-image-6.1.0-41-amd64", "amd64", "", NEW),
                SimulatedChange(upgrade, META, "amd64", OLD, NEW),
            ]
        reason = "a new kernel" if META in names else ""
        return Simulation(tuple(changes), (), (), (), reason, ())


@pytest.fixture
def fleet(begin: UnitOfWorkFactory) -> UnitOfWorkFactory:
    statements = (
        VendorStatement("bookworm", "openssl", CVE, VendorStatus.FIXED, "3.0.22-1"),
        VendorStatement("bookworm", "linux", KERNEL_CVE, VendorStatus.FIXED, NEW),
    )
    state = FeedState(FeedName.DEBIAN_TRACKER, DAY, DAY, digest_of(["x"]), 2, "test")
    with begin() as work:
        work.hosts.add(WEB)
        work.facts.save(WEB.id, FACTS)
        work.advisories.replace_statements(state, statements, DAY)
        work.commit()
    return begin


def request(
    cves: frozenset[CveId] = frozenset(),
    reboot: RebootPolicy = RebootPolicy.NEVER,
    windows: tuple[WindowRule, ...] = (),
) -> PlanRequest:
    return PlanRequest(
        title="updates", created_by="me", snapshot=SNAPSHOT, hosts=(WEB,), sources=frozenset(),
        cves=cves, ring_percents=(100,), soak_seconds=0, window=Window(None, None),
        budget=Budget(1, 0), restart_policy=RestartPolicy.AFFECTED, reboot_policy=reboot,
        rules=Rules(windows, (), "oakum.toml"),
    )  # fmt: skip


def _unasked(asked: Asked) -> Answer:
    raise AssertionError(asked)


def make(
    begin: UnitOfWorkFactory, clock: Clock, asked: PlanRequest, resolver: Resolver | None = None
) -> Plan:
    maker = PlanMaker(
        begin,
        FakeTransport({WEB.name: FakeSession(_unasked)}),
        cast("PackageManager", resolver or Resolver()),
        clock,
        1,
        lambda *_: None,
    )
    access = SnapshotAccess(SnapshotId("a"), "http://127.0.0.1", "bookworm", "key")
    return asyncio.run(maker.create(asked, access))


def test_a_kernels_cve_is_planned_by_the_packages_that_bring_it(
    fleet: UnitOfWorkFactory, clock: Clock
) -> None:
    """The finding speaks of `linux`; what is installed is built by a source of another name."""
    resolver = Resolver()
    plan = make(fleet, clock, request(frozenset([KERNEL_CVE])), resolver)
    assert resolver.told == [(Target(META, "amd64", NEW),)]
    assert {change.name for change in plan.classes[0].changes} == {
        META,
        "linux-image-6.1.0-41-amd64",
    }


@pytest.mark.parametrize(
    ("policy", "closed"),
    [
        (RebootPolicy.NEVER, ((CVE, "openssl"),)),
        (RebootPolicy.WHEN_NEEDED, ((CVE, "openssl"), (KERNEL_CVE, "linux"))),
    ],
)
def test_a_kernel_that_is_not_booted_closes_nothing(
    fleet: UnitOfWorkFactory, clock: Clock, policy: RebootPolicy, closed: tuple[object, ...]
) -> None:
    """The plan claims what will be true when it has ended."""
    assert make(fleet, clock, request(reboot=policy)).fixes == closed


def test_windows_in_a_hosts_own_time_become_times_of_the_plan(
    fleet: UnitOfWorkFactory, clock: Clock
) -> None:
    """Two o'clock in Berlin; and it ends early enough for the host's change."""
    (bound,) = make(fleet, clock, request(windows=(NIGHTS,))).schedule
    assert (bound.windows, bound.hosts) == (("nights",), (WEB.id,))
    first = bound.openings[0]
    opens_at = datetime(2026, 11, 26, 1, tzinfo=UTC)
    assert first == Opening(opens_at, opens_at + timedelta(minutes=60, seconds=-(20 + 3 + 45)))


def test_a_plan_that_would_be_late_is_refused_with_what_holds_it_up(
    fleet: UnitOfWorkFactory, clock: Clock
) -> None:
    """Nothing is stored."""
    asked = replace(request(windows=(NIGHTS,)), by=datetime(2026, 11, 25, 20, tzinfo=UTC))
    with pytest.raises(RefusedError, match=r"not be done by .* waiting for the window nights"):
        make(fleet, clock, asked)
    with fleet() as work:
        assert work.plans.ids() == ()


def test_a_deadman_is_longer_than_what_hosts_take(fleet: UnitOfWorkFactory, clock: Clock) -> None:
    """One that would undo what is well is refused; without a word it is what is usual; or off."""
    assert make(fleet, clock, request()).deadman_seconds == 1800
    assert make(fleet, clock, replace(request(), deadman_seconds=0)).deadman_seconds == 0
    assert make(fleet, clock, replace(request(), deadman_seconds=600)).deadman_seconds == 600
    with pytest.raises(InputError, match=r"a deadman of 5 s .* predicted to take \d+ s"):
        make(fleet, clock, replace(request(), deadman_seconds=5))
