"""Rollouts on a booted host: what a package takes from it stops the first ring, and comes back."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.integration.verifier.offer import changes_of, manifest_of
from tests.lab.signals.network import Network, own_network
from tests.lab.signals.packages import BREAKERS, Breaker, service, service_dead
from tests.lab.transactions.booted_host import (
    InsideSession,
    ThrowAwayHost,
    drop_overlay,
    overlay,
    unpack_base_image,
)
from tests.lab.transactions.small_archive import SmallArchive, SmallPackage
from tests.plans import PLAN

from oakum.adapters.checks.probes import Probes
from oakum.adapters.engines.embedded import EmbeddedEngine
from oakum.adapters.facts.collector import ShellFactCollector
from oakum.adapters.metrics.readings import ShellAndHttpMetrics
from oakum.adapters.package_managers.apt import AptPackageManager
from oakum.adapters.persistence.database import open_database
from oakum.adapters.persistence.group_commit import GroupCommit
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork
from oakum.adapters.system_clock import SystemClock
from oakum.core.ids import HostId
from oakum.core.inventory.host import Host
from oakum.core.planning.plan import Budget, Ring, Window
from oakum.core.repositories.snapshot import Snapshot
from oakum.core.rollout.rollout import Rollout
from oakum.core.rollout.state import HardSignal, Phase, RunState
from oakum.ports.stores import Approval
from oakum.ports.transport import Session
from oakum.services.assign_hosts import assign_hosts
from oakum.services.drive_host import Tools
from oakum.services.drive_run import Driver
from oakum.services.run_rollout import Reconciler, keeps_lease
from oakum.services.start_rollout import start_rollout

pytestmark = pytest.mark.lab

CLOCK = SystemClock()
FIRST, LATER = HostId("first"), HostId("later")
BORNE = 5
"""Failures that the budget bears: it is not the budget that stops here."""


@dataclass(frozen=True)
class InsideTransport:
    """Enters the one host there is."""

    host: ThrowAwayHost

    def connect(self, host: Host) -> AbstractAsyncContextManager[Session]:
        return self._connect(host)

    @asynccontextmanager
    async def _connect(self, host: Host) -> AsyncIterator[Session]:
        assert host.id == FIRST, "no other host may be touched"
        yield InsideSession(self.host)


@dataclass(frozen=True)
class Lab:
    """A host in a network of its own, and what is offered to it."""

    host: ThrowAwayHost
    archive: SmallArchive
    network: Network
    home: Path

    def roll_out(self, old: SmallPackage, new: SmallPackage) -> Rollout:
        """Install the old version, then roll the new one out in two rings."""
        self.archive.add(old, new)
        (self.host.root / "var/tmp/old.deb").write_bytes(self.archive.path_of(old).read_bytes())
        self.host.shell("dpkg -i /var/tmp/old.deb && systemctl daemon-reload")
        engine = open_database(f"sqlite:///{self.home / 'oakum.sqlite'}", self.home)

        def begin() -> SqlUnitOfWork:
            return SqlUnitOfWork(engine, self.home)

        pairs = ((old, new),)
        manifest = manifest_of(self.archive, pairs)
        plan = replace(
            PLAN,
            snapshot=manifest.id,
            classes=(
                replace(
                    PLAN.classes[0],
                    hosts=(FIRST, LATER),
                    changes=changes_of(self.archive, pairs),
                    restarts=(),
                ),
            ),
            rings=(Ring("ring 1", (FIRST,), 0), Ring("ring 2", (LATER,), 0)),
            budget=Budget(concurrency=2, max_failed=BORNE),
            window=Window(None, None),
            groups=(),
            schedule=(),
        )
        url = self.archive.access.url.replace(self.network.ours, "snapshot.oak.test")
        access = replace(self.archive.access, url=url)
        with begin() as work:
            for number, name in enumerate((FIRST, LATER)):
                work.hosts.add(Host(name, name, f"host-{number}", 22, "root", "k", CLOCK.now()))
            work.snapshots.add(Snapshot(manifest, CLOCK.now(), 1))
            work.plans.add(plan)
            work.plans.add_approval(
                Approval(
                    plan.id, plan.digest, "ann", CLOCK.now(), "",
                    accepts_no_way_back=False, overrides_rehearsal=True,
                )
            )  # fmt: skip
            jobs = assign_hosts(plan, access, (), work)
            work.commit()
        rollout = start_rollout(plan.id, "ann", begin, CLOCK)
        tools = Tools(
            AptPackageManager(lock_seconds=2), ShellFactCollector(), Probes(),
            ShellAndHttpMetrics(), CLOCK, settle_seconds=1,
        )  # fmt: skip
        driver = Driver(
            "test", lambda _, host: jobs[host], keeps_lease("test", CLOCK), GroupCommit(begin),
            InsideTransport(self.host), tools,
        )  # fmt: skip
        reconciler = Reconciler(
            rollout.id, "test", "test", {}, begin, CLOCK, EmbeddedEngine(), driver,
            lambda _: None, lambda _: None,
        )  # fmt: skip
        try:
            return asyncio.run(asyncio.wait_for(reconciler.run(), 240))
        finally:
            engine.dispose()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack hosts that have `ip`, and let systemd look after their network."""
    root = unpack_base_image(tmp_path_factory.mktemp("image"), "iproute2")
    ThrowAwayHost(root, ("chroot", str(root))).shell("systemctl enable systemd-networkd.service")
    return root


