"""Choose the adapters, once, and hand them to the services. Nothing is made before it is used."""

# ruff: noqa: PLC0415 (adapters are loaded when they are needed: `oakum --help` must be quick)

from __future__ import annotations

import os
import socket
import uuid
from functools import cached_property
from typing import TYPE_CHECKING

from oakum.core.errors import InputError, RefusedError
from oakum.core.ids import HostId

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from sqlalchemy import Engine

    from oakum.adapters.engines.procrastinate_engine import WorkerRole
    from oakum.adapters.machines.lab_files import DirectoryLabFiles
    from oakum.adapters.persistence.database import Turn
    from oakum.adapters.transports.asyncssh_transport import AsyncsshTransport
    from oakum.bootstrap.declared import Declarations
    from oakum.bootstrap.feeds import FeedAdapters
    from oakum.bootstrap.snapshots import SnapshotAdapters
    from oakum.core.ids import RolloutId
    from oakum.core.inventory.facts import Facts
    from oakum.core.inventory.known_address import KnownAddress
    from oakum.core.inventory.support import Supported
    from oakum.core.matching.finding import Finding
    from oakum.core.planning.plan import Plan
    from oakum.core.reconciling.report import ScannerReport
    from oakum.core.risk.assessment import Assessor
    from oakum.ports.clock import Clock
    from oakum.ports.deliveries import WorkerSeen
    from oakum.ports.engine import Engine as WorkEngine
    from oakum.ports.exports import Exporter, ExportFormat
    from oakum.ports.fact_collector import FactCollector
    from oakum.ports.lab import ProviderChoice
    from oakum.ports.locks import CommandLocks
    from oakum.ports.package_manager import PackageManager
    from oakum.ports.signing import OrderSigner
    from oakum.ports.stores import UnitOfWork, Writer
    from oakum.ports.transport import Transport
    from oakum.services.drive_host import Assignment, Tools
    from oakum.services.drive_run import AssignmentOf, Driver, MayAct
    from oakum.services.prepare_host import HostPreparer
    from oakum.services.rehearse_plan import Rehearser, Report
    from oakum.services.run_rollout import OnChange, Reconciler
    from oakum.settings import Settings


