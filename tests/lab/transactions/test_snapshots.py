"""Roots on btrfs: when dpkg itself is broken, files of the system come back from the snapshot."""

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.lab.transactions.booted_host import (
    InsideSession,
    ThrowAwayHost,
    mount_for_chroot,
    unpack_base_image,
)
from tests.lab.transactions.packages import (
    INSTALLED,
    config,
    config_new,
    fragile,
    library,
    library_new,
)
from tests.lab.transactions.small_archive import SmallArchive, SmallPackage
from tests.lab.transactions.test_transactions import APT, STATE, carry_out, upgrade, way_back

from oakum.core.planning.change import PackageChange
from oakum.core.rollback.restore_point import RestorePointKind
from oakum.core.rollout.transaction import TransactionState
from oakum.ports.package_manager import Transaction

pytestmark = pytest.mark.lab

GIGABYTES = 4
BREAK_DPKG = """
cp /bin/false /usr/bin/dpkg-deb
rm -f /usr/share/oak/library
mkdir -p /usr/lib/oak/junk/deep && : >"/usr/lib/oak/junk/deep/a
b"
chmod 700 /usr/share/oak
rm -rf /usr/share/base-files && : >/usr/share/base-files
mkdir -p /var/lib/data /srv/data && echo kept >/var/lib/data/x
echo kept >/srv/data/x; echo kept >/root/x; echo kept >/usr/local/x; echo kept >/etc/own
"""
breaks_dpkg = SmallPackage(
    "oak-fragile",
    "1.1",
    {"/usr/share/oak/fragile": "two\n"},
    scripts={"postinst": f"{BREAK_DPKG}exit 1", "prerm": "exit 1", "postrm": "exit 1"},
)
breaks_later = replace(breaks_dpkg, scripts={})
DATA = "cat /var/lib/data/x /srv/data/x /root/x /usr/local/x /etc/own"
USR = (
    "cd / && find usr -path usr/local -prune -o -printf '%y %m %u %g %p\\n' | sort; "
    "find /usr -path /usr/local -prune -o -type f -print0 | sort -z | xargs -0 md5sum"
)
"""Kinds, modes, owners and bytes of all that is in /usr."""


@pytest.fixture(scope="module")
def btrfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make a file system in a file, with a subvolume that holds a base."""
    directory = tmp_path_factory.mktemp("btrfs")
    image, top = directory / "disk", directory / "top"
    with image.open("wb") as out:
        out.truncate(GIGABYTES << 30)
    _run("mkfs.btrfs", "-q", str(image))
    top.mkdir()
    _run("mount", "-o", "loop,noatime", str(image), str(top))
    try:
        _run("btrfs", "subvolume", "create", str(top / "base"))
        tree = unpack_base_image(directory)
        _run("cp", "-a", f"{tree}/.", str(top / "base"))
        bring_program(Path("/usr/bin/btrfs"), top / "base")
        archive = SmallArchive(directory / "build")
        archive.add(*INSTALLED)
        host = ThrowAwayHost(top / "base", ("chroot", str(top / "base")))
        for package in INSTALLED:
            deb = archive.path_of(package)
            (top / "base/var/tmp" / deb.name).write_bytes(deb.read_bytes())
        host.shell("dpkg -i /var/tmp/*.deb && rm /var/tmp/*.deb && apt-mark auto oak-auto")
        host.shell("systemctl enable oak-service.service")
        archive.close()
        yield top
    finally:
        _run("umount", "-R", str(top))


def bring_program(program: Path, root: Path) -> None:
    """Put a program of this machine, which is a Debian too, with its libraries into a root."""
    shutil.copy(program, root / "usr/bin")
    needed = subprocess.run(["ldd", program], capture_output=True, check=True)
    for word in needed.stdout.decode().split():
        if word.startswith("/lib/") and not (root / word.lstrip("/")).exists():
            shutil.copy(word, root / word.lstrip("/"))


@contextlib.contextmanager
def root_of(btrfs: Path, name: str) -> Iterator[Path]:
    """Have a host's root: a subvolume that was made of the base."""
    root = btrfs / name
    _run("btrfs", "subvolume", "snapshot", str(btrfs / "base"), str(root))
    try:
        yield root
    finally:
        subprocess.run(["umount", "-R", *(str(root / p) for p in ("proc", "sys", "run"))],
                       check=False, capture_output=True)  # fmt: skip
        for inner in (root / "var/lib/oakum/snapshots").glob("*"):
            _run("btrfs", "subvolume", "delete", str(inner))
        _run("btrfs", "subvolume", "delete", str(root))


