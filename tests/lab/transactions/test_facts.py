"""What a booted host tells of where it runs and of its services, against what is true of it."""

import asyncio
from datetime import UTC, datetime

import pytest
from tests.lab.transactions.booted_host import InsideSession, ThrowAwayHost

from oakum.adapters.facts.collector import ShellFactCollector
from oakum.core.inventory.facts import Service

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def test_a_booted_host_tells_where_it_runs(host: ThrowAwayHost, session: InsideSession) -> None:
    """The machine is a container; it is up for as long as its own first process is."""
    host.shell("mkdir -p /etc/network && echo 'iface eth7 inet dhcp' >/etc/network/interfaces")
    facts = asyncio.run(ShellFactCollector().collect(session, now=NOW))
    assert facts.is_container
    assert facts.environment.machine == "systemd-nspawn"
    assert facts.environment.root_file_system == "overlay"
    assert facts.environment.network_managers == ("ifupdown",)
    assert facts.environment.up_seconds is not None
    assert 0 <= facts.environment.up_seconds < 300
    assert facts.unreadable == ()


def test_services_are_told_with_what_they_do(host: ThrowAwayHost, session: InsideSession) -> None:
    """Enabled by a link, running by systemd's word; one that nobody asked for is not named."""

    def seen(unit: str) -> Service | None:
        facts = asyncio.run(ShellFactCollector().collect(session, now=NOW))
        assert facts.services is not None
        return next((found for found in facts.services if found.unit == unit), None)

    unit = "oak-service.service"
    host.shell(f"systemctl start {unit}")
    assert seen(unit) == Service(unit, "oak-service", is_enabled=True, is_running=True)
    host.shell(f"systemctl stop {unit}")
    assert seen(unit) == Service(unit, "oak-service", is_enabled=True, is_running=False)
    host.shell(f"systemctl disable {unit}")
    assert seen(unit) is None
    assert seen("dbus.service") == Service("dbus.service", "dbus", False, True)  # noqa: FBT003


@pytest.mark.parametrize("program", ["", "systemd-detect-virt"])
def test_a_host_without_systemd_says_what_it_can(plain_host: ThrowAwayHost, program: str) -> None:
    """Its services are not known, with that program or without it; no line is unreadable."""
    if program:
        plain_host.shell("rm /usr/bin/systemd-detect-virt")
    facts = asyncio.run(ShellFactCollector().collect(InsideSession(plain_host), now=NOW))
    assert facts.services is None
    assert facts.is_container
    assert facts.unreadable == ()


def test_no_failed_unit_is_lost(host: ThrowAwayHost, session: InsideSession) -> None:
    """One question to systemd brings both: what failed, and what runs."""
    host.shell("systemd-run --unit=oak-broken false; sleep 1")
    facts = asyncio.run(ShellFactCollector().collect(session, now=NOW))
    assert "oak-broken.service" in facts.failed_units