class Application:
    """The adapters of this installation."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.configuration = settings.configuration

    @cached_property
    def declared(self) -> Declarations:
        """What oakum.toml declares."""
        from oakum.bootstrap.declared import Declarations

        return Declarations(self.settings, lambda: self.clock)

    @cached_property
    def feeds(self) -> FeedAdapters:
        """Where advisories come from."""
        from oakum.bootstrap.feeds import FeedAdapters

        return FeedAdapters(self.settings, lambda: self.clock)

    @cached_property
    def snapshots(self) -> SnapshotAdapters:
        """Where snapshots are made from, kept and served."""
        from oakum.bootstrap.snapshots import SnapshotAdapters

        return SnapshotAdapters(self.settings, lambda: self.clock)

    # time, storage, locks

    @cached_property
    def clock(self) -> Clock:
        """The real time; that of the database server where several machines share it."""
        if self.is_distributed:
            from oakum.adapters.persistence.server_clock import ServerClock

            self._require_shared_database()
            return ServerClock(self._engine)
        from oakum.adapters.system_clock import SystemClock

        return SystemClock()

    @property
    def is_distributed(self) -> bool:
        """Tell whether workers elsewhere drive the hosts."""
        return self.configuration.engine.is_distributed

    def begin(self) -> UnitOfWork:
        """Begin a unit of work that decides: one after the other."""
        from oakum.adapters.persistence.database import Turn

        return self._unit_of_work(Turn.DECIDING)

    def reading(self) -> UnitOfWork:
        """Begin a unit of work that only reads: it waits for nobody, and cannot commit."""
        from oakum.adapters.persistence.database import Turn

        return self._unit_of_work(Turn.READING)

    def _driving(self) -> UnitOfWork:
        from oakum.adapters.persistence.database import Turn

        return self._unit_of_work(Turn.DRIVING)

    def _unit_of_work(self, turn: Turn) -> UnitOfWork:
        from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork

        return SqlUnitOfWork(self._engine, self.settings.home, turn)

    @cached_property
    def writer(self) -> Writer:
        """What stores for many tasks at once."""
        from oakum.adapters.persistence.group_commit import GroupCommit

        return GroupCommit(self._driving)

    @cached_property
    def _engine(self) -> Engine:
        from oakum.adapters.persistence.database import open_database

        return open_database(self.settings.database_url, self.settings.home)

    @cached_property
    def locks(self) -> CommandLocks:
        """Locks between commands."""
        from oakum.adapters.locks.files import FileLocks

        return FileLocks(self.settings.home / "locks")

    # hosts

    @cached_property
    def ssh(self) -> AsyncsshTransport:
        """SSH in this process."""
        from oakum.adapters.transports.asyncssh_transport import AsyncsshTransport

        return AsyncsshTransport(self.configuration.rollout.connect_timeout_seconds)

    @cached_property
    def transport(self) -> Transport:
        """How hosts are reached, as configured."""
        from oakum.adapters.transports.guarded import GuardedTransport
        from oakum.adapters.transports.openssh import OpensshTransport

        match self.configuration.transport:
            case "asyncssh":
                return GuardedTransport(self.ssh)
            case "openssh":
                seconds = self.configuration.rollout.connect_timeout_seconds
                return GuardedTransport(OpensshTransport(seconds))

    @cached_property
    def local_transport(self) -> Transport:
        """This machine."""
        from oakum.adapters.transports.local import LocalTransport

        return LocalTransport()

    @cached_property
    def collector(self) -> FactCollector:
        """How facts are asked."""
        from oakum.adapters.facts.collector import ShellFactCollector

        return ShellFactCollector()

    @cached_property
    def package_manager(self) -> PackageManager:
        """How packages are changed."""
        from oakum.adapters.package_managers.apt import AptPackageManager

        return AptPackageManager()

    def host_preparer(self, actor: str) -> HostPreparer:
        """Return what prepares hosts to obey signed orders only."""
        from oakum.adapters.facts.collector import SCRIPT
        from oakum.adapters.hooks.records import SCRIPT as HOOK
        from oakum.adapters.package_managers.host_scripts import host_programs
        from oakum.adapters.preparation.shell import ShellHostFiles
        from oakum.services.prepare_host import HostPreparer

        return HostPreparer(
            begin=self.begin,
            transport=self.transport,
            files=ShellHostFiles(),
            signer=self.order_signer,
            programs=host_programs() | {"facts.sh": SCRIPT, "hook.sh": HOOK},
            clock=self.clock,
            actor=actor,
        )

    @cached_property
    def order_signer(self) -> OrderSigner:
        """How approvers' signatures are made and read."""
        from oakum.adapters.signing.ssh_keygen import SshKeygen

        return SshKeygen()

    @cached_property
    def tools(self) -> Tools:
        """What hosts are driven with."""
        from oakum.adapters.checks.probes import Probes
        from oakum.adapters.hooks.on_controller import ControllerHooks
        from oakum.adapters.hooks.on_host import HostHooks
        from oakum.adapters.metrics.readings import ShellAndHttpMetrics
        from oakum.ports.hooks import HookRunners
        from oakum.services.drive_host import Tools

        return Tools(
            self.package_manager,
            self.collector,
            Probes(),
            ShellAndHttpMetrics(),
            self.clock,
            self.transport,
            hooks=HookRunners(HostHooks(), ControllerHooks(self.settings.home / "hooks")),
        )

    def read_inventory(
        self, ssh_config: Path | None, ansible: Path | None, user: str
    ) -> tuple[KnownAddress, ...]:
        """Return the hosts of a file of another program."""
        from oakum.adapters.inventories.files import read_ansible, read_ssh_config

        if (ssh_config is None) == (ansible is None):
            raise InputError("give --ssh-config FILE or --ansible FILE, one of them")
        if ssh_config is not None:
            return read_ssh_config(ssh_config, user)
        return read_ansible(ansible, user) if ansible is not None else ()

    def read_text(self, path: Path) -> str:
        """Return a small text file."""
        from oakum.adapters.inventories.files import read_text

        return read_text(path)

    def fingerprint(self, host_key: str) -> str:
        """Return a key as people compare it."""
        from oakum.adapters.transports.fingerprint import fingerprint

        return fingerprint(host_key)

    def read_dpkg_status(self, path: Path) -> Facts:
        """Return what a copy of dpkg's list tells of a host."""
        from oakum.adapters.facts.dpkg_status import read_dpkg_status

        return read_dpkg_status(path, self.clock.now())

    # risk, reports and exports

    @cached_property
    def assessor(self) -> Assessor:
        """The policies in force: those that are named, and all of one's own."""
        from oakum.adapters.policies.own import own_deadlines
        from oakum.adapters.policies.shipped import shipped_tables
        from oakum.core.risk.assessment import Assessor

        policy = self.configuration.policy
        if not policy.own:
            return Assessor(shipped_tables(), policy.deadlines)
        path = self.settings.home / policy.own
        own = own_deadlines(path)
        names = dict.fromkeys((*policy.deadlines, *(rule.policy for rule in own)))
        return Assessor(shipped_tables().with_own(own, str(path)), tuple(names))

    def read_report(self, path: Path) -> ScannerReport:
        """Return a report of another scanner."""
        from oakum.adapters.scanners.reading import read_report

        return read_report(path)

    def exporter(self, form: ExportFormat) -> Exporter:
        """Return what writes a format."""
        from oakum.adapters.exports.choice import EXPORTERS

        return EXPORTERS[form]

    @cached_property
    def releases(self) -> Supported:
        """How long each release is supported: as a feed tells, and the shipped table."""
        from oakum.adapters.releases.shipped import shipped_releases
        from oakum.core.inventory.support import laid_over

        with self.begin() as work:
            return laid_over(work.advisories.support(), shipped_releases())

    # machines

    @cached_property
    def lab_files(self) -> DirectoryLabFiles:
        """The lab's key and access files."""
        from oakum.adapters.machines.lab_files import DirectoryLabFiles

        return DirectoryLabFiles(self.settings.home / "lab" / "access")

    @cached_property
    def lab_machines(self) -> ProviderChoice:
        """The lab's machines."""
        return self._machines("lab/machines")

    @cached_property
    def twin_machines(self) -> ProviderChoice:
        """The rehearsal's twins."""
        return self._machines("twins/machines")

    @cached_property
    def twin_files(self) -> DirectoryLabFiles:
        """The key with which twins are reached."""
        from oakum.adapters.machines.lab_files import DirectoryLabFiles

        return DirectoryLabFiles(self.settings.home / "twins" / "access")

    # plans, rehearsals and rollouts

    def assignments(self, plan: Plan) -> dict[HostId, Assignment]:
        """Return all that is needed to carry a plan out on each of its hosts."""
        from oakum.core.staging.vitals import VitalQuestions
        from oakum.services.assign_hosts import assign_hosts

        with self.reading() as work:
            snapshot = work.snapshots.get(plan.snapshot)
            signals = self.configuration.signals
            vital = VitalQuestions(signals.names, signals.units)
            return assign_hosts(
                plan, self.snapshots.access(snapshot), self.declared.checks, work, vital
            )

    def rehearser(self, actor: str, report: Report, say: Callable[[str], None]) -> Rehearser:
        """Return what rehearses plans."""
        from oakum.services.build_twin import TwinBuilder
        from oakum.services.rehearse_plan import Rehearser

        settings = self.configuration.rehearsal
        provider, why = self.twin_machines(settings.provider)
        say(why)
        builder = TwinBuilder(
            provider,
            self.transport,
            self.twin_files.authorized_key(),
            str(self.twin_files.identity_file),
            settings.copy,
        )
        return Rehearser(
            begin=self.begin,
            transport=self.transport,
            builder=builder,
            tools=self.tools,
            match=self._match_one,
            actor=actor,
            twins_at_once=settings.twins_at_once,
            report=report,
        )

    def _match_one(self, facts: Facts) -> tuple[Finding, ...]:
        from oakum.core.matching.matcher import match, topics_of
        from oakum.services.find_exposure import index_for

        with self.reading() as work:
            return match(HostId("twin"), facts, index_for(work, topics_of(facts)))

    def reconciler(
        self, rollout: RolloutId, actor: str, on_change: OnChange, say: Callable[[str], None]
    ) -> Reconciler:
        """Return what drives a rollout from this process, or has workers drive it."""
        from oakum.services.assign_hosts import plan_of
        from oakum.services.run_rollout import Reconciler, keeps_lease

        with self.reading() as work:
            plan = plan_of(work.rollouts.get(rollout), work)
        assignments, holder = self.assignments(plan), self.controller_name()
        driver = None
        if not self.is_distributed:
            driver = self._driver(
                actor, lambda _, host: assignments[host], keeps_lease(holder, self.clock)
            )
        return Reconciler(
            rollout=rollout,
            holder=holder,
            actor=actor,
            zones={host: job.host.zone for host, job in assignments.items()},
            begin=self.begin,
            clock=self.clock,
            engine=self._work_engine(concurrency=plan.budget.concurrency),
            driver=driver,
            on_change=on_change,
            say=say,
            freezes=self.declared.freezes_of([job.host for job in assignments.values()]),
        )

    async def work(self, groups: Collection[str], actor: str) -> None:
        """Drive hosts of these worker groups for whoever runs a rollout, until cancelled.

        Raises RefusedError where this machine could not know the key that snapshots are signed
        with, or the database is not one that several machines can share.
        """
        from importlib.metadata import version

        from oakum.adapters.engines.procrastinate_engine import WorkerRole
        from oakum.services.assign_hosts import plan_of
        from oakum.services.remember_assignments import RememberedAssignments

        self._require_shared_database()
        self.snapshots.public_key()

        def assign(rollout: RolloutId) -> dict[HostId, Assignment]:
            with self.reading() as work:
                plan = plan_of(work.rollouts.get(rollout), work)
            return self.assignments(plan)

        role = WorkerRole(
            self.controller_name(),
            tuple(groups),
            self.configuration.engine.hosts_at_once,
            version("oakum"),
        )
        engine = self._work_engine(role)
        driver = self._driver(actor, RememberedAssignments(assign), engine.holds)
        await engine.run_worker(driver.perform)

    def live_workers(self) -> tuple[WorkerSeen, ...]:
        """Return the workers that were seen of late."""
        from oakum.adapters.engines.procrastinate_engine import Timing

        with self.reading() as work:
            return work.deliveries.workers(self.clock.now() - Timing().alive)

    def _driver(self, actor: str, assignment_of: AssignmentOf, may_act: MayAct) -> Driver:
        from oakum.adapters.system_clock import seconds_ahead
        from oakum.services.drive_run import Driver

        tools = self.tools
        return Driver(
            actor, assignment_of, may_act, self.writer, self.transport, tools, seconds_ahead
        )

    def _work_engine(self, role: WorkerRole | None = None, *, concurrency: int = 0) -> WorkEngine:
        if not self.is_distributed:
            from oakum.adapters.engines.embedded import EmbeddedEngine

            return EmbeddedEngine(max(concurrency, self.configuration.engine.hosts_at_once))
        from importlib.metadata import version

        from oakum.adapters.engines.procrastinate_engine import ProcrastinateEngine, Timing
        from oakum.adapters.engines.procrastinate_schema import bring_up_to_date

        self._require_shared_database()
        with self.begin() as work:
            others = work.deliveries.workers(self.clock.now() - Timing().alive)
            older = any(worker.version != version("oakum") for worker in others)
            bring_up_to_date(work.driver_connection(), others_are_older=older)
            work.commit()
        url = self._engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        return ProcrastinateEngine(url, self._driving, self.writer, self.clock, role=role)

    def _require_shared_database(self) -> None:
        if not self.is_distributed or self._engine.dialect.name != "postgresql":
            raise RefusedError(
                "workers need a PostgreSQL database that they share with the controllers",
                hint='set `database` and `[engine] kind = "distributed"` in oakum.toml, on every '
                "machine; docs/guides/workers.md",
            )

    def controller_name(self) -> str:
        """Return a name for this process among all controllers."""
        return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"

    def _machines(self, below: str) -> ProviderChoice:
        from oakum.adapters.machines.choice import ProviderChooser

        return ProviderChooser(
            self.settings.home / below, self.settings.cache, self.snapshots.distribution_archives
        )
