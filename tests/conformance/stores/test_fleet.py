"""The bitmaps say of every host what its newest scan says, whatever order scans came in."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conformance.stores import examples
from tests.conformance.stores.conftest import Begin
from tests.conformance.stores.examples import NOW

from oakum.core.ids import HostId
from oakum.core.matching.component import Component
from oakum.ports.stores import UnitOfWork

DAY = timedelta(days=1)
FIRST = NOW.date()


def _scan(work: UnitOfWork, host: str, day: int, **versions: str) -> None:
    packages = tuple(
        replace(examples.PACKAGES[0], name=name, source_name=name, source_version=version)
        for name, version in versions.items()
    )
    facts = replace(examples.facts(packages, NOW + day * DAY), stale_processes=())
    work.facts.save(HostId(host), facts)


def _hosts(begin: Begin, *names: str) -> None:
    with begin() as work:
        for port, name in enumerate(names, 22):
            work.hosts.add(examples.host(name, port))
        work.commit()


def _held(work: UnitOfWork) -> dict[tuple[str, str], dict[tuple[int, bool], set[str]]]:
    """Return by (name, version) and (days since the first, is successor) the hosts that have it."""
    numbers = work.fleet.numbers()
    return {
        (component.name, component.version): {
            ((held.since - FIRST).days, held.is_successor): {
                str(numbers[number]) for number in held.hosts if number in numbers
            }
            for held in holdings
        }
        for component, holdings in work.fleet.holdings().items()
    }


def test_hosts_move_from_one_component_to_the_next(begin: Begin) -> None:
    """With the day, and whether they had another version before."""
    _hosts(begin, "a", "b", "c")
    with begin() as work:
        _scan(work, "a", 0, ssl="1")
        _scan(work, "b", 0, ssl="1")
        work.commit()
    with begin() as work:
        assert _held(work) == {("ssl", "1"): {(0, False): {"a", "b"}}}
        _scan(work, "a", 1, ssl="2")
        _scan(work, "c", 1, ssl="2", web="1")
        work.commit()
    with begin() as work:
        assert _held(work) == {
            ("ssl", "1"): {(0, False): {"b"}},
            ("ssl", "2"): {(1, True): {"a"}, (1, False): {"c"}},
            ("web", "1"): {(1, False): {"c"}},
        }
        _scan(work, "b", 2, web="1")
        assert _held(work)["web", "1"] == {(1, False): {"c"}, (2, False): {"b"}}
        assert ("ssl", "1") not in _held(work)


def test_a_removed_host_is_in_no_answer_and_its_number_is_not_given_again(begin: Begin) -> None:
    """Bitmaps may still name it; nobody else ever gets its bits."""
    _hosts(begin, "a", "b")
    with begin() as work:
        _scan(work, "b", 0, ssl="1")
        assert _held(work) == {("ssl", "1"): {(0, False): {"b"}}}
        work.hosts.remove(HostId("b"))
        work.hosts.add(examples.host("c", 99))
        assert work.fleet.numbers() == {1: "a", 3: "c"}
        assert work.fleet.numbers([HostId("c")]) == {3: "c"}
        assert list(work.fleet.members()) == [1, 3]
        assert list(work.fleet.members([HostId("c")])) == [3]
        assert _held(work) == {("ssl", "1"): {(0, False): set()}}


def test_only_what_was_asked_for_is_read(begin: Begin) -> None:
    """One new advisory costs the components of its package."""
    _hosts(begin, "a")
    with begin() as work:
        _scan(work, "a", 0, ssl="1", web="1")
        found = work.fleet.holdings([("bookworm", "web"), ("bookworm", "absent")])
        assert [component.name for component in found] == ["web"]


steps = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.dictionaries(st.sampled_from(["ssl", "web"]), st.sampled_from("123"), min_size=1),
        st.booleans(),
    ),
    max_size=12,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps)
def test_the_bitmaps_agree_with_the_newest_scans(
    begin: Begin, found: list[tuple[str, dict[str, str], bool]]
) -> None:
    """Folded after each scan or after many, each host has exactly what it last reported."""
    with begin() as work:  # never committed: the next example begins anew
        for port, name in enumerate("abc", 22):
            work.hosts.add(examples.host(name, port))
        for day, (host, versions, folds) in enumerate(found):
            _scan(work, host, day, **versions)
            if folds:
                work.fleet.holdings()
        assert _by_bitmaps(work) == _by_scans(work)


def _by_bitmaps(work: UnitOfWork) -> set[tuple[str, Component]]:
    numbers = work.fleet.numbers()
    every = [
        (str(numbers[number]), component)
        for component, holdings in work.fleet.holdings().items()
        for held in holdings
        for number in held.hosts
    ]
    assert len(every) == len(set(every))
    return set(every)


def _by_scans(work: UnitOfWork) -> set[tuple[str, Component]]:
    scans = work.facts.scans([HostId(name) for name in "abc"])
    return {(str(scan.host), component) for scan in scans for component in scan.components}
