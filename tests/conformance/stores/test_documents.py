"""Every store gives back what it was given, on both databases."""

from dataclasses import fields, replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, func, select, text
from tests.conformance.stores import examples
from tests.conformance.stores.conftest import Begin
from tests.conformance.stores.examples import CVE, LATER, NOW, WEB

from oakum.adapters.persistence.tables import facts as facts_table
from oakum.adapters.persistence.tables import package_sets, package_versions
from oakum.core.advisories.feed import FeedName
from oakum.core.advisories.signals import CveSignals, EpssScore
from oakum.core.advisories.statement import Urgency
from oakum.core.errors import ConflictError, NotFoundError, StorageError
from oakum.core.ids import CveId, HostId
from oakum.core.inventory.facts import Facts, IndexReading
from oakum.core.inventory.support import ReleaseSupport
from oakum.core.risk.exceptions import RiskException
from oakum.ports.stores import ScanFailure

DAY, MOMENT = timedelta(days=1), timedelta(microseconds=1)
TOPICS = [("bookworm", "openssh"), ("bookworm", "absent")]


def _add_hosts(begin: Begin, *names: str) -> None:
    with begin() as work:
        for port, name in enumerate(names, 22):
            work.hosts.add(examples.host(name, port))
        work.commit()


def test_host_comes_back_whole(begin: Begin) -> None:
    """Enums, moments and labels of a host survive the database."""
    _add_hosts(begin, "web-1")
    with begin() as work:
        assert work.hosts.named("web-1") == examples.host()
        assert work.hosts.all() == (examples.host(),)


def test_hosts_are_sorted_by_name(begin: Begin) -> None:
    """The fleet is listed by name, whatever the order of adding was."""
    _add_hosts(begin, "web-2", "db-1", "web-1")
    with begin() as work:
        assert [host.name for host in work.hosts.all()] == ["db-1", "web-1", "web-2"]


@pytest.mark.parametrize("twin", [examples.host("web-1", 99), examples.host("other", 22)])
def test_a_taken_name_or_address_is_a_conflict_that_harms_nothing_else(
    begin: Begin, twin: object
) -> None:
    """A refused host leaves the unit of work usable, and names what is taken."""
    _add_hosts(begin, "web-1")
    with begin() as work:
        with pytest.raises(ConflictError, match="is there already"):
            work.hosts.add(twin)  # type: ignore[arg-type]
        work.hosts.add(examples.host("db-1", 2222))
        work.commit()
    with begin() as work:
        assert [host.name for host in work.hosts.all()] == ["db-1", "web-1"]


def test_the_beginning_of_a_name_is_no_host(begin: Begin) -> None:
    """What a person half typed must not choose the host that is removed or rolled back."""
    _add_hosts(begin, "web-1", "db-1")
    with begin() as work:
        with pytest.raises(NotFoundError) as caught:
            work.hosts.named("web")
        assert "web-1" in (caught.value.hint or "")


def test_an_id_never_stands_for_another_hosts_name(begin: Begin) -> None:
    """A host whose id is the name of another host does not hide it."""
    with begin() as work:
        work.hosts.add(replace(examples.host("web-1"), id=HostId("web-2")))
        work.hosts.add(replace(examples.host("web-2", 99), id=HostId("web-2:2")))
        assert work.hosts.named("web-2").port == 99
        assert work.hosts.get(HostId("web-2")).name == "web-1"
        with pytest.raises(NotFoundError, match="web-1 was removed"):
            work.hosts.get(HostId("web-1"))


def test_unknown_host_is_answered_with_the_nearest_names(begin: Begin) -> None:
    """A typing error is answered with what was probably meant."""
    _add_hosts(begin, "web-1")
    with begin() as work:
        with pytest.raises(NotFoundError) as caught:
            work.hosts.named("wbe-1")
        assert caught.value.hint == "did you mean web-1?"


