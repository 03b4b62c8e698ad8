"""Rollouts on a real PostgreSQL, by controllers and workers that die in the middle."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from tests import plans
from tests.conformance.postgres_server import PostgresServer, running_postgres
from tests.fakes.fleet import measured, plan_for, store
from tests.integration.rollouts.machines import (
    Process,
    Site,
    start_controller,
    start_worker,
    units_of,
    until,
)

from oakum.adapters.engines import procrastinate_engine
from oakum.adapters.engines.procrastinate_schema import bring_up_to_date
from oakum.adapters.persistence.database import open_database
from oakum.adapters.system_clock import SystemClock
from oakum.core.audit.event import Action
from oakum.core.ids import HostId
from oakum.core.planning.hook import Hook, HookPlace
from oakum.core.rollout.rollout import Rollout
from oakum.core.rollout.state import Phase, RunState
from oakum.ports.deliveries import Job
from oakum.services.start_rollout import start_rollout

HOSTS = tuple(f"h{number}" for number in range(8))


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


class Stage:
    """A started rollout, the machines that are at work on it, and an eye on its database."""

    def __init__(self, site: Site, database: Engine) -> None:
        self.site = site
        self._database = database
        self.begin = units_of(database, site.home)
        self._machines: list[Process] = []

    def controller(self, name: str) -> Process:
        return self._keep(start_controller(self.site, name))

    def worker(self, name: str, *groups: str) -> Process:
        return self._keep(start_worker(self.site, name, groups or ("",)))

    def held_by(self, worker: str) -> int:
        return self._ask("SELECT count(*) FROM deliveries WHERE worker = :given", worker)

    def changed(self) -> int:
        return sum(bool(self.site.hosts.deeds(host)) for host in self.site.plan.hosts)

    def lease_holder(self) -> str:
        with self._database.connect() as connection:
            return str(connection.execute(text("SELECT lease_holder FROM rollouts")).scalar())

    def queued(self) -> int:
        return self._ask("SELECT count(*) FROM procrastinate_jobs WHERE '' = :given", "")

    def until(self, happened: Callable[[], bool]) -> None:
        until(happened)

    def require_all_good(self, *, confirmed: bool = True) -> Rollout:
        """Require that each host was changed once, and is as planned.

        An Oakum from before there were deadmen confirms nothing, and then none is armed.
        """
        with self.begin() as work:
            ended = work.rollouts.get(self.site.rollout)
            events = work.audit.events()
            assert work.audit.verify() == (len(events), None)
        assert ended.phase is Phase.SUCCEEDED
        assert {run.state for run in ended.runs} == {RunState.SUCCEEDED}
        for run in ended.runs:
            deeds = self.site.hosts.deeds(run.host)
            good = [f"upgrade {run.transaction}", f"confirm {run.transaction}"]
            assert deeds == good or (not confirmed and deeds == good[:1])
        steps = [e.details for e in events if e.action is Action.HOST_RUN_CHANGED]
        assert len(steps) == len({str(step) for step in steps}) == 4 * len(ended.runs)
        return ended

    def require_all_measured(self) -> Rollout:
        """Require that it ended well; hosts are verified a second time after the soak."""
        with self.begin() as work:
            ended = work.rollouts.get(self.site.rollout)
        assert ended.phase is Phase.SUCCEEDED, ended.reason
        for run in ended.runs:
            assert self.site.hosts.deeds(run.host) == [
                f"upgrade {run.transaction}",
                f"confirm {run.transaction}",
            ]
        return ended

    def actors(self) -> dict[str, set[str]]:
        """Return who stored the steps of each host that only a worker can have seen."""
        found: dict[str, set[str]] = {}
        with self.begin() as work:
            for seen in work.audit.events():
                if seen.action is Action.HOST_VERIFIED:
                    found.setdefault(seen.subject, set()).add(seen.actor)
        return found

    def end(self) -> None:
        for machine in self._machines:
            machine.end()

    def _keep(self, machine: Process) -> Process:
        self._machines.append(machine)
        return machine

    def _ask(self, question: str, given: str) -> int:
        with self._database.connect() as connection:
            return int(connection.execute(text(question), {"given": given}).scalar_one())


@pytest.fixture
def make_stage(postgres: PostgresServer, tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Return how to start a rollout over hosts of these zones."""
    stages: list[tuple[Stage, Engine]] = []

    def make(
        zones: dict[str, str] | None = None,
        seconds: float = 0.7,
        hooks: tuple[Hook, ...] = (),
        *,
        is_measured: bool = False,
    ) -> Stage:
        plan = replace(plan_for(HOSTS, first_ring=2, at_once=4), hooks=hooks)
        if is_measured:
            plan = measured(plan)
        url = postgres.new_database()
        database = open_database(url, tmp_path)
        begin = units_of(database, tmp_path)
        store(plan, begin, zones)
        rollout = start_rollout(plan.id, "ann", begin, SystemClock())
        with begin() as work:
            bring_up_to_date(work.driver_connection(), others_are_older=False)
            work.commit()
        stage = Stage(Site(url, tmp_path, plan, rollout.id, seconds), database)
        # Nobody who is born of this process may find an open connection of it.
        database.dispose()
        stages.append((stage, database))
        return stage

    yield make
    for stage, database in stages:
        stage.end()
        database.dispose()


MakeStage = Callable[..., Stage]


def test_workers_share_a_rollout(make_stage: MakeStage) -> None:
    """Nothing is left in the queue, and no worker holds anything."""
    stage = make_stage()
    controller = stage.controller("controller")
    for name in ("worker 1", "worker 2"):
        stage.worker(name)
    controller.finish()
    stage.require_all_good()
    stage.until(lambda: stage.queued() == 0)
    assert stage.held_by("worker 1") + stage.held_by("worker 2") == 0


