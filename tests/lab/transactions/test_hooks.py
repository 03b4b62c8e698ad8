"""A rollout with hooks on a booted host: drained, changed, tried, put back; each hook once."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from tests.integration.rollouts.machines import Process, spawn
from tests.integration.verifier.offer import PAIRS, Pairs, changes_of, manifest_of
from tests.lab.transactions.booted_host import InsideSession, ThrowAwayHost
from tests.lab.transactions.packages import fragile, fragile_new
from tests.lab.transactions.small_archive import SmallArchive
from tests.plans import NOW, PLAN

from oakum.adapters.checks.probes import Probes
from oakum.adapters.engines.embedded import EmbeddedEngine
from oakum.adapters.facts.collector import ShellFactCollector
from oakum.adapters.hooks.on_controller import ControllerHooks
from oakum.adapters.hooks.on_host import HostHooks
from oakum.adapters.package_managers.apt import AptPackageManager
from oakum.adapters.persistence.database import open_database
from oakum.adapters.persistence.group_commit import GroupCommit
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork
from oakum.adapters.system_clock import SystemClock
from oakum.core.audit.event import Action
from oakum.core.ids import HostId, RolloutId
from oakum.core.inventory.host import Host
from oakum.core.planning.hook import (
    SHELL,
    Hook,
    HookKind,
    HookMoment,
    HookPlace,
    UndoWhen,
)
from oakum.core.planning.plan import Plan, RebootPolicy, Ring, Window
from oakum.core.repositories.snapshot import Snapshot
from oakum.core.rollout.hooks import HookState
from oakum.core.rollout.rollout import HostRun, Rollout
from oakum.core.rollout.state import Phase, RunState
from oakum.core.staging.check import Check, CheckKind
from oakum.ports.hooks import HookRunners
from oakum.ports.stores import Approval, UnitOfWorkFactory
from oakum.ports.transport import Session
from oakum.services import run_rollout
from oakum.services.assign_hosts import assign_hosts
from oakum.services.drive_host import Tools
from oakum.services.drive_run import Driver
from oakum.services.run_rollout import LostLeaseError, Reconciler, keeps_lease
from oakum.services.start_rollout import start_rollout

pytestmark = pytest.mark.lab

WEB = HostId("web-1")
CLOCK = SystemClock()
CHECKS = (Check("the service runs", CheckKind.UNIT, "*", "oak-service.service"),)
VERSION = "$(dpkg-query -W -f '${Version}' oak-library)"
PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class InsideTransport:
    """Enters the one host that there is."""

    host: ThrowAwayHost

    def connect(self, host: Host) -> AbstractAsyncContextManager[Session]:
        del host
        return self._connect()

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[Session]:
        yield InsideSession(self.host)


def hook(kind: HookKind, place: HookPlace, script: str, undo: str = "", seconds: int = 30) -> Hook:
    return Hook(
        name=kind.value,
        kind=kind,
        moment=HookMoment.AFTER if kind is HookKind.SMOKE else HookMoment.BEFORE,
        place=place,
        command=(*SHELL, script),
        timeout_seconds=seconds,
        must_pass=True,
        undo=(*SHELL, undo) if undo else (),
        undo_when=UndoWhen.WELL if kind is HookKind.DRAIN else UndoWhen.ALWAYS,
        hosts=(WEB,),
    )


@dataclass(frozen=True, slots=True)
class Site:
    """A controller's machine, and the host."""

    home: Path
    host: ThrowAwayHost
    archive: SmallArchive

    @property
    def balancer(self) -> Path:
        """Return the log of what the controller's hooks did."""
        return self.home / "balancer"

    @property
    def done_there(self) -> list[str]:
        return (self.host.root / "srv/hooks").read_text().splitlines()

    def drain(self, more: str = "") -> Hook:
        log = f">>{self.balancer}"
        return hook(
            HookKind.DRAIN,
            HookPlace.CONTROLLER,
            f"echo drain $OAKUM_HOST_NAME $OAKUM_RING {log}; {more}",
            f"echo back $OAKUM_HOST_NAME $OAKUM_OUTCOME {log}",
        )

    def start(self, *hooks: Hook, pairs: Pairs = PAIRS) -> RolloutId:
        """Store an approved plan, and a rollout of it."""
        manifest = manifest_of(self.archive, pairs)
        there = replace(PLAN.classes[0], hosts=(WEB,), changes=changes_of(self.archive, pairs))
        plan = replace(
            PLAN,
            snapshot=manifest.id,
            classes=(there,),
            rings=(Ring("ring 1", (WEB,), 0),),
            window=Window(None, None),
            reboot_policy=RebootPolicy.NEVER,
            groups=(),
            schedule=(),
            hooks=hooks,
        )
        with self.begin()() as work:
            work.hosts.add(Host(WEB, "web", "127.0.0.1", 22, "root", "ssh-ed25519 AAAA", NOW))
            work.snapshots.add(Snapshot(manifest, NOW, 1))
            work.plans.add(plan)
            approval = Approval(
                plan.id, plan.digest, "ann", NOW, "",
                accepts_no_way_back=False, overrides_rehearsal=True,
            )  # fmt: skip
            work.plans.add_approval(approval)
            work.commit()
        return start_rollout(plan.id, "ann", self.begin(), CLOCK).id

    def begin(self) -> UnitOfWorkFactory:
        engine = open_database(f"sqlite:///{self.home / 'oakum.sqlite'}", self.home)
        return lambda: SqlUnitOfWork(engine, self.home)

    def controller(self, rollout: RolloutId, name: str = "first") -> Process:
        """Start a controller as a process of its own."""
        return spawn(partial(_control, self, rollout, name))

    def ended(self, rollout: RolloutId) -> tuple[Rollout, HostRun]:
        with self.begin()() as work:
            found = work.rollouts.get(rollout)
            begun = [e for e in work.audit.events() if e.action is Action.HOOK_BEGUN]
        executions = sum(
            one.state is not HookState.WAITING
            for hook_run in found.runs[0].hooks
            for one in (hook_run.done, hook_run.undone)
        )
        assert len(begun) == executions
        return found, found.runs[0]


