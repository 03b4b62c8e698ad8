from random import Random

from hypothesis import given
from hypothesis import strategies as st

from oakum.core.ids import Digest
from oakum.core.repositories.archive import ArchivePackage, ArchiveSource
from oakum.core.repositories.closure import Closure, Installed, close

SOURCE = ArchiveSource("http://archive.example", "bookworm", ("main",), "key.gpg")


def package(name: str, version: str = "1", depends: str = "", provides: str = "") -> ArchivePackage:
    return ArchivePackage(
        name, version, "amd64", name, version, f"pool/{name}", 1, Digest("a" * 64), 1,
        depends, provides, "", SOURCE,
    )  # fmt: skip


def installed(name: str, version: str = "1") -> Installed:
    return Installed(name, version, "amd64")


def closure(packages: list[ArchivePackage], *present: Installed) -> Closure:
    return close(packages, frozenset(present))


def names(found: tuple[ArchivePackage, ...]) -> list[str]:
    return [f"{p.name} {p.version}" for p in found]


def test_holds_the_newest_and_what_is_installed() -> None:
    """There is a way forward and a way back."""
    archive = [package("bash", version) for version in ("1", "1~rc1", "10", "9")]
    found = closure(archive, installed("bash"))
    assert names(found.candidates) == ["bash 10"]
    assert names(found.installed) == ["bash 1"]
    assert found.missing == ()


def test_what_no_archive_has_any_more_is_named() -> None:
    """Without its bytes there is no way back: that is said, not passed over."""
    found = closure([package("bash", "2")], installed("bash", "1"), installed("own", "3"))
    assert found.missing == (installed("bash", "1"), installed("own", "3"))


def test_follows_every_alternative_of_a_dependency() -> None:
    """Which one a host takes is its own resolver's decision."""
    archive = [
        package("web", depends="aa (>= 2) | bb, cc:any [amd64]"),
        package("aa"), package("bb"), package("cc", depends="dd"), package("dd"), package("ee"),
    ]  # fmt: skip
    found = closure(archive, installed("web"))
    assert names(found.candidates) == ["aa 1", "bb 1", "cc 1", "dd 1", "web 1"]


def test_a_virtual_name_is_provided_by_what_the_fleet_has() -> None:
    """Where nobody has a provider, one of them is taken along."""
    archive = [
        package("web", depends="mail-agent"),
        package("exim4", provides="mail-agent"),
        package("postfix", provides="mail-agent (= 3)"),
    ]
    both = closure(archive, installed("web"), installed("postfix"))
    assert names(both.candidates) == ["postfix 1", "web 1"]
    assert names(closure(archive, installed("web")).candidates) == ["exim4 1", "web 1"]


def test_a_ring_of_dependencies_ends() -> None:
    """Packages that need each other are both there, once."""
    archive = [package("aa", depends="bb"), package("bb", depends="aa")]
    assert names(closure(archive, installed("aa")).candidates) == ["aa 1", "bb 1"]


archives = st.lists(
    st.builds(package, st.sampled_from("abcdef").map(lambda n: n * 2), st.sampled_from("123"),
              st.lists(st.sampled_from("abcdef").map(lambda n: n * 2), max_size=3).map(" | ".join)),
    max_size=10, unique_by=lambda p: (p.name, p.version),
)  # fmt: skip
fleets = st.frozensets(
    st.builds(installed, st.sampled_from("abcdef").map(lambda n: n * 2), st.sampled_from("123"))
)


@given(archives, fleets)
def test_every_installed_version_is_held_or_named_missing(
    archive: list[ArchivePackage], fleet: frozenset[Installed]
) -> None:
    """None is lost between the two."""
    found = close(archive, fleet)
    held = {Installed(p.name, p.version, p.architecture) for p in found.installed}
    assert held | set(found.missing) == fleet
    assert not held & set(found.missing)


@given(archives, fleets)
def test_what_the_candidates_need_is_there(
    archive: list[ArchivePackage], fleet: frozenset[Installed]
) -> None:
    """Each name that a candidate depends on, and that the archive has, is a candidate."""
    found = close(archive, fleet)
    there, known = {p.name for p in found.candidates}, {p.name for p in archive}
    needed = {name for p in found.candidates for name in p.depends.split(" | ") if name}
    assert needed & known <= there


@given(archives, fleets, st.randoms(use_true_random=False))
def test_the_order_of_the_archive_does_not_matter(
    archive: list[ArchivePackage], fleet: frozenset[Installed], chance: Random
) -> None:
    """The same packages give the same snapshot."""
    assert close(chance.sample(archive, len(archive)), fleet) == close(archive, fleet)
