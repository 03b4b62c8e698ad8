"""Where advisories come from and are kept: the network, bundles, files."""

# ruff: noqa: PLC0415 (adapters are loaded when they are needed: `oakum --help` must be quick)

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from oakum.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from oakum.adapters.feeds.bundle import Bundle
    from oakum.adapters.feeds.kept import KeptFeeds
    from oakum.adapters.signing.openpgp import OwnKey
    from oakum.core.advisories.feed import FeedName
    from oakum.ports.advisory_feed import Advisories, AdvisorySource, BundleWriter, FrozenFeeds
    from oakum.ports.clock import Clock
    from oakum.ports.progress import Progress
    from oakum.ports.signing import Verifier
    from oakum.settings import Settings


class FeedAdapters:
    """The adapters for feeds."""

    def __init__(self, settings: Settings, clock: Callable[[], Clock]) -> None:
        self._settings = settings
        self._configuration = settings.configuration
        self._clock = clock

    def source(
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
            return FeedFile(file, feed, self._clock(), self._kept_feeds)
        if offline == "shipped":
            return self.shipped_bundle().keeping(self._kept_feeds)
        if offline:
            from oakum.adapters.feeds.bundle import open_bundle

            bundle = open_bundle(Path(offline), self._bundle_keys, may_be_unsigned=may_be_unsigned)
            return bundle.keeping(self._kept_feeds)
        import time

        from oakum.adapters.feeds.download import DownloadedFeeds

        settings = self._configuration.advisories
        urls = {feed: settings.of(feed).urls for feed in settings.fetched()}
        return DownloadedFeeds(
            urls, self._kept_feeds, self._clock(), pause=time.sleep, progress=progress
        )

    def bundle_writer(self, path: Path) -> BundleWriter:
        """Return what writes the feeds that are kept here into a file."""
        from oakum.adapters.feeds.bundle_writing import SignedBundle

        return SignedBundle(path, self._kept_feeds, self.bundle_key)

    @cached_property
    def bundle_key(self) -> OwnKey:
        """The key that bundles are signed with."""
        from oakum.adapters.signing.openpgp import OwnKey

        return OwnKey(self._settings.home / "keys" / "bundles.key", "Oakum bundles")

    @cached_property
    def _bundle_keys(self) -> Verifier:
        from oakum.adapters.signing.openpgp import KnownKeys

        files = self._configuration.advisories.bundle_keys
        return KnownKeys([self._settings.home / file for file in files], self.bundle_key)

    @cached_property
    def _kept_feeds(self) -> KeptFeeds:
        from oakum.adapters.feeds.kept import KeptFeeds

        return KeptFeeds(self._settings.home / "feeds")

    def shipped_bundle(self) -> Bundle:
        """Return the bundle that ships with Oakum."""
        from oakum.adapters.feeds.bundle import shipped_bundle

        return shipped_bundle()

    @cached_property
    def shipped_advisories(self) -> Advisories:
        """What counts of the shipped bundle, from the cache."""
        from oakum.adapters.feeds.compact import CompactAdvisories

        return CompactAdvisories(self._settings.cache, self.shipped_bundle)

    def frozen(
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