@pytest.fixture
def plain_host(btrfs: Path, tmp_path: Path) -> Iterator[ThrowAwayHost]:
    """Make a host without systemd, whose root is a subvolume."""
    with root_of(btrfs, tmp_path.name) as root:
        mount_for_chroot(root)
        yield ThrowAwayHost(root, ("chroot", str(root)))


@pytest.fixture
def host(btrfs: Path, tmp_path: Path) -> Iterator[ThrowAwayHost]:
    """Boot a host whose root is a subvolume."""
    with root_of(btrfs, tmp_path.name) as root:
        made = ThrowAwayHost(root)
        try:
            made.boot(f"oakb{tmp_path.name[-18:].replace('_', '')}")
            yield made
        finally:
            made.close()


def with_snapshot(archive: SmallArchive, *changes: PackageChange) -> Transaction:
    kinds = (RestorePointKind.PACKAGES, RestorePointKind.SNAPSHOT)
    return replace(upgrade(archive, *changes), restore_points=kinds)


def bad_changes(archive: SmallArchive) -> tuple[PackageChange, ...]:
    """Offer a package that breaks dpkg, and return a change to it among others."""
    archive.add(breaks_dpkg)
    return (
        archive.change(config, config_new),
        archive.change(fragile, breaks_dpkg),
        archive.change(library, library_new),
    )


def way_back_of_it(archive: SmallArchive) -> Transaction:
    return way_back(
        archive,
        archive.change(config_new, config),
        archive.change(breaks_later, fragile),
        archive.change(library_new, library),
    )


def snapshots(host: ThrowAwayHost) -> list[str]:
    return host.try_shell("ls /var/lib/oakum/snapshots 2>/dev/null").split()


def undoes_itself(host: ThrowAwayHost, archive: SmallArchive) -> None:
    host.shell("echo mine >/etc/oak/config")
    before, files = host.shell(STATE), host.shell(USR)
    verified = host.try_shell("dpkg -V")
    session = InsideSession(host)
    done = asyncio.run(carry_out(session, with_snapshot(archive, *bad_changes(archive))))
    assert done.state is TransactionState.FAILED
    assert "every package is back at its old version" in done.reason
    assert any("by the snapshot's files" in entry.detail for entry in done.journal)
    assert host.shell(STATE) == before
    assert host.shell(USR) == files
    assert host.try_shell("dpkg -V") == verified
    assert host.shell("cat /etc/oak/config /etc/oak/plain") == "mine\none\n"
    assert host.shell("dpkg --audit") == ""
    assert host.shell(DATA) == 5 * "kept\n"
    assert snapshots(host) == ["t1.replaced"]
    # What is no more on the host can still be read, and that is said.
    (kept,) = [e.detail.split()[-5] for e in done.journal if "is kept in" in e.detail]
    assert host.shell(f"cmp {kept}/usr/bin/dpkg-deb /bin/false && ls -A / | grep oakum || :") == ""


def test_dpkg_is_broken_by_the_upgrade(plain_host: ThrowAwayHost, archive: SmallArchive) -> None:
    """All of /usr is as before, to the byte, the mode and the owner; all data is kept."""
    undoes_itself(plain_host, archive)