def _control(site: Site, rollout: RolloutId, name: str) -> None:
    run_rollout.LEASE = timedelta(seconds=3)
    begin = site.begin()
    with begin() as work:
        plan: Plan = work.plans.get("latest")
        jobs = assign_hosts(plan, site.archive.access, CHECKS, work)
    hooks = HookRunners(HostHooks(), ControllerHooks(site.home / "hooks"))
    tools = Tools(AptPackageManager(), ShellFactCollector(), Probes(), CLOCK, 5, hooks)
    driver = Driver(
        name,
        lambda _, host: jobs[host],
        keeps_lease(name, CLOCK),
        GroupCommit(begin),
        InsideTransport(site.host),
        tools,
    )
    reconciler = Reconciler(
        rollout, name, name, {}, begin, CLOCK, EmbeddedEngine(), driver,
        lambda _: None, lambda _: None,
    )  # fmt: skip
    while True:
        try:
            asyncio.run(asyncio.wait_for(reconciler.run(), 180))
        except LostLeaseError:
            time.sleep(0.3)
        else:
            return


@pytest.fixture
def site(host: ThrowAwayHost, archive: SmallArchive, tmp_path: Path) -> Site:
    return Site(tmp_path, host, archive)


def until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


SMOKE = hook(
    HookKind.SMOKE,
    HookPlace.HOST,
    f'echo "smoke {VERSION} $OAKUM_HOST" >>/srv/hooks;'
    ' grep -o "oakum-hook-[^/]*" /proc/self/cgroup',
)
QUIESCE = hook(
    HookKind.QUIESCE,
    HookPlace.HOST,
    f'systemctl stop oak-service; echo "stopped at {VERSION}" >>/srv/hooks',
    f'systemctl start oak-service; echo "started at {VERSION}" >>/srv/hooks',
)


def test_a_host_is_drained_changed_tried_and_put_back(site: Site) -> None:
    """In this order; what was at rest runs when the host is verified; each hook is a unit."""
    rollout = site.start(site.drain(), QUIESCE, SMOKE)
    site.controller(rollout).finish()
    found, run = site.ended(rollout)
    assert (found.phase, run.state) == (Phase.SUCCEEDED, RunState.SUCCEEDED), run
    assert site.done_there == ["stopped at 1.0", "started at 1.1", "smoke 1.1 web-1"]
    assert site.balancer.read_text() == "drain web ring 1\nback web succeeded\n"
    smoke = run.hooks[2].done
    assert (smoke.state, smoke.exit_status) == (HookState.PASSED, 0)
    assert smoke.said.startswith("oakum-hook-rollout-")


