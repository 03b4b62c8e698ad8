"""A whole rollout over booted hosts that are entered, not logged in to."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.integration.verifier.offer import changes_of, manifest_of
from tests.lab.transactions.booted_host import InsideSession, ThrowAwayHost
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
from oakum.core.planning.metric import Measurement
from oakum.core.planning.plan import Budget, Plan, Ring, Window
from oakum.core.repositories.snapshot import Snapshot, SnapshotManifest
from oakum.core.rollout.rollout import Rollout
from oakum.ports.package_manager import SnapshotAccess
from oakum.ports.stores import Approval
from oakum.ports.transport import Session
from oakum.services.assign_hosts import assign_hosts
from oakum.services.drive_host import Tools
from oakum.services.drive_run import Driver
from oakum.services.run_rollout import Reconciler, keeps_lease
from oakum.services.start_rollout import start_rollout

CLOCK = SystemClock()
FIRST, LATER = HostId("first"), HostId("later")
"""One host in each ring."""
BORNE = 5
"""Failures that the budget bears: it is not the budget that stops here."""
ROLLOUT_SECONDS = 400
INSTALL = "dpkg -i /var/tmp/old.deb && { [ ! -d /run/systemd/system ] || systemctl daemon-reload; }"


@dataclass(frozen=True)
class InsideTransport:
    """Enters booted hosts; those that are not there may not be touched."""

    hosts: Mapping[HostId, ThrowAwayHost]

    def connect(self, host: Host) -> AbstractAsyncContextManager[Session]:
        return self._connect(host)

    @asynccontextmanager
    async def _connect(self, host: Host) -> AsyncIterator[Session]:
        yield InsideSession(self.hosts[host.id])


@dataclass(frozen=True)
class Trial:
    """Hosts, and where what is offered to them is found."""

    hosts: Mapping[HostId, ThrowAwayHost]
    archive: SmallArchive
    access: SnapshotAccess
    home: Path

    def roll_out(
        self,
        old: SmallPackage,
        new: SmallPackage,
        *,
        soak_seconds: int = 0,
        measurement: Measurement | None = None,
        is_followed: bool = True,
    ) -> Rollout:
        """Install the old version, then roll the new one out in two rings, or in one."""
        self.archive.add(old, new)
        deb = self.archive.path_of(old).read_bytes()
        for host in self.hosts.values():
            (host.root / "var/tmp/old.deb").write_bytes(deb)
            host.shell(INSTALL)
        manifest = manifest_of(self.archive, ((old, new),))
        changed = replace(
            PLAN.classes[0],
            hosts=(FIRST, LATER) if is_followed else (FIRST,),
            changes=changes_of(self.archive, ((old, new),)),
            restarts=(),
        )
        rings = (Ring("ring 1", (FIRST,), soak_seconds), Ring("ring 2", (LATER,), 0))
        plan = replace(
            PLAN,
            snapshot=manifest.id,
            classes=(changed,),
            rings=rings if is_followed else rings[:1],
            budget=Budget(concurrency=2, max_failed=BORNE),
            window=Window(None, None),
            groups=(),
            schedule=(),
            measurement=measurement,
        )
        return self._carry_out(plan, manifest)

    def _carry_out(self, plan: Plan, manifest: SnapshotManifest) -> Rollout:
        engine = open_database(f"sqlite:///{self.home / 'oakum.sqlite'}", self.home)

        def begin() -> SqlUnitOfWork:
            return SqlUnitOfWork(engine, self.home)

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
            jobs = assign_hosts(plan, self.access, (), work)
            work.commit()
        rollout = start_rollout(plan.id, "ann", begin, CLOCK)
        tools = Tools(
            AptPackageManager(lock_seconds=2), ShellFactCollector(), Probes(),
            ShellAndHttpMetrics(), CLOCK, InsideTransport(self.hosts), settle_seconds=1,
        )  # fmt: skip
        driver = Driver(
            "test", lambda _, host: jobs[host], keeps_lease("test", CLOCK), GroupCommit(begin),
            InsideTransport(self.hosts), tools,
        )  # fmt: skip
        reconciler = Reconciler(
            rollout.id, "test", "test", {}, begin, CLOCK, EmbeddedEngine(), driver,
            lambda _: None, lambda _: None,
        )  # fmt: skip
        try:
            return asyncio.run(asyncio.wait_for(reconciler.run(), ROLLOUT_SECONDS))
        finally:
            engine.dispose()
