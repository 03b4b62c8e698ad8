from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.signals import CveSignals, EpssScore
from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.audit.event import Action
from oakum.core.canonical import digest_of
from oakum.core.errors import InputError, OakumError, RefusedError, SourceError
from oakum.core.ids import CveId
from oakum.ports.advisory_feed import FeedContent
from oakum.ports.clock import Clock
from oakum.ports.stores import UnitOfWorkFactory
from oakum.services.update_advisories import AdvisoryUpdater

CVE = CveId("CVE-2026-0001")
DAY = datetime(2026, 11, 1, tzinfo=UTC)
FIXED = VendorStatement("bookworm", "openssl", CVE, VendorStatus.FIXED, "3.0.22-1")


def content(feed: FeedName, day: datetime = DAY) -> FeedContent:
    state = FeedState(feed, day, day, digest_of([feed.value, day.isoformat()]), 1, "test")
    if feed is FeedName.DEBIAN_TRACKER:
        return FeedContent(state, (FIXED,), (CveSignals(CVE, summary="words"),))
    return FeedContent(state, (), (CveSignals(CVE, epss=EpssScore(CVE, day.day)),))


@dataclass
class FakeSource:
    """Gives these contents, and fails as told."""

    answers: dict[FeedName, FeedContent | OakumError] = field(default_factory=dict)

    def feeds(self) -> list[FeedName]:
        return list(self.answers)

    def load(self, feed: FeedName) -> FeedContent:
        answer = self.answers[feed]
        if isinstance(answer, OakumError):
            raise answer
        return answer


def updater(begin: UnitOfWorkFactory, clock: Clock) -> AdvisoryUpdater:
    return AdvisoryUpdater(begin, clock, "me", lambda *_: None)


TRACKER, EPSS = FeedName.DEBIAN_TRACKER, FeedName.EPSS


def test_older_data_does_not_replace_newer(begin: UnitOfWorkFactory, clock: Clock) -> None:
    """An old bundle would make what was published since vanish, which reads as good news."""
    older = DAY - timedelta(days=30)
    updater(begin, clock).update(FakeSource({EPSS: content(EPSS)}))
    (refused,) = updater(begin, clock).update(FakeSource({EPSS: content(EPSS, older)}))
    assert isinstance(refused.error, RefusedError)
    assert "2026-11-01 here, and the given one of 2026-10-02" in refused.error.message
    (again,) = updater(begin, clock).update(FakeSource({EPSS: content(EPSS)}))
    assert again.error is None
    with begin() as work:
        assert work.advisories.feeds()[EPSS].data_as_of == DAY
    willing = replace(updater(begin, clock), allow_older=True)
    (taken,) = willing.update(FakeSource({EPSS: content(EPSS, older)}))
    assert taken.error is None
    with begin() as work:
        assert work.advisories.feeds()[EPSS].data_as_of == older


def test_feeds_are_stored_each_on_its_own(
    begin: UnitOfWorkFactory, clock: Clock, actions: Callable[[], list[Action]]
) -> None:
    """What both know of a CVE stands together."""
    outcomes = updater(begin, clock).update(
        FakeSource({TRACKER: content(TRACKER), EPSS: content(EPSS)})
    )
    assert [outcome.error for outcome in outcomes] == [None, None]
    with begin() as work:
        assert work.advisories.statements([("bookworm", "openssl")]) == (FIXED,)
        signal = work.advisories.signals([CVE])[CVE]
    assert signal.summary == "words"
    assert signal.epss == EpssScore(CVE, 1)
    assert actions() == [Action.ADVISORIES_UPDATED] * 2


def test_a_feed_that_fails_keeps_its_last_good_copy_and_the_others_go_on(
    begin: UnitOfWorkFactory, clock: Clock
) -> None:
    """The failure is kept beside the old data, whose date stays the old one."""
    later = datetime(2026, 11, 20, tzinfo=UTC)
    source = FakeSource({TRACKER: content(TRACKER), EPSS: content(EPSS)})
    updater(begin, clock).update(source)
    source.answers = {TRACKER: SourceError("cut \x1b[31moff"), EPSS: content(EPSS, later)}
    failed, renewed = updater(begin, clock).update(source)
    assert (failed.state, renewed.error) == (None, None)
    with begin() as work:
        feeds = work.advisories.feeds()
        assert work.advisories.statements([("bookworm", "openssl")]) == (FIXED,)
        assert work.advisories.signals([CVE])[CVE].epss == EpssScore(CVE, 20)
    assert feeds[TRACKER].data_as_of == DAY
    assert feeds[TRACKER].error == "cut \\x1b[31moff"
    assert (feeds[EPSS].data_as_of, feeds[EPSS].error) == (later, "")


def test_a_feed_that_works_again_forgets_its_failure(
    begin: UnitOfWorkFactory, clock: Clock
) -> None:
    """Only the last try counts."""
    source = FakeSource({TRACKER: content(TRACKER)})
    updater(begin, clock).update(source)
    source.answers[TRACKER] = InputError("half")
    updater(begin, clock).update(source)
    source.answers[TRACKER] = content(TRACKER)
    updater(begin, clock).update(source)
    with begin() as work:
        assert work.advisories.feeds()[TRACKER].error == ""


def test_a_feed_that_never_came_is_not_there(begin: UnitOfWorkFactory, clock: Clock) -> None:
    """A failure alone gives no data, and a matching without a tracker is refused elsewhere."""
    (outcome,) = updater(begin, clock).update(FakeSource({TRACKER: SourceError("no network")}))
    assert outcome.error is not None
    with begin() as work:
        assert TRACKER not in work.advisories.feeds()


def test_only_the_wanted_feeds_are_loaded(begin: UnitOfWorkFactory, clock: Clock) -> None:
    """The others are not even asked."""
    source = FakeSource({TRACKER: content(TRACKER), EPSS: SourceError("not asked")})
    assert len(updater(begin, clock).update(source, only=[TRACKER])) == 1