def test_a_hook_that_must_pass_refuses_the_host_before_anything_changes(site: Site) -> None:
    """What was done before it is taken back."""
    rest = replace(QUIESCE, command=(*SHELL, "echo no such thing; exit 4"))
    rollout = site.start(site.drain(), rest, SMOKE)
    site.controller(rollout).finish()
    found, run = site.ended(rollout)
    assert (found.phase, run.state) == (Phase.PAUSED, RunState.REFUSED)
    assert run.reason == "hook quiesce: failed (exit status 4): no such thing"
    assert site.done_there == ["started at 1.0"]
    assert site.balancer.read_text() == "drain web ring 1\nback web refused\n"
    assert site.host.shell("ls /var/lib/oakum/transactions 2>/dev/null || true") == ""


def test_a_smoke_test_that_hangs_has_the_host_rolled_back_and_then_put_back(site: Site) -> None:
    """Its time is over for all that it started; while the host is not well it gets no work."""
    hangs = replace(SMOKE, command=(*SHELL, "sleep 333 & echo trying; wait"), timeout_seconds=2)
    rollout = site.start(site.drain(), hangs)
    site.controller(rollout).finish()
    found, run = site.ended(rollout)
    assert (found.phase, run.state) == (Phase.ROLLED_BACK, RunState.ROLLED_BACK), run
    assert run.hooks[1].done.state is HookState.TIMED_OUT
    assert run.hooks[1].done.said == "trying"
    assert "sleep 333" not in site.host.shell("ps -eo args || cat /proc/*/cmdline | tr '\\0' ' '")
    assert site.balancer.read_text() == "drain web ring 1\nback web rolled back\n"
    assert site.host.shell(f"echo {VERSION}") == "1.0\n"


def test_a_failed_transaction_is_woken_and_put_back(site: Site) -> None:
    """The host undid it by itself; the rollout rolls back, and the host is in service again."""
    rollout = site.start(site.drain(), QUIESCE, pairs=((fragile, fragile_new),))
    site.controller(rollout).finish()
    found, run = site.ended(rollout)
    assert (found.phase, run.state) == (Phase.ROLLED_BACK, RunState.ROLLED_BACK), run
    assert site.done_there == ["stopped at 1.0", "started at 1.0"]
    assert site.balancer.read_text() == "drain web ring 1\nback web rolled back\n"


@pytest.mark.parametrize("place", list(HookPlace))
def test_a_controller_that_is_killed_in_a_hook_is_followed_and_runs_it_once(
    site: Site, place: HookPlace
) -> None:
    """The hook goes on; the next controller reads how it ended."""
    if place is HookPlace.HOST:
        slow = "echo slow >>/srv/hooks; sleep 6; echo end >>/srv/hooks"
        log = site.host.root / "srv/hooks"
        hooks = (replace(QUIESCE, command=(*SHELL, slow)), SMOKE)
    else:
        log = site.balancer
        hooks = (site.drain(f"sleep 6; echo end >>{log}"), SMOKE)
    rollout = site.start(*hooks)
    first = site.controller(rollout)
    until(log.exists)
    first.kill()
    assert "end" not in log.read_text()
    site.controller(rollout, "second").finish()
    found, run = site.ended(rollout)
    assert (found.phase, run.state) == (Phase.SUCCEEDED, RunState.SUCCEEDED), run
    lines = log.read_text().splitlines()
    assert lines[:2] == (
        ["slow", "end"] if place is HookPlace.HOST else ["drain web ring 1", "end"]
    )
    assert len(lines) == len(set(lines))
    done = run.hooks[0].done
    assert (done.state, done.exit_status) == (HookState.PASSED, 0)
    assert (done.seconds or 0) >= 6


def test_a_host_that_goes_down_in_a_hook_does_not_run_it_again(site: Site) -> None:
    """Nobody can say how it ended: unknown, and for one that must pass that is not passed."""
    slow = replace(QUIESCE, command=(*SHELL, "echo slow >>/srv/hooks; sync; sleep 60"))
    rollout = site.start(slow, SMOKE)
    controller = site.controller(rollout)
    log = site.host.root / "srv/hooks"
    until(log.exists)
    controller.kill()
    site.host.cut_power()
    site.host.boot(f"again{os.getpid()}")
    site.controller(rollout, "second").finish()
    found, run = site.ended(rollout)
    assert (found.phase, run.state) == (Phase.PAUSED, RunState.REFUSED)
    assert run.hooks[0].done.state is HookState.UNKNOWN
    assert site.done_there == ["slow", "started at 1.0"]