def test_update_writes_a_host_anew(begin: Begin) -> None:
    """What people say of a host can change; a name of another host cannot be taken."""
    _add_hosts(begin, "web-1", "web-2")
    with begin() as work:
        work.hosts.update(replace(examples.host("web-1"), user="root", labels=("x",)))
        assert work.hosts.named("web-1").user == "root"
        with pytest.raises(ConflictError, match="web-2"):
            work.hosts.update(replace(examples.host("web-1"), name="web-2"))
        assert work.hosts.named("web-1").user == "root"


def test_update_of_a_host_that_is_gone_is_said(begin: Begin) -> None:
    """Writing to a host that was removed meanwhile is not lost in silence."""
    with begin() as work, pytest.raises(NotFoundError, match="web-1"):
        work.hosts.update(examples.host())


def test_removing_a_host_takes_its_facts(begin: Begin) -> None:
    """Nothing of a removed host is left to be counted."""
    _add_hosts(begin, "web-1", "web-2")
    with begin() as work:
        work.facts.save(WEB, examples.facts())
        work.facts.save_failure(ScanFailure(WEB, NOW, "no route", "is it up?"))
        work.hosts.remove(WEB)
        work.commit()
    with begin() as work:
        assert [host.name for host in work.hosts.all()] == ["web-2"]
        assert (work.facts.latest(WEB), work.facts.failures()) == (None, {})
        assert work.facts.timeline([WEB]) == ()
        assert work.fleet.numbers() == {2: "web-2"}


def test_facts_come_back_whole(begin: Begin) -> None:
    """Every field of the facts survives, and the example leaves none at its default unproved."""
    _add_hosts(begin, "web-1")
    empty = [f.name for f in fields(Facts) if getattr(examples.facts(), f.name) in ((), "", None)]
    assert empty == ["reboot_flag"]
    with begin() as work:
        work.facts.save(WEB, examples.facts())
        work.commit()
    with begin() as work:
        assert work.facts.latest(WEB) == examples.facts()


def test_what_indices_said_comes_back_without_the_rest(begin: Begin) -> None:
    """That of the newest facts; of a host that was never scanned there is none."""
    _add_hosts(begin, "web-1")
    newest = replace(examples.facts(examples.PACKAGES[:1]), indices_digest="e2" * 32)
    with begin() as work:
        assert work.facts.index_reading(WEB) is None
        work.facts.save(WEB, examples.facts())
        work.facts.save(WEB, newest)
        work.commit()
    with begin() as work:
        reading = work.facts.index_reading(WEB)
    assert reading is not None
    assert {f.name: getattr(newest, f.name) for f in fields(IndexReading)} == {
        f.name: getattr(reading, f.name) for f in fields(IndexReading)
    }


@pytest.mark.parametrize("flag", [True, False, None])
def test_a_flag_that_nobody_would_set_is_not_a_flag_unset(begin: Begin, flag: bool | None) -> None:  # noqa: FBT001
    """Set, unset and unknown stay three answers."""
    _add_hosts(begin, "web-1")
    with begin() as work:
        work.facts.save(WEB, replace(examples.facts(), reboot_flag=flag))
        assert getattr(work.facts.latest(WEB), "reboot_flag", "lost") is flag


def test_equal_package_sets_are_stored_once(begin: Begin, engine: Engine) -> None:
    """A thousandth host with the same packages costs one row."""
    _add_hosts(begin, "web-1", "web-2")
    with begin() as work:
        work.facts.save(WEB, examples.facts())
        work.facts.save(HostId("web-2"), examples.facts(tuple(reversed(examples.PACKAGES))))
        work.commit()
    assert _count(engine, package_sets) == 1
    assert _count(engine, package_versions) == len(examples.PACKAGES)
    with begin() as work:
        both = work.facts.latest_of([WEB, HostId("web-2")])
    assert set(both) == {"web-1", "web-2"}
    assert set(both[HostId("web-2")].packages) == set(examples.PACKAGES)


