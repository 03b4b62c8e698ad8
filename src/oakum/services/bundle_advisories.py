"""Write what was loaded here into one signed file, for places without a network."""

from collections.abc import Sequence
from dataclasses import dataclass

from oakum.core.advisories.feed import FeedState
from oakum.core.audit.event import Action
from oakum.core.errors import RefusedError
from oakum.ports.advisory_feed import BundleWriter
from oakum.ports.clock import Clock
from oakum.ports.stores import UnitOfWorkFactory
from oakum.services.find_exposure import require_advisories


@dataclass(frozen=True, slots=True)
class Bundled:
    """What is in a bundle, and what is not."""

    written: Sequence[FeedState]
    missing: Sequence[FeedState]
    """Their bytes are not kept here: they were loaded before bundles were written."""


def bundle_advisories(
    begin: UnitOfWorkFactory, writer: BundleWriter, name: str, clock: Clock, actor: str
) -> Bundled:
    """Write the bundle. Raises RefusedError when there is nothing to write."""
    with begin() as work:
        feeds = sorted(require_advisories(work).values(), key=lambda state: state.feed.value)
        missing = writer.write(feeds, clock.now())
        gone = {state.feed for state in missing}
        written = [state for state in feeds if state.feed not in gone]
        if not written:
            raise RefusedError(
                "of no feed are the original bytes kept here",
                hint="run `oakum advisories update` once, and write the bundle then",
            )
        work.audit.append(
            at=clock.now(),
            actor=actor,
            action=Action.ADVISORIES_BUNDLED,
            subject=name,
            details={state.feed.value: state.sha256 for state in written},
        )
        work.commit()
    return Bundled(written, missing)
