"""Hosts with small packages installed, one fresh host a test."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.lab.transactions.booted_host import (
    InsideSession,
    ThrowAwayHost,
    drop_overlay,
    mount_for_chroot,
    overlay,
    unpack_base_image,
)
from tests.lab.transactions.packages import INSTALLED, OFFERED
from tests.lab.transactions.small_archive import SmallArchive

MakeHost = Callable[[bool], ThrowAwayHost]


@pytest.fixture(scope="session")
def base_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bookworm with our small packages installed, automatic marks included."""
    directory = tmp_path_factory.mktemp("image")
    archive = SmallArchive(directory / "build")
    archive.add(*INSTALLED)
    base = unpack_base_image(directory)
    for package in INSTALLED:
        deb = archive.path_of(package)
        (base / "var/tmp" / deb.name).write_bytes(deb.read_bytes())
    host = ThrowAwayHost(base, ("chroot", str(base)))
    host.shell("dpkg -i /var/tmp/*.deb && rm /var/tmp/*.deb && apt-mark auto oak-auto")
    host.shell("systemctl enable oak-service.service")
    archive.close()
    return base


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[SmallArchive]:
    """Offer a snapshot that holds what is installed and what is newer."""
    made = SmallArchive(tmp_path / "snapshot")
    made.add(*INSTALLED, *OFFERED)
    yield made
    made.close()


@contextmanager
def _booted(base_image: Path, layers: Path, name: str) -> Iterator[ThrowAwayHost]:
    made = ThrowAwayHost(overlay(base_image, layers))
    try:
        made.boot(name)
        yield made
    finally:
        made.close()
        drop_overlay(layers)


@pytest.fixture
def host(base_image: Path, tmp_path: Path) -> Iterator[ThrowAwayHost]:
    """Boot a host."""
    name = f"oak{tmp_path.name[-20:].replace('_', '')}"
    with _booted(base_image, tmp_path / "host", name) as made:
        yield made


@pytest.fixture
def another_host(base_image: Path, tmp_path: Path) -> Iterator[ThrowAwayHost]:
    """Boot one more that is alike."""
    with _booted(
        base_image, tmp_path / "another", f"other{tmp_path.name[-18:].replace('_', '')}"
    ) as made:
        yield made


@pytest.fixture
def plain_host(base_image: Path, tmp_path: Path) -> Iterator[ThrowAwayHost]:
    """Make a host without systemd: a chroot."""
    layers = tmp_path / "host"
    root = overlay(base_image, layers)
    mount_for_chroot(root)
    try:
        yield ThrowAwayHost(root, ("chroot", str(root)))
    finally:
        drop_overlay(layers)


@pytest.fixture
def session(host: ThrowAwayHost) -> InsideSession:
    """Open a session with the booted host."""
    return InsideSession(host)