def test_workers_measure_hosts_as_well(make_stage: MakeStage) -> None:
    """Numbers come from whoever drives hosts; what is required has come, before and after."""
    stage = make_stage(is_measured=True)
    controller = stage.controller("controller")
    for name in ("worker 1", "worker 2"):
        stage.worker(name)
    stage.until(lambda: stage.held_by("worker 1") + stage.held_by("worker 2") > 0)
    controller.finish()
    ended = stage.require_all_measured()
    assert [pairs.metric for pairs in ended.measuring.past] == ["latency"]
    assert ended.measuring.round >= 3
    assert not any(run.is_to_answer for run in ended.runs)
    stage.until(lambda: stage.queued() == 0)


def test_a_worker_that_is_killed_is_followed_by_another(make_stage: MakeStage) -> None:
    """What it held is done by the other, and its rows do not stay in the queue."""
    stage = make_stage()
    controller, victim = stage.controller("controller"), stage.worker("victim")
    stage.until(lambda: stage.held_by("victim") > 1)
    victim.kill()
    stage.worker("other")
    controller.finish()
    stage.require_all_good()
    assert set().union(*stage.actors().values()) <= {"victim", "other"}
    assert {"other"} in stage.actors().values()
    stage.until(lambda: stage.queued() == 0)


DRAIN = replace(plans.DRAIN, place=HookPlace.HOST, hosts=tuple(HostId(host) for host in HOSTS))


def test_hooks_are_run_once_though_a_worker_is_killed(make_stage: MakeStage) -> None:
    """On the host any worker finds out how one ended; each host is drained, changed, put back."""
    stage = make_stage(hooks=(DRAIN,))
    controller, victim = stage.controller("controller"), stage.worker("victim")
    stage.until(lambda: stage.held_by("victim") > 1)
    victim.kill()
    stage.worker("other")
    controller.finish()
    with stage.begin() as work:
        ended = work.rollouts.get(stage.site.rollout)
        events = work.audit.events()
    assert ended.phase is Phase.SUCCEEDED
    for run in ended.runs:
        assert stage.site.hosts.deeds(run.host) == [
            "1",
            f"upgrade {run.transaction}",
            f"confirm {run.transaction}",
            "1.undo",
        ]
    begun = [str(e.details) for e in events if e.action is Action.HOOK_BEGUN]
    assert len(begun) == len(set(begun)) == 2 * len(HOSTS)


def test_the_database_may_restart_in_the_middle(
    make_stage: MakeStage, postgres: PostgresServer
) -> None:
    """Controller and workers wait for it, and go on."""
    stage = make_stage()
    controller = stage.controller("controller")
    for name in ("worker 1", "worker 2"):
        stage.worker(name)
    for changed in (1, 4):
        stage.until(lambda changed=changed: stage.changed() >= changed)  # type: ignore[misc]
        postgres.restart()
    controller.finish()
    stage.require_all_good()


def test_a_controller_that_is_killed_is_followed_by_another(make_stage: MakeStage) -> None:
    """The second waits while the first holds the lease; the worker goes on meanwhile."""
    stage = make_stage()
    first = stage.controller("first")
    stage.until(lambda: stage.lease_holder() == "first")
    second = stage.controller("second")
    stage.worker("worker")
    stage.until(lambda: stage.changed() > 1)
    assert stage.lease_holder() == "first"
    first.kill()
    second.finish()
    stage.require_all_good()


def test_hosts_are_driven_by_the_workers_of_their_zone(make_stage: MakeStage) -> None:
    """A worker takes its groups' hosts only; those without a zone are the default group's."""
    stage = make_stage({"h1": "dmz", "h4": "dmz", "h5": "lan"}, 0.1)
    controller = stage.controller("controller")
    for name, groups in (("near dmz", ("dmz",)), ("default", ("",)), ("near lan", ("lan",))):
        stage.worker(name, *groups)
    controller.finish()
    stage.require_all_good()
    near = {"h1": "near dmz", "h4": "near dmz", "h5": "near lan"}
    assert stage.actors() == {host: {near.get(host, "default")} for host in HOSTS}


_TO_ARGUMENTS = procrastinate_engine.to_arguments


@pytest.mark.parametrize(
    "form",
    [
        lambda job: {"rollout": job.rollout, "host_run": job.host_run},
        lambda job: {**_TO_ARGUMENTS(job), "priority": "urgent", "attempt": str(job.attempt)},
    ],
)
def test_an_upgrade_in_mid_rollout_changes_nothing(
    make_stage: MakeStage, monkeypatch: pytest.MonkeyPatch, form: Callable[[Job], object]
) -> None:
    """Jobs that a controller of another version has given out are done by the present worker."""
    stage = make_stage()
    with monkeypatch.context() as other_version:
        other_version.setattr(procrastinate_engine, "to_arguments", form)
        first = stage.controller("of another version")
    stage.until(lambda: stage.queued() > 1)
    first.kill()
    stage.worker("worker")
    stage.controller("present").finish()
    stage.require_all_good()


def test_a_job_that_a_dead_worker_had_only_fetched_is_not_lost(make_stage: MakeStage) -> None:
    """The queue's row is freed by another worker's sweep, long before anyone would call it lost."""
    stage = make_stage()
    controller = stage.controller("controller")
    stage.until(lambda: stage.queued() > 1)
    database = open_database(stage.site.url, stage.site.home)
    with database.begin() as connection:
        connection.execute(text("UPDATE procrastinate_jobs SET status = 'doing'"))
    database.dispose()
    stage.worker("worker")
    controller.finish()
    stage.require_all_good()
