"""Nothing is planned or rolled out on the word of advisories that are too old."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.integration.services.conftest import SteppingClock

from oakum.adapters.feeds.bundle import shipped_bundle
from oakum.bootstrap.application import Application
from oakum.core.advisories.feed import FeedName
from oakum.core.errors import RefusedError
from oakum.ports.stores import UnitOfWorkFactory
from oakum.services.require_freshness import require_freshness
from oakum.services.update_advisories import AdvisoryUpdater
from oakum.settings import read_settings


@pytest.fixture
def loaded(begin: UnitOfWorkFactory, clock: SteppingClock) -> UnitOfWorkFactory:
    updater = AdvisoryUpdater(begin, clock, "test", lambda *_: None)
    updater.update(shipped_bundle(), [FeedName.DEBIAN_TRACKER, FeedName.KEV])
    with begin() as work:
        dates = [state.data_as_of for state in work.advisories.feeds().values()]
    clock.moment = max(dates) + timedelta(days=1)
    return begin


def application(home: Path, text: str = "") -> Application:
    (home / "oakum.toml").write_text(text)
    return Application(read_settings({"OAKUM_HOME": str(home), "HOME": str(home)}))


def test_fresh_advisories_are_acted_on(
    loaded: UnitOfWorkFactory, clock: SteppingClock, tmp_path: Path
) -> None:
    """And a feed that was never loaded stops nobody."""
    require_freshness(loaded, application(tmp_path).declared.refusal_limits("bookworm"), clock)


def test_old_advisories_are_not(
    loaded: UnitOfWorkFactory, clock: SteppingClock, tmp_path: Path
) -> None:
    """The feed, its age and its limit are named; what only orders work is not asked."""
    clock.moment += timedelta(days=60)
    limits = application(tmp_path).declared.refusal_limits("bookworm")
    with pytest.raises(RefusedError, match=r"debian-tracker is \d+ days old \(limit 30\)$"):
        require_freshness(loaded, limits, clock)


def test_feeds_of_others_are_not_asked(
    loaded: UnitOfWorkFactory, clock: SteppingClock, tmp_path: Path
) -> None:
    """Ubuntu's hosts are judged by Ubuntu's word."""
    clock.moment += timedelta(days=60)
    require_freshness(loaded, application(tmp_path).declared.refusal_limits("noble"), clock)


def test_the_limit_is_the_administrator_s(
    loaded: UnitOfWorkFactory, clock: SteppingClock, tmp_path: Path
) -> None:
    """Per feed; 0 is never."""
    clock.moment += timedelta(days=60)
    never = application(tmp_path, "[advisories]\ndebian_tracker.refuse_after_hours = 0\n")
    require_freshness(loaded, never.declared.refusal_limits("bookworm"), clock)
    kev = application(tmp_path, "[advisories]\nkev.refuse_after_hours = 24\n")
    with pytest.raises(RefusedError, match=r"kev is \d+ days old"):
        require_freshness(loaded, kev.declared.refusal_limits("noble"), clock)
