from dataclasses import fields, replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.core.ids import Digest
from oakum.core.repositories.diff import diff
from oakum.core.repositories.snapshot import (
    Role,
    SnapshotManifest,
    SnapshotPackage,
    UpstreamRelease,
)

DIGESTS = [Digest(letter * 64) for letter in "abcd"]
BASH = SnapshotPackage(
    "bash", "5.2-1", "amd64", "bash", "5.2-1", DIGESTS[0], 10, 20, (Role.CANDIDATE,), "Debian"
)
UPSTREAM = UpstreamRelease("http://a.example", "bookworm", "bookworm", "d", DIGESTS[1], ("F1",))

packages = st.builds(
    SnapshotPackage,
    st.sampled_from(["bash", "zlib1g"]),
    st.sampled_from(["1", "2"]),
    st.sampled_from(["amd64", "all"]),
    st.just("source"),
    st.just("1"),
    st.sampled_from(DIGESTS),
    st.integers(0, 2),
    st.integers(0, 2),
    st.permutations(list(Role)).map(tuple),
    st.sampled_from(["Debian", "host web-1"]),
)
upstreams = st.builds(
    UpstreamRelease,
    st.just("http://a.example"),
    st.sampled_from(["bookworm", "updates", "security"]),
    st.just("bookworm"),
    st.just("d"),
    st.sampled_from(DIGESTS),
    st.permutations(["F1", "F2"]).map(tuple),
)
manifests = st.builds(
    SnapshotManifest,
    st.just("bookworm"),
    st.just("amd64"),
    st.lists(
        packages, max_size=5, unique_by=lambda p: (p.name, p.version, p.architecture, p.sha256)
    ).map(tuple),
    st.lists(upstreams, max_size=3, unique_by=lambda u: u.suite).map(tuple),
)


def manifest(*found: SnapshotPackage) -> SnapshotManifest:
    return SnapshotManifest("bookworm", "amd64", found, (UPSTREAM,))


@given(manifests, st.randoms(use_true_random=False))
def test_the_id_does_not_depend_on_any_order(made: SnapshotManifest, chance: Random) -> None:
    """The same packages from the same archives are the same snapshot, whoever listed them first."""
    turned = replace(
        made,
        packages=tuple(
            replace(p, roles=tuple(chance.sample(p.roles, len(p.roles))))
            for p in chance.sample(made.packages, len(made.packages))
        ),
        upstream=tuple(
            replace(u, signed_by=tuple(reversed(u.signed_by)))
            for u in chance.sample(made.upstream, len(made.upstream))
        ),
    )
    assert turned.id == made.id


def changed(value: object) -> object:
    match value:
        case str():
            return f"{value}x"
        case int():
            return value + 1
        case _:
            return ()


@pytest.mark.parametrize("name", [field.name for field in fields(SnapshotPackage)])
def test_any_change_of_a_package_changes_the_id(name: str) -> None:
    """What is approved is exactly this."""
    change: dict[str, Any] = {name: changed(getattr(BASH, name))}
    other = replace(BASH, **change)
    assert manifest(other).id != manifest(BASH).id


@pytest.mark.parametrize("name", [field.name for field in fields(UpstreamRelease)])
def test_any_change_of_the_provenance_changes_the_id(name: str) -> None:
    """Where the packages came from is part of what a snapshot is."""
    change: dict[str, Any] = {name: changed(getattr(UPSTREAM, name))}
    other = replace(UPSTREAM, **change)
    assert replace(manifest(BASH), upstream=(other,)).id != manifest(BASH).id


def test_a_host_finds_its_own_architecture_or_all() -> None:
    """A package of another architecture is not what it would install."""
    both = manifest(BASH, replace(BASH, name="data", architecture="all"))
    assert both.find("bash", "5.2-1", "amd64") == BASH
    assert both.find("data", "5.2-1", "arm64") is not None
    assert both.find("bash", "5.2-1", "arm64") is None
    assert both.find("bash", "5.2-2", "amd64") is None


def test_a_difference_names_what_came_went_and_changed() -> None:
    """What is kept only for going back is no change of the offer."""
    newer = replace(BASH, version="5.2-2", sha256=DIGESTS[1])
    kept = replace(BASH, name="kept", roles=(Role.INSTALLED,))
    gone, came = replace(BASH, name="gone"), replace(BASH, name="came")
    found = diff(manifest(BASH, gone, kept), manifest(newer, came))
    assert (found.added, found.removed, found.changed) == ((came,), (gone,), ((BASH, newer),))


@given(manifests, manifests)
def test_a_difference_the_other_way_round_is_turned_round(
    old: SnapshotManifest, new: SnapshotManifest
) -> None:
    """What was added one way is removed the other."""
    there, back = diff(old, new), diff(new, old)
    assert (there.added, there.removed) == (back.removed, back.added)
    assert there.changed == tuple((after, before) for before, after in back.changed)
    assert diff(old, old).changed == ()