def test_a_scan_that_finds_the_same_costs_nothing(begin: Begin, engine: Engine) -> None:
    """The newest facts count; what did not change is one row, with when it was last seen."""
    _add_hosts(begin, "web-1")
    with begin() as work:
        for day in range(12):
            facts = replace(examples.facts(), boot_id=f"boot {day}", collected_at=NOW + day * DAY)
            work.facts.save(WEB, facts)
        work.commit()
    with begin() as work:
        latest = work.facts.latest(WEB)
        (scan,) = work.facts.timeline([WEB])
    assert latest is not None
    assert latest.boot_id == "boot 11"
    assert (scan.since, scan.last_seen) == (NOW, NOW + 11 * DAY)
    assert _count(engine, facts_table) == 1


def test_what_was_true_at_a_moment_stays_known(begin: Begin) -> None:
    """Packages and components are kept for good, all else of a scan only of the newest ten."""
    _add_hosts(begin, "web-1")
    each = [replace(examples.PACKAGES[0], source_version=f"3.0.{n}") for n in range(14)]
    with begin() as work:
        for day, package in enumerate(each):
            work.facts.save(WEB, examples.facts((package,), at=NOW + day * DAY))
        work.commit()
    with begin() as work:
        timeline = work.facts.timeline([WEB])
        assert [scan.packages for scan in timeline] == [(package,) for package in each]
        assert [scan.components[0].version for scan in timeline] == [p.source_version for p in each]
        assert [scan.facts is None for scan in timeline] == [True] * 4 + [False] * 10
        (then,) = work.facts.scans([WEB], NOW + 3 * DAY - MOMENT)
        assert then.packages == (each[2],)
        assert work.facts.scans([WEB], NOW - MOMENT) == ()
        assert work.facts.scanned(NOW - MOMENT) == frozenset()
        assert work.facts.scanned(NOW) == {WEB}


def test_many_packages_are_interned(begin: Begin) -> None:
    """More packages than one query may name are all found again."""
    _add_hosts(begin, "web-1")
    packages = tuple(
        replace(examples.PACKAGES[0], name=f"lib{number:05}") for number in range(2_500)
    )
    with begin() as work:
        work.facts.save(WEB, examples.facts(packages))
        work.commit()
    with begin() as work:
        assert getattr(work.facts.latest(WEB), "packages", ()) == packages


def test_a_scan_that_answers_ends_the_failure(begin: Begin) -> None:
    """A failure replaces the one before, keeps the facts, and goes with the next good scan."""
    _add_hosts(begin, "web-1")
    failure = ScanFailure(WEB, LATER, "no route to host", "is it up?")
    with begin() as work:
        work.facts.save(WEB, examples.facts())
        work.facts.save_failure(ScanFailure(WEB, NOW, "first", ""))
        work.facts.save_failure(failure)
        assert work.facts.failures() == {WEB: failure}
        assert work.facts.latest(WEB) == examples.facts()
        work.facts.save(WEB, examples.facts(at=LATER))
        assert work.facts.failures() == {}


def test_damaged_facts_are_said_to_be_damaged(begin: Begin, engine: Engine) -> None:
    """A document that is no JSON any more is a storage error, not a traceback."""
    _add_hosts(begin, "web-1")
    with begin() as work:
        work.facts.save(WEB, examples.facts())
        work.commit()
    with engine.begin() as connection:
        connection.execute(package_sets.update().values(members=b"[[1,"))
    with begin() as work, pytest.raises(StorageError, match="is damaged"):
        work.facts.latest(WEB)


def test_statements_come_back_whole_and_by_release(begin: Begin) -> None:
    """Only what vendors say of these sources in this release comes back, sorted."""
    mine = (examples.statement("CVE-2024-0001"), examples.statement())
    others = (
        examples.statement(source="nginx"),
        examples.statement(release="trixie"),
    )
    with begin() as work:
        said = [mine[1], *others, mine[0]]
        assert work.advisories.replace_statements(examples.feed_state(), said, NOW) == 4
        work.commit()
    with begin() as work:
        assert work.advisories.statements(TOPICS) == mine
        assert work.advisories.feeds() == {FeedName.DEBIAN_TRACKER: examples.feed_state()}