def test_dpkg_is_broken_by_the_upgrade_of_a_booted_host(
    host: ThrowAwayHost, archive: SmallArchive
) -> None:
    """The same where systemd runs and services go on."""
    undoes_itself(host, archive)
    assert host.shell("systemctl is-active oak-service.service") == "active\n"


def test_without_a_snapshot_it_stays_broken(
    plain_host: ThrowAwayHost, archive: SmallArchive
) -> None:
    """The same fault, when the rollback classes forbid a snapshot: the test above can fail."""
    transaction = upgrade(archive, *bad_changes(archive))
    done = asyncio.run(carry_out(InsideSession(plain_host), transaction))
    assert done.state is TransactionState.FAILED
    assert "going back failed too" in done.reason
    assert snapshots(plain_host) == []


def test_a_controller_goes_back_by_it(plain_host: ThrowAwayHost, archive: SmallArchive) -> None:
    """Dpkg was broken after the upgrade: a roll-back in time still has the snapshot."""
    archive.add(breaks_later)
    session = InsideSession(plain_host)
    before, files = plain_host.shell(STATE), plain_host.shell(USR)
    changes = (
        archive.change(config, config_new),
        archive.change(fragile, breaks_later),
        archive.change(library, library_new),
    )
    done = asyncio.run(carry_out(session, with_snapshot(archive, *changes)))
    assert done.state is TransactionState.SUCCEEDED
    assert snapshots(plain_host) == ["t1"]
    plain_host.shell(BREAK_DPKG)
    back = asyncio.run(carry_out(session, way_back_of_it(archive)))
    assert (back.state, back.reason) == (TransactionState.SUCCEEDED, "")
    assert plain_host.shell(STATE) == before
    assert plain_host.shell(USR) == files
    assert plain_host.shell(DATA) == 5 * "kept\n"
    assert snapshots(plain_host) == ["t1.replaced"]


def test_what_others_installed_since_is_not_undone(
    plain_host: ThrowAwayHost, archive: SmallArchive
) -> None:
    """Then the snapshot is no way back any more; whose packages stand against it is said."""
    archive.add(breaks_later)
    session = InsideSession(plain_host)
    change = archive.change(fragile, breaks_later)
    asyncio.run(carry_out(session, with_snapshot(archive, change)))
    plain_host.shell("dpkg --force-depends --purge oak-slow")
    plain_host.shell(BREAK_DPKG)
    back = way_back(archive, archive.change(breaks_later, fragile))
    done = asyncio.run(carry_out(session, back))
    assert done.state is TransactionState.FAILED
    assert "others changed packages since the snapshot" in done.reason
    assert "oak-slow" in done.reason


def test_it_is_dropped_when_the_host_was_found_well(
    plain_host: ThrowAwayHost, archive: SmallArchive
) -> None:
    """And by the next transaction: one that nobody asks for any more only fills the disk."""
    session = InsideSession(plain_host)
    first = with_snapshot(archive, archive.change(library, library_new))
    asyncio.run(carry_out(session, first))
    assert snapshots(plain_host) == ["t1"]
    assert plain_host.shell("btrfs property get /var/lib/oakum/snapshots/t1 ro") == "ro=true\n"
    second = with_snapshot(archive, archive.change(config, config_new))
    second = replace(second, id=first.id.__class__("t2"))
    asyncio.run(carry_out(session, second))
    assert snapshots(plain_host) == ["t2"]
    asyncio.run(APT.confirm(session, second.id))
    assert snapshots(plain_host) == []


def test_a_host_without_room_or_btrfs_says_so(
    plain_host: ThrowAwayHost, archive: SmallArchive
) -> None:
    """The upgrade goes on: packages alone are a way back too."""
    plain_host.shell("mv /usr/bin/btrfs /usr/bin/btrfs.away")
    transaction = with_snapshot(archive, archive.change(library, library_new))
    done = asyncio.run(carry_out(InsideSession(plain_host), transaction))
    assert done.state is TransactionState.SUCCEEDED
    assert "no snapshot: there is no btrfs program" in [entry.detail for entry in done.journal]


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr.decode()}"
