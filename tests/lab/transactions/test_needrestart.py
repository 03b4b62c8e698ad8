"""Where a host has needrestart, what it knows of interpreted programs is restarted as well."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lab.transactions.booted_host import (
    InsideSession,
    ThrowAwayHost,
    drop_overlay,
    overlay,
    unpack_base_image,
)
from tests.lab.transactions.packages import UNIT, UNIT_PATH
from tests.lab.transactions.small_archive import SmallArchive, SmallPackage
from tests.lab.transactions.test_transactions import carry_out, upgrade

from oakum.core.rollout.transaction import TransactionState

pytestmark = pytest.mark.lab

PROGRAM = "/usr/lib/oak/oakd.py"
RUNS = UNIT.replace("/usr/lib/oak/oakd infinity", f"/usr/bin/python3 {PROGRAM}")
SLEEPS = "import time\n\nwhile True:  # version {}\n    time.sleep(60)\n"
interpreted, interpreted_new = (
    SmallPackage("oak-python", version, {UNIT_PATH: RUNS, PROGRAM: SLEEPS.format(version)})
    for version in ("1.0", "1.1")
)


@pytest.fixture
def python_host(tmp_path: Path) -> Iterator[tuple[ThrowAwayHost, SmallArchive]]:
    """Boot a host with needrestart and a service in Python, and offer the next version of it."""
    archive = SmallArchive(tmp_path / "snapshot")
    archive.add(interpreted, interpreted_new)
    base = unpack_base_image(tmp_path, "needrestart", "python3-minimal")
    host = ThrowAwayHost(overlay(base, tmp_path / "host"))
    deb = archive.path_of(interpreted)
    (host.root / "var/tmp" / deb.name).write_bytes(deb.read_bytes())
    try:
        host.boot(f"oakpy{tmp_path.name[-12:].replace('_', '')}")
        # needrestart holds whole seconds against each other: the service must be older.
        host.shell("dpkg -i /var/tmp/*.deb && systemctl enable --now oak-service.service; sleep 3")
        yield host, archive
    finally:
        host.close()
        drop_overlay(tmp_path / "host")
        archive.close()


def test_a_service_whose_script_was_replaced_is_restarted(
    python_host: tuple[ThrowAwayHost, SmallArchive],
) -> None:
    """No process maps a script: without needrestart the service would run the old one for ever."""
    host, archive = python_host
    before = host.shell("systemctl show -P MainPID oak-service.service")
    change = archive.change(interpreted, interpreted_new)
    done = asyncio.run(carry_out(InsideSession(host), upgrade(archive, change)))
    assert (done.state, done.reason) == (TransactionState.SUCCEEDED, "")
    assert done.restarted == ("oak-service.service",)
    assert host.shell("systemctl show -P MainPID oak-service.service") != before
