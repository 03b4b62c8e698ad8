"""Two controllers on one database: neither forks the chain nor loses what the other wrote."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

from tests.conformance.stores import examples
from tests.conformance.stores.conftest import Begin
from tests.conformance.stores.examples import LATER, NOW

from oakum.adapters.persistence.database import open_database
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork
from oakum.core.audit.event import Action
from oakum.core.ids import RolloutId

WRITERS = 4
ROUNDS = 12


def at_once(work: Callable[[int], None]) -> None:
    """Have several writers begin at the same moment."""
    barrier = Barrier(WRITERS)

    def begin_together(number: int) -> None:
        barrier.wait(timeout=30)
        work(number)

    with ThreadPoolExecutor(WRITERS) as threads:
        for done in [threads.submit(begin_together, number) for number in range(WRITERS)]:
            done.result(timeout=60)


def test_writers_at_once_make_one_chain(begin: Begin) -> None:
    """Every event of every writer is in the one chain, which holds to its kept head."""

    def write(writer: int) -> None:
        for number in range(ROUNDS):
            with begin() as work:
                work.audit.append(
                    at=NOW,
                    actor=f"writer {writer}",
                    action=Action.HOST_SCANNED,
                    subject=f"{writer}-{number}",
                    details={},
                )
                work.commit()

    at_once(write)
    with begin() as work:
        subjects = {event.subject for event in work.audit.events()}
        assert len(subjects) == WRITERS * ROUNDS
        assert work.audit.verify() == (WRITERS * ROUNDS, None)


def test_the_kept_head_is_that_of_the_last_commit(begin: Begin, home: Path) -> None:
    """Writers that overtake each other do not leave an older head behind."""

    def write(writer: int) -> None:
        for _ in range(ROUNDS):
            with begin() as work:
                work.audit.append(
                    at=NOW, actor=f"{writer}", action=Action.HOST_SCANNED, subject="x", details={}
                )
                work.commit()

    at_once(write)
    with begin() as work:
        assert work.audit.head() in (home / "audit.head").read_text()


def test_read_and_write_in_one_unit_loses_no_update(begin: Begin) -> None:
    """What is read in a unit of work is still true when the unit is committed."""
    with begin() as work:
        work.plans.add(examples.plan())
        work.rollouts.save(replace(examples.rollout(examples.plan()), forgiven=0))
        work.commit()

    def count_up(_: int) -> None:
        for _ in range(ROUNDS):
            with begin() as work:
                present = work.rollouts.get("latest")
                work.rollouts.save(replace(present, forgiven=present.forgiven + 1))
                work.commit()

    at_once(count_up)
    with begin() as work:
        assert work.rollouts.get("latest").forgiven == WRITERS * ROUNDS


def test_only_one_of_many_takes_the_lease(begin: Begin) -> None:
    """Controllers that start at the same moment do not both act."""
    with begin() as work:
        work.plans.add(examples.plan())
        work.rollouts.save(examples.rollout(examples.plan()))
        work.commit()
    epochs: list[int | None] = []

    def take(writer: int) -> None:
        with begin() as work:
            got = work.rollouts.take_lease(
                RolloutId("rollout-1"), f"controller {writer}", now=NOW, until=LATER
            )
            epochs.append(got)
            work.commit()

    at_once(take)
    assert sorted(epochs, key=str) == [1, None, None, None]


def test_controllers_that_open_a_new_database_at_once_both_succeed(url: str, home: Path) -> None:
    """The tables are made once, and whoever came second finds them."""

    def open_and_write(writer: int) -> None:
        engine = open_database(url, home)
        with SqlUnitOfWork(engine, home) as work:
            work.hosts.add(examples.host(f"web-{writer}", writer + 1))
            work.commit()
        engine.dispose()

    at_once(open_and_write)
    engine = open_database(url, home)
    with SqlUnitOfWork(engine, home) as work:
        assert len(work.hosts.all()) == WRITERS
    engine.dispose()
