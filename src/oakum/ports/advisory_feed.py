"""Where advisories come from."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.first_fix import AdvisoryFix
from oakum.core.advisories.signals import CveSignals
from oakum.core.advisories.statement import VendorStatement
from oakum.core.ids import CveId
from oakum.core.inventory.support import ReleaseSupport


@dataclass(frozen=True, slots=True)
class FeedContent:
    """A whole feed, understood."""

    state: FeedState
    statements: tuple[VendorStatement, ...] = ()
    signals: tuple[CveSignals, ...] = ()
    unreadable: tuple[str, ...] = ()
    """Records that could not be understood, each with its place: counted, never dropped."""
    support: tuple[ReleaseSupport, ...] = ()


@dataclass(frozen=True, slots=True)
class DatedSignals:
    """Signals as their source gave them out on a day."""

    as_of: date
    signals: tuple[CveSignals, ...]


@dataclass(frozen=True, slots=True)
class FrozenFeeds:
    """What a back-test is made of: feeds of a past day, and the later word on exploitation."""

    kev: DatedSignals
    until_kev: DatedSignals
    epss: DatedSignals | None
    severity: tuple[CveSignals, ...]
    """CVSS and SSVC; they name no day, and whoever gives them answers for it."""
    fixes: tuple[AdvisoryFix, ...]
    unreadable: tuple[str, ...]


class AdvisorySource(Protocol):
    """Gives feeds: the network, or a bundle."""

    def feeds(self) -> Iterable[FeedName]:
        """Return the feeds that it has."""
        ...

    def load(self, feed: FeedName) -> FeedContent:
        """Return a feed.

        Raises SourceError when it cannot be fetched, InputError when it cannot be understood,
        TrustError when it is not what its manifest says.
        """
        ...


class Rulings(Protocol):
    """Gives the statements that count, by package: decided before, and quickly found."""

    def feeds(self) -> Mapping[FeedName, FeedState]:
        """Return the feeds that they come from. Raises StorageError when they cannot be read."""
        ...

    def rulings(
        self, topics: Collection[tuple[str, str]]
    ) -> Mapping[tuple[str, str], Sequence[VendorStatement]]:
        """Return what counts by (release, package). Raises StorageError when it cannot be read."""
        ...


class Advisories(Rulings, Protocol):
    """Gives besides what is known of their CVEs outside any distribution."""

    def all_feeds(self) -> Mapping[FeedName, FeedState]:
        """Return every feed, those of signals too. Raises StorageError."""
        ...

    def signals(self, cves: Collection[CveId]) -> Mapping[CveId, CveSignals]:
        """Return what is known of these CVEs; without those of which nothing is."""
        ...


class BundleWriter(Protocol):
    """Writes what is kept of feeds into one file that can be carried."""

    def write(self, states: Iterable[FeedState], made_at: datetime) -> list[FeedState]:
        """Write it whole, or not at all; return the feeds whose bytes are not kept here.

        Raises StorageError when it cannot be written.
        """
        ...
