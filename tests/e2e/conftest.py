"""One small fleet of booted hosts for all end-to-end tests; each test leaves it as it found it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from demo.fleet import Fleet

HOSTS = 3


def raise_fleet(home: Path, provider: str) -> Fleet:
    """Boot hosts, add them, load advisories, scan, and freeze a snapshot."""
    fleet = Fleet(home, soak_seconds=1)
    fleet.configure()
    fleet.run("lab", "up", "--hosts", str(HOSTS), "--provider", provider)
    access = home / "lab/access"
    fleet.run(
        *("hosts", "import", "--ansible", str(access / "inventory.ini")),
        *("--known-hosts", str(access / "known_hosts")),
    )
    fleet.run("advisories", "update", "--offline", "shipped")
    fleet.run("scan")
    fleet.run("snapshots", "create")
    return fleet


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Boot the fleet with systemd."""
    yield from _raised(tmp_path_factory.mktemp("fleet") / "home", "nspawn")


@pytest.fixture(scope="module")
def plain_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Raise a fleet without systemd."""
    yield from _raised(tmp_path_factory.mktemp("plain") / "home", "chroot")


def _raised(home: Path, provider: str) -> Iterator[Fleet]:
    home.mkdir()
    try:
        fleet = raise_fleet(home, provider)
        with fleet.serving():
            yield fleet
    finally:
        Fleet(home).run("lab", "down")
