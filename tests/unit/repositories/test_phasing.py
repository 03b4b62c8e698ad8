"""Phased updates: whom they are held back from, what a snapshot takes, and what is said of it.

The numbers are those of apt 2.6.2 (tests/integration/versions/test_phasing.py asks apt itself).
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.repositories.test_closure import SOURCE, closure, installed, names, package

from oakum.core.errors import InputError
from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.facts import Facts, PhasedUpdate, RunningKernel
from oakum.core.repositories.closure import close
from oakum.core.repositories.package_index import parse_index
from oakum.core.repositories.phasing import draw, is_held, phasing_of
from oakum.core.repositories.snapshot import LeftOut, SnapshotManifest

INDEX = Path(__file__).parents[2] / "golden" / "archives" / "Packages-phased"
MACHINE = "0123456789abcdef0123456789abcdef"
NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.mark.parametrize(
    ("source", "version", "machine", "number"),
    [
        ("tool", "2-1", "0123456789abcdef0123456789abcdef", 80),
        ("source-1", "1.1-1ubuntu0.1", "7", 76),
        ("openssl", "3.0.2-0ubuntu1.20", "ffffffffffffffffffffffffffffffff", 76),
        (
            "tool-8",
            "1.8-1ubuntu0.2",
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            20,
        ),
        ("systemd", "249.11-0ubuntu3.16", "", 47),
    ],
)
def test_a_host_draws_what_apt_draws(source: str, version: str, machine: str, number: int) -> None:
    """By source, its version and the machine-id."""
    assert draw(source, version, machine) == number


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=40))
def test_a_number_is_one_of_a_hundred_and_one(source: str, version: str, machine: str) -> None:
    """Whatever stands in the three."""
    assert 0 <= draw(source, version, machine) <= 100


def test_a_host_is_held_while_its_number_is_higher() -> None:
    """Equal is reached; what is for all holds nobody; 0 % lets the zeros through, as apt does."""
    assert [is_held(30, number) for number in (29, 30, 31)] == [False, False, True]
    assert not is_held(100, 100)
    assert [is_held(0, number) for number in (0, 1)] == [False, True]


def test_numbers_are_spread_over_hosts() -> None:
    """Of many hosts a third has an update that is phased at a third."""
    reached = sum(not is_held(33, draw("tool", "1.0", f"{n:032x}")) for n in range(3000))
    assert 0.30 < reached / 3000 < 0.37


def test_an_index_names_the_percentage() -> None:
    """As Ubuntu writes it; what is for all has no such field."""
    found = {p.name: p.phased_percentage for p in parse_index(INDEX.read_text(), SOURCE, "x")}
    assert found == {"tool": 30, "libtool2": 30, "halted": 0, "plain": None}


@pytest.mark.parametrize("percentage", ["101", "-1", "many", "1.5"])
def test_a_percentage_that_makes_no_sense_is_an_error(percentage: str) -> None:
    """An index with it is no index that an archive would write."""
    text = INDEX.read_text().replace("Percentage: 30", f"Percentage: {percentage}", 1)
    with pytest.raises(InputError, match="a field that no archive would write"):
        list(parse_index(text, SOURCE, "x"))


@pytest.mark.parametrize(
    ("phased_from", "candidate", "left_out"),
    [
        (0, "3", []),
        (1, "2", ["3"]),
        (30, "2", ["3"]),
        (31, "1", ["2", "3"]),
        (100, "1", ["2", "3"]),
    ],
)
def test_a_snapshot_takes_what_is_phased_far_enough_and_names_the_rest(
    phased_from: int, candidate: str, left_out: list[str]
) -> None:
    """3 is halted, 2 is at 30 %, 1 is for all."""
    archive = [
        package("tool", "1"),
        replace(package("tool", "2"), phased_percentage=30),
        replace(package("tool", "3"), phased_percentage=0),
    ]
    found = close(archive, frozenset([installed("tool", "1")]), phased_from)
    assert names(found.candidates) == [f"tool {candidate}"]
    assert names(found.left_out) == [f"tool {version}" for version in left_out]


def test_what_is_installed_is_kept_however_it_is_phased() -> None:
    """There is a way back to it, and it is not called left out."""
    archive = [package("tool", "1"), replace(package("tool", "2"), phased_percentage=0)]
    found = close(archive, frozenset([installed("tool", "2")]), 1)
    assert (names(found.installed), found.left_out) == (["tool 2"], ())
    assert closure(archive, installed("tool", "1")).left_out == ()


def test_a_snapshot_that_leaves_nothing_out_has_the_id_that_it_had() -> None:
    """And one that does has another: what it leaves out is part of what it is."""
    plain = SnapshotManifest("jammy", "amd64", (), ())
    left = replace(plain, left_out=(LeftOut("tool", "2", "amd64", 0),))
    document = plain.to_json()
    assert isinstance(document, dict)
    assert "left_out" not in document
    assert left.id != plain.id
    assert "halted it (phased at 0 %)" in left.left_out[0].reason
    assert "phased it at 30 %" in replace(left.left_out[0], phased_percentage=30).reason


def known(*phased: PhasedUpdate) -> Facts:
    return Facts(
        NOW, "h", MACHINE, "b", "amd64", Distribution("ubuntu", "22.04", "jammy"),
        RunningKernel("", ""), has_systemd=True, is_container=False, packages=(), phased=phased,
    )  # fmt: skip


def test_what_a_hosts_own_apt_does_is_said() -> None:
    """Until which percentage it waits; an older update without the fix is not spoken of."""
    number = draw("tool", "2-1", MACHINE)
    below, reached = number - 1, number
    update = PhasedUpdate("tool", "2-1", below)
    (held,) = phasing_of(known(update), "tool", "2-1")
    assert held.startswith(f"2-1 is phased at {below} %: this host's own apt holds it back")
    assert held.endswith(f"until it is phased at {number} %")
    taken = list(phasing_of(known(replace(update, percentage=reached)), "tool", "1-9"))
    assert taken == [f"2-1 is phased at {reached} %: this host's own apt takes it"]
    halted = list(phasing_of(known(replace(update, percentage=0)), "tool", "2-1"))
    assert "0 % (its vendor has halted it)" in halted[0]
    assert list(phasing_of(known(update), "tool", "2-2")) == []
    assert list(phasing_of(known(update), "other", "1")) == []
