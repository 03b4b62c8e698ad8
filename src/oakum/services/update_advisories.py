"""Renew advisories: each feed on its own; one that fails keeps its last good copy."""

from collections.abc import Iterable
from dataclasses import dataclass

from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.audit.event import Action
from oakum.core.errors import OakumError, RefusedError
from oakum.core.text import one_line
from oakum.ports.advisory_feed import AdvisorySource, FeedContent
from oakum.ports.clock import Clock
from oakum.ports.progress import Progress
from oakum.ports.stores import UnitOfWorkFactory


@dataclass(frozen=True, slots=True)
class FeedOutcome:
    """How renewing a feed ended."""

    feed: FeedName
    state: FeedState | None
    """None when it failed. What the feed says is not here: it would be held until the last one."""
    unreadable: tuple[str, ...] = ()
    error: OakumError | None = None


@dataclass(frozen=True, slots=True)
class AdvisoryUpdater:
    """Renews feeds from a source."""

    begin: UnitOfWorkFactory
    clock: Clock
    actor: str
    progress: Progress
    allow_older: bool = False
    """Whether data may be replaced with older data: what was published since would vanish."""

    def update(
        self, source: AdvisorySource, only: Iterable[FeedName] = ()
    ) -> tuple[FeedOutcome, ...]:
        """Load every feed of the source, or only some; return how each ended."""
        wanted = [feed for feed in source.feeds() if not only or feed in set(only)]
        outcomes = []
        for number, feed in enumerate(wanted):
            self.progress("loading advisories", number, len(wanted))
            outcomes.append(self._update(source, feed))
        self.progress("loading advisories", len(wanted), len(wanted))
        return tuple(outcomes)

    def _update(self, source: AdvisorySource, feed: FeedName) -> FeedOutcome:
        try:
            content = source.load(feed)
            self._require_news(content)
        except OakumError as error:
            with self.begin() as work:
                work.advisories.record_failure(feed, one_line(error.message))
                work.commit()
            return FeedOutcome(feed, None, error=error)
        self._store(content)
        return FeedOutcome(feed, content.state, content.unreadable)

    def _require_news(self, content: FeedContent) -> None:
        with self.begin() as work:
            known = work.advisories.feeds().get(content.state.feed)
        given = content.state.data_as_of
        if known is not None and given < known.data_as_of and not self.allow_older:
            raise RefusedError(
                f"the feed {known.feed.value} is of {known.data_as_of:%Y-%m-%d} here, and the "
                f"given one of {given:%Y-%m-%d}: what was published in between would vanish",
                hint="--allow-older takes it all the same",
            )

    def _store(self, content: FeedContent) -> None:
        state = content.state
        with self.begin() as work:
            if content.statements:
                work.advisories.replace_statements(state, content.statements, self.clock.now())
            if content.support:
                work.advisories.replace_support(state, content.support)
            work.advisories.replace_signals(state, content.signals)
            work.audit.append(
                at=self.clock.now(),
                actor=self.actor,
                action=Action.ADVISORIES_UPDATED,
                subject=state.feed.value,
                details={
                    "origin": state.origin,
                    "data_as_of": state.data_as_of.isoformat(),
                    "sha256": state.sha256,
                    "records": state.records,
                    "unreadable": len(content.unreadable),
                },
            )
            work.commit()