@pytest.fixture
def lab(base: Path, tmp_path: Path) -> Iterator[Lab]:
    """Boot a host in a network of its own."""
    layers = tmp_path / "host"
    with own_network() as network:
        root = overlay(base, layers)
        server = f"nameserver {network.ours}\noptions timeout:1 attempts:1\n"
        for name in ("resolv.conf", "oak-resolv.conf"):
            (root / "etc" / name).unlink(missing_ok=True)
            (root / "etc" / name).write_text(server)
        (root / "etc/oak-gateway").write_text(network.ours)
        host = ThrowAwayHost(root, network=network.name)
        archive = SmallArchive(tmp_path / "archive", network.ours)
        try:
            host.boot(network.name)
            yield Lab(host, archive, network, tmp_path)
        finally:
            archive.close()
            host.close()
            drop_overlay(layers)


@pytest.mark.parametrize("breaker", BREAKERS, ids=lambda breaker: breaker.name)
def test_a_vital_loss_stops_the_ring_and_is_put_back(lab: Lab, breaker: Breaker) -> None:
    """The gate fails on one host, names what was lost, and the host gets it back."""
    ended = lab.roll_out(breaker.old, breaker.new)
    run = ended.run_of(FIRST)
    assert (ended.phase, run.state) == (Phase.ROLLED_BACK, RunState.ROLLED_BACK), (
        ended.reason, run.reason,
    )  # fmt: skip
    assert breaker.signals == set(run.signals)
    assert "which stops at once" in ended.reason
    assert all(signal.value in ended.reason for signal in breaker.signals)
    assert re.search(breaker.words, ended.reason), ended.reason
    assert ended.run_of(LATER).state is RunState.SKIPPED
    assert lab.host.shell(f"dpkg-query -W -f '${{Version}}' {breaker.old.name}") == "1.0"


def test_a_unit_that_the_transaction_killed_stops_too(lab: Lab) -> None:
    """The transaction itself fails then; the signal is taken all the same."""
    ended = lab.roll_out(service, service_dead)
    run = ended.run_of(FIRST)
    assert ended.phase is Phase.ROLLED_BACK, (ended.reason, run.reason)
    assert HardSignal.CRITICAL_UNIT in run.signals
    assert "oak-service.service" in ended.reason
    assert lab.host.shell("systemctl is-active oak-service.service").strip() == "active"


def test_what_was_lost_before_is_not_blamed_on_the_change(lab: Lab) -> None:
    """A host that had neither names nor a default route is patched like any other."""
    lab.host.shell("ip rule del pref 100; echo 'nameserver 127.0.0.99' >/etc/oak-resolv.conf")
    harmless = replace(BREAKERS[0], name="harmless", mends="true", breaks="true")
    lab.host.shell("cp /etc/oak-resolv.conf /etc/resolv.conf")
    # The snapshot must be found all the same.
    lab.host.shell(f"echo '{lab.network.ours} snapshot.oak.test' >>/etc/hosts")
    ended = lab.roll_out(harmless.old, harmless.new)
    first = ended.run_of(FIRST)
    assert first.state is RunState.SUCCEEDED, first.reason
    assert first.vitals_before is not None
    assert first.vitals_before.rules == ()
