import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.core.canonical import digest_of_bytes
from oakum.core.errors import RefusedError
from oakum.core.ids import Digest
from oakum.core.planning.change import ChangeKind, PackageChange, RollbackClass
from oakum.core.repositories.snapshot import Role, SnapshotManifest, SnapshotPackage
from oakum.core.rollback.inverse import invert

KINDS = st.sampled_from(ChangeKind)
NAMES = st.sampled_from(["bash", "libc6", "openssl", "tzdata", "zlib1g"])


def package(name: str, version: str) -> SnapshotPackage:
    content = f"{name} {version}".encode()
    return SnapshotPackage(
        name=name,
        version=version,
        architecture="amd64",
        source_name=name,
        source_version=version,
        sha256=digest_of_bytes(content),
        size_bytes=len(content),
        installed_size_kib=1,
        roles=(Role.INSTALLED,),
        origin="Debian bookworm",
    )


def change(name: str, kind: ChangeKind) -> PackageChange:
    old = "" if kind is ChangeKind.INSTALL else "1.0"
    new = "" if kind is ChangeKind.REMOVE else "1.1"
    if kind is ChangeKind.DOWNGRADE:
        old, new = new, old
    bytes_of_new = package(name, new)
    return PackageChange(
        kind=kind,
        name=name,
        architecture="amd64",
        old_version=old,
        new_version=new,
        sha256=bytes_of_new.sha256 if new else Digest(""),
        size_bytes=bytes_of_new.size_bytes if new else 0,
        source_name=name,
        rollback_class=RollbackClass.LIBRARY,
    )


def manifest(*names: str, versions: tuple[str, ...] = ("1.0", "1.1")) -> SnapshotManifest:
    packages = tuple(package(name, version) for name in names for version in versions)
    return SnapshotManifest("bookworm", "amd64", packages, ())


@given(st.dictionaries(NAMES, KINDS))
def test_inverting_twice_restores(kinds: dict[str, ChangeKind]) -> None:
    """Undoing the undoing is the change itself, byte for byte."""
    changes = tuple(change(name, kinds[name]) for name in sorted(kinds))
    held = manifest(*kinds)
    assert invert(invert(changes, held), held) == changes


@given(st.dictionaries(NAMES, KINDS, min_size=1))
def test_the_inverse_leads_back(kinds: dict[str, ChangeKind]) -> None:
    """Every change ends where its inverse begins, and the other way round."""
    changes = tuple(change(name, kinds[name]) for name in sorted(kinds))
    for forth, back in zip(changes, invert(changes, manifest(*kinds)), strict=True):
        assert (back.key, back.old_version, back.new_version) == (
            forth.key,
            forth.new_version,
            forth.old_version,
        )
        assert bool(back.sha256) == bool(back.new_version)


def test_names_what_has_no_way_back() -> None:
    """A version that the snapshot does not hold is named, all of them at once."""
    changes = (change("bash", ChangeKind.UPGRADE), change("zlib1g", ChangeKind.REMOVE))
    with pytest.raises(RefusedError, match=r"bash:amd64 1\.0, zlib1g:amd64 1\.0"):
        invert(changes, manifest("bash", "zlib1g", versions=("1.1",)))
