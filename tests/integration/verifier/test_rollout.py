"""A rollout of a signed plan over SSH, on a host that was prepared, and the way back."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.conformance.transports.ssh_server import make_key, public_key
from tests.integration.verifier.machine import (
    HOST,
    PROGRAMS,
    SNAPSHOTS,
    Machine,
    serving_ssh,
)
from tests.integration.verifier.offer import (
    NEW,
    OLD,
    VERSIONS,
    changes_of,
    install_old,
    manifest_of,
)
from tests.integration.verifier.orders import Approver, today
from tests.lab.transactions.small_archive import SmallArchive
from tests.plans import PLAN

from oakum.adapters.checks.probes import Probes
from oakum.adapters.engines.embedded import EmbeddedEngine
from oakum.adapters.facts.collector import ShellFactCollector
from oakum.adapters.metrics.readings import ShellAndHttpMetrics
from oakum.adapters.package_managers.apt import AptPackageManager
from oakum.adapters.persistence.database import open_database
from oakum.adapters.persistence.group_commit import GroupCommit
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork
from oakum.adapters.preparation.shell import ShellHostFiles
from oakum.adapters.signing.ssh_keygen import SshKeygen
from oakum.adapters.system_clock import SystemClock
from oakum.adapters.transports.asyncssh_transport import AsyncsshTransport
from oakum.adapters.transports.guarded import GuardedTransport
from oakum.core.errors import RefusedError
from oakum.core.inventory.host import Host
from oakum.core.orders.preparation import Preparation
from oakum.core.planning.plan import Plan, Ring
from oakum.core.repositories.snapshot import Snapshot
from oakum.core.rollout.rollout import Rollout
from oakum.core.rollout.state import Phase, RunState, Wish
from oakum.ports.stores import UnitOfWorkFactory
from oakum.services.approve_plan import ApprovalRequest, approve_plan
from oakum.services.assign_hosts import assign_hosts
from oakum.services.drive_host import Tools
from oakum.services.drive_run import Driver
from oakum.services.order_plan import order_of, require_signatures
from oakum.services.prepare_host import HostPreparer, RootLogin
from oakum.services.run_rollout import Reconciler, keeps_lease
from oakum.services.start_rollout import Wanted, start_rollout, want

KEYGEN, CLOCK = SshKeygen(), SystemClock()
TRANSPORT = GuardedTransport(AsyncsshTransport(10))
TOOLS = Tools(
    AptPackageManager(),
    ShellFactCollector(),
    Probes(),
    ShellAndHttpMetrics(),
    CLOCK,
    TRANSPORT,
    settle_seconds=1,
)


@dataclass(frozen=True, slots=True)
class Case:
    """A prepared host, an Oakum that knows it, and a plan for it."""

    machine: Machine
    archive: SmallArchive
    begin: UnitOfWorkFactory
    plan: Plan
    people: tuple[Approver, ...]

    def approve(self, person: Approver) -> None:
        with self.begin() as work:
            document = order_of(self.plan, self.archive.access, work)
        request = ApprovalRequest(
            self.plan.id,
            person.key.name,
            "a test",
            accepts_no_way_back=False,
            overrides_rehearsal=True,
            signature=KEYGEN.sign(document, str(person.key)),
        )
        approve_plan(request, self.begin, CLOCK)

    def require(self) -> None:
        with self.begin() as work:
            require_signatures(self.plan, self.archive.access, work)

    def drive(self, rollout: Rollout) -> Rollout:
        with self.begin() as work:
            jobs = assign_hosts(self.plan, self.archive.access, (), work)
        driver = Driver(
            "test",
            lambda _, host: jobs[host],
            keeps_lease("test", CLOCK),
            GroupCommit(self.begin),
            TRANSPORT,
            TOOLS,
        )
        reconciler = Reconciler(
            rollout=rollout.id,
            holder="test",
            actor="test",
            zones={HOST: ""},
            begin=self.begin,
            clock=CLOCK,
            engine=EmbeddedEngine(),
            driver=driver,
            on_change=lambda _: None,
            say=lambda _: None,
        )
        return asyncio.run(asyncio.wait_for(reconciler.run(), 120))


@pytest.fixture
def case(
    machine: Machine, archive: SmallArchive, people: tuple[Approver, ...], tmp_path: Path
) -> Iterator[Case]:
    """Prepare a host over SSH, and plan for it."""
    make_key(tmp_path / "login")
    install_old(machine, archive)
    engine = open_database(f"sqlite:///{tmp_path / 'oakum.sqlite'}", tmp_path)

    def begin() -> SqlUnitOfWork:
        return SqlUnitOfWork(engine, tmp_path)

    manifest = manifest_of(archive)
    there = replace(PLAN.classes[0], hosts=(HOST,), changes=changes_of(archive))
    plan = replace(
        today(),
        snapshot=manifest.id,
        classes=(there,),
        rings=(Ring("ring 1", (HOST,), 0),),
        groups=(),
        hooks=(),
    )
    with serving_ssh(machine, tmp_path / "login") as port:
        key = public_key(machine.root / "etc/ssh/test_host_key.pub")
        now = datetime.now(UTC)  # noqa: TID251 - the host's clock is real
        login = RootLogin("root", str(tmp_path / "login"))
        host = Host(HOST, HOST, "127.0.0.1", port, login.user, key, now)
        host = replace(host, identity_file=login.identity_file)
        with begin() as work:
            work.hosts.add(host)
            work.snapshots.add(Snapshot(manifest, now, 1))
            work.plans.add(plan)
            work.commit()
        preparer = HostPreparer(begin, TRANSPORT, ShellHostFiles(), KEYGEN, PROGRAMS, CLOCK, "test")
        wanted = Preparation(
            HOST,
            "oakum",
            tuple(person.public for person in people[:3]),
            2,
            (public_key(tmp_path / "login.pub"),),
            SNAPSHOTS,
        )
        asyncio.run(preparer.prepare(host, login, wanted))
        yield Case(machine, archive, begin, plan, people)
    engine.dispose()


def test_a_signed_plan_is_rolled_out_and_back(case: Case) -> None:
    """One approver is too few to start; with two the rollout succeeds, and so does its way back."""
    case.approve(case.people[0])
    with pytest.raises(RefusedError, match="1 approver of it signed"):
        case.require()
    case.approve(case.people[2])
    case.require()
    rollout = case.drive(start_rollout(case.plan.id, "test", case.begin, CLOCK))
    assert (rollout.phase, rollout.runs[0].state) == (Phase.SUCCEEDED, RunState.SUCCEEDED), rollout
    assert case.machine.as_root(VERSIONS) == NEW
    back = Wanted(rollout.id, Wish.ROLL_BACK, "test", (HOST,))
    rollout = case.drive(want(back, case.begin, CLOCK))
    assert rollout.runs[0].state is RunState.ROLLED_BACK, rollout
    assert case.machine.as_root(VERSIONS) == OLD


def test_a_stolen_controller_that_skips_its_own_check(case: Case) -> None:
    """With one signature the host refuses by itself, and the rollout says why."""
    case.approve(case.people[0])
    rollout = case.drive(start_rollout(case.plan.id, "test", case.begin, CLOCK))
    assert rollout.runs[0].state is RunState.REFUSED
    assert "1 approvers of this host signed it, and 2 are needed" in rollout.runs[0].reason
    assert case.machine.as_root(VERSIONS) == OLD