def test_a_feed_is_replaced_as_a_whole(begin: Begin) -> None:
    """What a feed no longer says is gone."""
    with begin() as work:
        work.advisories.replace_statements(examples.feed_state(), [examples.statement()], NOW)
        again = [examples.statement("CVE-2025-0001")]
        work.advisories.replace_statements(examples.feed_state(), again, LATER)
        assert work.advisories.statements(TOPICS) == tuple(again)


def test_what_was_said_at_a_moment_stays_known(begin: Begin) -> None:
    """A revised statement ends the earlier one; the same fix keeps when it was first known."""
    first = examples.statement()
    urgent = replace(first, urgency=Urgency.LOW)
    moved = replace(first, fixed_version="1:9.2p1-2+deb12u4")
    with begin() as work:
        for day, said in enumerate([[first], [first], [urgent], [moved], []]):
            work.advisories.replace_statements(examples.feed_state(), said, NOW + day * DAY)
        work.commit()
    with begin() as work:
        store = work.advisories
        assert store.statements(TOPICS) == ()
        assert store.statements(TOPICS, NOW - MOMENT) == ()
        assert store.statements(TOPICS, NOW + 2 * DAY - MOMENT) == (first,)
        (then,) = store.statements(TOPICS, NOW + 2 * DAY)
        assert (then, then.known_since) == (urgent, NOW.date())
        (then,) = store.statements(TOPICS, NOW + 3 * DAY)
        assert (then, then.known_since) == (moved, (NOW + 3 * DAY).date())
        assert store.changes(CVE) == tuple(NOW + day * DAY for day in (0, 2, 3, 4))


def test_signals_of_feeds_are_laid_together(begin: Begin) -> None:
    """Each feed contributes its part; replacing one keeps the others'."""
    whole = examples.signals()
    records = replace(whole, kev=None, epss=None)
    kev = CveSignals(CVE, kev=whole.kev)
    with begin() as work:
        work.advisories.replace_signals(examples.feed_state(FeedName.CVE_RECORDS), [records])
        work.advisories.replace_signals(examples.feed_state(FeedName.KEV), [kev])
        score = CveSignals(CVE, epss=EpssScore(CVE, 1))
        work.advisories.replace_signals(examples.feed_state(FeedName.EPSS), [score])
        newer = CveSignals(CVE, epss=whole.epss)
        work.advisories.replace_signals(examples.feed_state(FeedName.EPSS), [newer])
        work.commit()
    with begin() as work:
        assert work.advisories.signals([CVE, CveId("CVE-1999-0001")]) == {CVE: whole}


def test_ends_of_support_are_replaced_as_a_whole(begin: Begin) -> None:
    """And nothing is known before a feed was read."""
    state = examples.feed_state(FeedName.END_OF_LIFE)
    old = ReleaseSupport("buster", date(2024, 6, 30), date(2029, 6, 30))
    new = ReleaseSupport("bookworm", date(2028, 6, 30), None)
    with begin() as work:
        assert work.advisories.support() == {}
        work.advisories.replace_support(state, [old])
        work.advisories.replace_support(state, [new, new])
        work.commit()
    with begin() as work:
        assert work.advisories.support() == {"bookworm": new}
        assert FeedName.END_OF_LIFE in work.advisories.feeds()


def test_a_failed_renewal_keeps_the_data(begin: Begin) -> None:
    """The reason stands beside the old copy."""
    with begin() as work:
        work.advisories.replace_statements(examples.feed_state(), [examples.statement()], NOW)
        work.advisories.record_failure(FeedName.DEBIAN_TRACKER, "503")
        work.advisories.record_failure(FeedName.KEV, "never loaded")
        assert {f: s.error for f, s in work.advisories.feeds().items()} == {
            FeedName.DEBIAN_TRACKER: "503"
        }
        assert len(work.advisories.statements(TOPICS)) == 1


