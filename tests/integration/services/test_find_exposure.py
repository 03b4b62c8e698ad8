"""Exposure: what is asked of a part of the fleet is what is true of all of it."""

from datetime import UTC, datetime

import pytest
from tests.inventories import read

from oakum.adapters.feeds.bundle import shipped_bundle
from oakum.core.advisories.feed import FeedName
from oakum.core.ids import CveId, HostId
from oakum.core.inventory.host import Host
from oakum.ports.clock import Clock
from oakum.ports.stores import UnitOfWorkFactory
from oakum.services.find_exposure import findings_about, findings_of
from oakum.services.update_advisories import AdvisoryUpdater

NAMES = ("web-01.bookworm-r0", "web-01.bookworm-current", "db-01.bookworm-r0")
HOSTS = [HostId(name) for name in NAMES]


@pytest.fixture
def fleet(begin: UnitOfWorkFactory, clock: Clock) -> UnitOfWorkFactory:
    AdvisoryUpdater(begin, clock, "test", lambda *_: None).update(
        shipped_bundle(), [FeedName.DEBIAN_TRACKER]
    )
    with begin() as work:
        for port, name in enumerate(NAMES, 22):
            added = datetime(2026, 11, 1, tzinfo=UTC)
            work.hosts.add(
                Host(HostId(name), name, "127.0.0.1", port, "root", f"key {port}", added)
            )
            work.facts.save(HostId(name), read(name))
        work.commit()
    return begin


@pytest.mark.parametrize(
    ("cve", "source"),
    [
        ("CVE-2023-44487", ""),
        ("CVE-2023-44487", "nginx"),
        ("", "openssl"),
        ("CVE-1999-9999", ""),
        ("", "no-such-source"),
    ],
)
def test_asking_for_a_part_gives_that_part_of_everything(
    fleet: UnitOfWorkFactory, cve: str, source: str
) -> None:
    """Word for word, the evidence included; a CVE in two packages is two findings."""
    with fleet() as work:
        everything = findings_of(work, HOSTS)
        asked = findings_about(work, HOSTS, CveId(cve) if cve else None, source)
        one = findings_about(work, HOSTS[2:], CveId(cve) if cve else None, source)
    expected = [f for f in everything if cve in {"", f.cve} and source in {"", f.source_name}]
    assert sorted(asked, key=lambda f: f.key) == sorted(expected, key=lambda f: f.key)
    assert {f.host for f in one} <= {HOSTS[2]}
    assert len(one) == sum(f.host == HOSTS[2] for f in expected)
    assert bool(expected) is (cve != "CVE-1999-9999" and source != "no-such-source")
