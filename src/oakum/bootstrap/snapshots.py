"""Where snapshots are made from, kept and served."""

# ruff: noqa: PLC0415 (adapters are loaded when they are needed: `oakum --help` must be quick)

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from oakum.core.errors import InputError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from oakum.adapters.snapshots.store import DiskSnapshotStore
    from oakum.core.repositories.archive import ArchiveSource
    from oakum.core.repositories.snapshot import Snapshot
    from oakum.ports.archive import PackageArchive
    from oakum.ports.clock import Clock
    from oakum.ports.package_manager import SnapshotAccess
    from oakum.settings import ArchiveSettings, Settings


class SnapshotAdapters:
    """The adapters for snapshots and archives."""

    def __init__(self, settings: Settings, clock: Callable[[], Clock]) -> None:
        self._home = settings.home
        self._configuration = settings.configuration
        self._clock = clock

    @property
    def published(self) -> Path:
        """Where published snapshots are."""
        return self._home / "snapshots"

    @cached_property
    def archive(self) -> PackageArchive:
        """Upstream archives."""
        from oakum.adapters.archives.debian import DebianArchive

        home = self._home
        return DebianArchive(home / "pool", home / "indices", self._clock())

    @cached_property
    def store(self) -> DiskSnapshotStore:
        """Snapshots on disk."""
        from oakum.adapters.signing.openpgp import OwnKey
        from oakum.adapters.snapshots.store import DiskSnapshotStore

        home = self._home
        key = OwnKey(self._own_key, "Oakum snapshots")
        return DiskSnapshotStore(home / "pool", self.published, key)

    def sources(self, release: str) -> tuple[ArchiveSource, ...]:
        """Return the archives that snapshots of a release are made from."""
        extra = _archives(self._configuration.extra_archives, release)
        return (*self.distribution_archives(release), *extra)

    def distribution_archives(self, release: str) -> tuple[ArchiveSource, ...]:
        """Return the configured archives of a release; without any, those of this machine's apt."""
        from oakum.adapters.archives.apt_configuration import apt_sources

        if not self._configuration.archives:
            return apt_sources(release)
        found = _archives(self._configuration.archives, release)
        if not found:
            raise InputError(
                f"no [[archives]] are configured for {release}",
                hint="docs/guides/configuration.md has an example",
            )
        return found

    def serve(self, listen: str, on_ready: Callable[[str], None]) -> None:
        """Serve what is published until a signal to end comes."""
        from oakum.adapters.snapshots.server import serve

        serve(self.published, listen, on_ready)

    def require_served(self) -> None:
        """Raise RefusedError unless published snapshots can be fetched where hosts fetch them."""
        from oakum.adapters.snapshots.reach import require_served

        require_served(self._configuration.snapshots.url)

    @property
    def served_below(self) -> str:
        """The URL that hosts find every snapshot below, by its id."""
        return f"{self._configuration.snapshots.url}/snapshots"

    def access(self, snapshot: Snapshot) -> SnapshotAccess:
        """Return how hosts get a snapshot."""
        from oakum.ports.package_manager import SnapshotAccess

        return SnapshotAccess(
            snapshot=snapshot.id,
            url=f"{self.served_below}/{snapshot.id}",
            suite=snapshot.manifest.release,
            public_key=self.public_key(),
        )

    def public_key(self) -> str:
        """Return the key that hosts must trust; a worker must not make one of its own."""
        file = self._configuration.snapshots.public_key
        if file:
            from oakum.adapters.inventories.files import read_text

            return read_text(self._home / file)
        if self._configuration.engine.is_distributed and not self._own_key.exists():
            raise RefusedError(
                "the key that snapshots are signed with is not on this machine",
                hint="`oakum snapshots key` prints it where they are frozen; name its file in "
                "`[snapshots] public_key`",
            )
        return self.store.public_key()

    @property
    def _own_key(self) -> Path:
        return self._home / "keys" / "snapshots.key"


def _archives(settings: Iterable[ArchiveSettings], release: str) -> tuple[ArchiveSource, ...]:
    from oakum.core.repositories.archive import ArchiveSource

    return tuple(
        ArchiveSource(a.uri, a.suite, a.components, a.keyring)
        for a in settings
        if a.release == release
    )
