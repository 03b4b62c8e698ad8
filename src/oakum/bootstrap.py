"""Choose the adapters, once, and hand them to the services. Nothing is made before it is used."""

# ruff: noqa: PLC0415 (adapters are loaded when they are needed: `oakum --help` must be quick)

from __future__ import annotations

import os
import socket
import uuid
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from oakum.core.advisories.feed import FeedName
from oakum.core.errors import InputError, RefusedError
from oakum.core.ids import HostId
from oakum.core.staging.check import Check

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import timedelta

    from sqlalchemy import Engine

    from oakum.adapters.engines.procrastinate_engine import WorkerRole
    from oakum.adapters.feeds.bundle import Bundle
    from oakum.adapters.feeds.kept import KeptFeeds
    from oakum.adapters.machines.lab_files import DirectoryLabFiles
    from oakum.adapters.signing.openpgp import OwnKey
    from oakum.adapters.snapshots.store import DiskSnapshotStore
    from oakum.adapters.transports.asyncssh_transport import AsyncsshTransport
    from oakum.core.ids import RolloutId
    from oakum.core.inventory.facts import Facts
    from oakum.core.inventory.known_address import KnownAddress
    from oakum.core.inventory.support import Supported
    from oakum.core.matching.finding import Finding
    from oakum.core.planning.plan import Plan
    from oakum.core.planning.schedule import Rules
    from oakum.core.reconciling.report import ScannerReport
    from oakum.core.repositories.archive import ArchiveSource
    from oakum.core.repositories.snapshot import Snapshot
    from oakum.core.risk.assessment import Assessor
    from oakum.ports.advisory_feed import AdvisorySource, BundleWriter, FrozenFeeds, Rulings
    from oakum.ports.archive import PackageArchive
    from oakum.ports.clock import Clock
    from oakum.ports.deliveries import WorkerSeen
    from oakum.ports.engine import Engine as WorkEngine
    from oakum.ports.exports import Exporter, ExportFormat
    from oakum.ports.fact_collector import FactCollector
    from oakum.ports.lab import ProviderChoice
    from oakum.ports.locks import CommandLocks
    from oakum.ports.package_manager import PackageManager, SnapshotAccess
    from oakum.ports.progress import Progress
    from oakum.ports.signing import OrderSigner, Verifier
    from oakum.ports.stores import UnitOfWork, Writer
    from oakum.ports.transport import Transport
    from oakum.services.drive_host import Assignment, Tools
    from oakum.services.drive_run import AssignmentOf, Driver, MayAct
    from oakum.services.prepare_host import HostPreparer
    from oakum.services.rehearse_plan import Rehearser, Report
    from oakum.services.run_rollout import OnChange, Reconciler
    from oakum.settings import ArchiveSettings, Settings


