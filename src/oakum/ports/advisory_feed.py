"""Where advisories come from."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.signals import CveSignals
from oakum.core.advisories.statement import VendorStatement


@dataclass(frozen=True, slots=True)
class FeedContent:
    """A whole feed, understood."""

    state: FeedState
    statements: tuple[VendorStatement, ...] = ()
    signals: tuple[CveSignals, ...] = ()
    unreadable: tuple[str, ...] = ()
    """Records that could not be understood, each with its place: counted, never dropped."""


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