def test_snapshots_come_back_whole(begin: Begin) -> None:
    """A snapshot is found by the beginning of its id, or as the latest."""
    old, new = examples.snapshot("1.0"), examples.snapshot("2.0", LATER)
    with begin() as work:
        for added in (new, old, replace(old, created_at=LATER)):
            work.snapshots.add(added)
        work.commit()
    with begin() as work:
        assert work.snapshots.all() == (old, new)
        assert work.snapshots.get(old.id[:12]) == old
        assert work.snapshots.get("latest") == new
        work.snapshots.remove(new.id)
        assert work.snapshots.get("latest") == old
        with pytest.raises(NotFoundError):
            work.snapshots.get(new.id)


def test_plans_come_back_with_the_digest_that_was_approved(begin: Begin) -> None:
    """The digest of a stored plan is the digest of the plan, moments in other zones included."""
    old, new = examples.plan(), examples.plan("Another", LATER)
    with begin() as work:
        for added in (new, old, old):
            work.plans.add(added)
        work.commit()
    with begin() as work:
        assert work.plans.all() == (old, new)
        assert work.plans.get(old.id).digest == old.digest
        assert work.plans.get("latest") == new


def test_evidence_stays_with_its_plan_in_order(begin: Begin) -> None:
    """Rehearsals and approvals come back whole, oldest first, and only their plan's."""
    mine, other = examples.plan(), examples.plan("Another")
    first, second = examples.rehearsal(mine), replace(examples.rehearsal(mine), twins=())
    with begin() as work:
        work.plans.add(mine)
        work.plans.add(other)
        for evidence in (first, second, examples.rehearsal(other)):
            work.plans.add_rehearsal(evidence)
        for by in ("bob", "carol"):
            work.plans.add_approval(examples.approval(mine, by))
        work.commit()
    with begin() as work:
        assert work.plans.rehearsals(mine.id) == (first, second)
        assert work.plans.approvals(mine.id) == (
            examples.approval(mine, "bob"),
            examples.approval(mine, "carol"),
        )
        assert work.plans.approvals(other.id) == ()


@pytest.mark.parametrize("noun", ["plans", "snapshots", "rollouts"])
def test_nothing_yet_is_said(begin: Begin, noun: str) -> None:
    """Asking for the latest of nothing says that there is none."""
    with begin() as work:
        with pytest.raises(NotFoundError) as caught:
            getattr(work, noun).get("latest")
        assert f"there is no {noun[:-1]} yet" in caught.value.message
        assert "`oakum " in (caught.value.hint or "")


def _count(engine: Engine, table: object) -> int:
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]


def test_leaving_without_commit_changes_nothing(begin: Begin, engine: Engine) -> None:
    """A unit of work that ends without commit, or with an error, leaves every table as it was."""

    def write_and_leave(error: Exception | None) -> None:
        with begin() as work:
            work.hosts.add(examples.host())
            work.facts.save(WEB, examples.facts())
            work.plans.add(examples.plan())
            if error is not None:
                raise error

    write_and_leave(None)
    with pytest.raises(RuntimeError):
        write_and_leave(RuntimeError())
    with engine.connect() as connection:
        for table in ("hosts", "facts", "package_sets", "plans"):
            query = text(f"SELECT count(*) FROM {table}")  # noqa: S608 (names of our tables)
            assert connection.execute(query).scalar_one() == 0


def test_exceptions_come_back_whole_and_oldest_first(begin: Begin) -> None:
    """Also those that have run out; a removed one is gone."""
    old = RiskException("exception-1", CVE, "", "role=web", "alice", "why", NOW, "bob", NOW.date())
    new = replace(old, id="exception-2", cve=None, source_name="openssh", created_at=LATER)
    with begin() as work:
        work.exceptions.add(new)
        work.exceptions.add(old)
        work.commit()
    with begin() as work:
        assert work.exceptions.all() == (old, new)
        work.exceptions.remove("exception-1")
        assert work.exceptions.get("exception-2") == new
        with pytest.raises(NotFoundError, match="exception-1"):
            work.exceptions.get("exception-1")