class Application:
    """The adapters of this installation."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.configuration = settings.configuration

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
        return self.configuration.engine.kind == "distributed"

    def begin(self) -> UnitOfWork:
        """Begin a unit of work."""
        from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork

        return SqlUnitOfWork(self._engine, self.settings.home)

    @cached_property
    def writer(self) -> Writer:
        """What stores for many tasks at once."""
        from oakum.adapters.persistence.group_commit import GroupCommit

        return GroupCommit(self.begin)

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
        from oakum.adapters.package_managers.host_scripts import host_programs
        from oakum.adapters.preparation.shell import ShellHostFiles
        from oakum.services.prepare_host import HostPreparer

        return HostPreparer(
            begin=self.begin,
            transport=self.transport,
            files=ShellHostFiles(),
            signer=self.order_signer,
            programs=host_programs() | {"facts.sh": SCRIPT},
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
        from oakum.services.drive_host import Tools

        return Tools(self.package_manager, self.collector, Probes(), self.clock)

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """The declared checks."""
        return tuple(
            Check(
                c.name,
                c.kind,
                c.hosts,
                c.target,
                c.expect_status,
                c.expect_text,
                c.timeout_seconds,
            )
            for c in self.configuration.checks
        )

    @cached_property
    def rules(self) -> Rules:
        """The declared maintenance windows and freezes. Raises InputError for one without sense."""
        from datetime import timedelta

        from oakum.core.planning.openings import Freeze
        from oakum.core.planning.schedule import FreezeRule, Rules, WindowRule

        windows = tuple(
            WindowRule(w.name, w.hosts, w.rule, w.starts, timedelta(minutes=w.minutes), w.zone)
            for w in self.configuration.windows
        )
        freezes = tuple(
            FreezeRule(f.hosts, Freeze(f.begins, f.ends, f.reason))
            for f in self.configuration.freezes
        )
        rules = Rules(windows, freezes, str(self.settings.home / "oakum.toml"))
        rules.require_sense()
        return rules

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

    # advisories and risk

    def feed_limits(self) -> dict[FeedName, timedelta]:
        """Return how old each feed may be."""
        from datetime import timedelta

        settings = self.configuration.advisories
        return {feed: timedelta(hours=settings.of(feed).stale_after_hours) for feed in FeedName}

    def refusal_limits(self, release: str) -> dict[FeedName, timedelta]:
        """Return from which age on nothing is done to a release on a feed's word."""
        from datetime import timedelta

        from oakum.core.inventory.distribution import system_of

        settings = self.configuration.advisories
        rules = ((feed, settings.of(feed)) for feed in settings.about(system_of(release)))
        return {
            feed: timedelta(hours=rule.refuse_after_hours)
            for feed, rule in rules
            if rule.refuse_after_hours
        }

    def advisory_source(
        self,
        offline: str,
        file: Path | None,
        feeds: Collection[FeedName],
        progress: Progress,
        *,
        may_be_unsigned: bool = False,
    ) -> AdvisorySource:
        """Return the network, a bundle (a path, or `shipped`), or one feed's own file."""
        if file is not None:
            from oakum.adapters.feeds.file import FeedFile

            if len(feeds) != 1 or offline:
                raise InputError("--file needs one --feed: which feed the file is of")
            (feed,) = feeds
            return FeedFile(file, feed, self.clock, self._kept_feeds)
        if offline == "shipped":
            return self.shipped_bundle().keeping(self._kept_feeds)
        if offline:
            from oakum.adapters.feeds.bundle import open_bundle

            bundle = open_bundle(Path(offline), self._bundle_keys, may_be_unsigned=may_be_unsigned)
            return bundle.keeping(self._kept_feeds)
        import time

        from oakum.adapters.feeds.download import DownloadedFeeds

        settings = self.configuration.advisories
        urls = {feed: settings.of(feed).urls for feed in settings.fetched()}
        return DownloadedFeeds(
            urls, self._kept_feeds, self.clock, pause=time.sleep, progress=progress
        )

    def bundle_writer(self, path: Path) -> BundleWriter:
        """Return what writes the feeds that are kept here into a file."""
        from oakum.adapters.feeds.bundle_writing import SignedBundle

        return SignedBundle(path, self._kept_feeds, self.bundle_key)

    @cached_property
    def bundle_key(self) -> OwnKey:
        """The key that bundles are signed with."""
        from oakum.adapters.signing.openpgp import OwnKey

        return OwnKey(self.settings.home / "keys" / "bundles.key", "Oakum bundles")

    @cached_property
    def _bundle_keys(self) -> Verifier:
        from oakum.adapters.signing.openpgp import KnownKeys

        files = self.configuration.advisories.bundle_keys
        return KnownKeys([self.settings.home / file for file in files], self.bundle_key)

    @cached_property
    def _kept_feeds(self) -> KeptFeeds:
        from oakum.adapters.feeds.kept import KeptFeeds

        return KeptFeeds(self.settings.home / "feeds")

    def shipped_bundle(self) -> Bundle:
        """Return the bundle that ships with Oakum."""
        from oakum.adapters.feeds.bundle import shipped_bundle

        return shipped_bundle()

    @cached_property
    def shipped_rulings(self) -> Rulings:
        """What counts of the shipped bundle, from the cache."""
        from oakum.adapters.feeds.compact import CompactAdvisories

        return CompactAdvisories(self.settings.cache, self.shipped_bundle)

    def read_dpkg_status(self, path: Path) -> Facts:
        """Return what a copy of dpkg's list tells of a host."""
        from oakum.adapters.facts.dpkg_status import read_dpkg_status

        return read_dpkg_status(path, self.clock.now())

    def frozen_feeds(
        self,
        kev: Path,
        until_kev: Path,
        epss: Path | None,
        severity: Iterable[Path],
        advisories: Iterable[Path],
    ) -> FrozenFeeds:
        """Return feeds of a past day, from files."""
        from oakum.adapters.feeds.frozen import FrozenFiles, read_frozen

        return read_frozen(FrozenFiles(kev, until_kev, epss, tuple(severity), tuple(advisories)))

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
        """How long each release is supported."""
        from oakum.adapters.releases.shipped import shipped_releases

        return shipped_releases()

    # snapshots

    @property
    def published(self) -> Path:
        """Where published snapshots are."""
        return self.settings.home / "snapshots"

    @cached_property
    def archive(self) -> PackageArchive:
        """Upstream archives."""
        from oakum.adapters.archives.debian import DebianArchive

        home = self.settings.home
        return DebianArchive(home / "pool", home / "indices", self.clock)

    @cached_property
    def snapshot_store(self) -> DiskSnapshotStore:
        """Snapshots on disk."""
        from oakum.adapters.signing.openpgp import OwnKey
        from oakum.adapters.snapshots.store import DiskSnapshotStore

        home = self.settings.home
        key = OwnKey(self._own_snapshot_key, "Oakum snapshots")
        return DiskSnapshotStore(home / "pool", self.published, key)

    def archive_sources(self, release: str) -> tuple[ArchiveSource, ...]:
        """Return the archives that snapshots of a release are made from."""
        extra = _archives(self.configuration.extra_archives, release)
        return (*self.distribution_archives(release), *extra)

    def distribution_archives(self, release: str) -> tuple[ArchiveSource, ...]:
        """Return the configured archives of a release; without any, those of this machine's apt."""
        from oakum.adapters.archives.apt_configuration import apt_sources

        if not self.configuration.archives:
            return apt_sources(release)
        found = _archives(self.configuration.archives, release)
        if not found:
            raise InputError(
                f"no [[archives]] are configured for {release}",
                hint="docs/guides/configuration.md has an example",
            )
        return found

    def serve_snapshots(self, listen: str, on_ready: Callable[[str], None]) -> None:
        """Serve what is published until a signal to end comes."""
        from oakum.adapters.snapshots.server import serve

        serve(self.published, listen, on_ready)

    def require_served(self) -> None:
        """Raise RefusedError unless published snapshots can be fetched where hosts fetch them."""
        from oakum.adapters.snapshots.reach import require_served

        require_served(self.configuration.snapshots.url)

    def access(self, snapshot: Snapshot) -> SnapshotAccess:
        """Return how hosts get a snapshot."""
        from oakum.ports.package_manager import SnapshotAccess

        return SnapshotAccess(
            snapshot=snapshot.id,
            url=f"{self.configuration.snapshots.url}/snapshots/{snapshot.id}",
            suite=snapshot.manifest.release,
            public_key=self._snapshot_key(),
        )

    def _snapshot_key(self) -> str:
        """Return the key that hosts must trust; a worker must not make one of its own."""
        file = self.configuration.snapshots.public_key
        if file:
            return self.read_text(self.settings.home / file)
        if self.is_distributed and not self._own_snapshot_key.exists():
            raise RefusedError(
                "the key that snapshots are signed with is not on this machine",
                hint="`oakum snapshots key` prints it where they are frozen; name its file in "
                "`[snapshots] public_key`",
            )
        return self.snapshot_store.public_key()

    @property
    def _own_snapshot_key(self) -> Path:
        return self.settings.home / "keys" / "snapshots.key"

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
        from oakum.services.assign_hosts import assign_hosts

        with self.begin() as work:
            snapshot = work.snapshots.get(plan.snapshot)
            return assign_hosts(plan, self.access(snapshot), self.checks, work)

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

        with self.begin() as work:
            return match(HostId("twin"), facts, index_for(work, topics_of(facts)))

    def reconciler(
        self, rollout: RolloutId, actor: str, on_change: OnChange, say: Callable[[str], None]
    ) -> Reconciler:
        """Return what drives a rollout from this process, or has workers drive it."""
        from oakum.services.assign_hosts import plan_of
        from oakum.services.run_rollout import Reconciler, keeps_lease

        with self.begin() as work:
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
            engine=self._work_engine(),
            driver=driver,
            on_change=on_change,
            say=say,
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
        self._snapshot_key()

        def assign(rollout: RolloutId) -> dict[HostId, Assignment]:
            with self.begin() as work:
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

        with self.begin() as work:
            return work.deliveries.workers(self.clock.now() - Timing().alive)

    def _driver(self, actor: str, assignment_of: AssignmentOf, may_act: MayAct) -> Driver:
        from oakum.services.drive_run import Driver

        return Driver(actor, assignment_of, may_act, self.writer, self.transport, self.tools)

    def _work_engine(self, role: WorkerRole | None = None) -> WorkEngine:
        if not self.is_distributed:
            from oakum.adapters.engines.embedded import EmbeddedEngine

            return EmbeddedEngine()
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
        return ProcrastinateEngine(url, self.begin, self.writer, self.clock, role=role)

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
            self.settings.home / below, self.settings.cache, self.distribution_archives
        )


def _archives(settings: Iterable[ArchiveSettings], release: str) -> tuple[ArchiveSource, ...]:
    from oakum.core.repositories.archive import ArchiveSource

    return tuple(
        ArchiveSource(a.uri, a.suite, a.components, a.keyring)
        for a in settings
        if a.release == release
    )
