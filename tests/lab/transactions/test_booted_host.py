"""The hosts that these tests boot are as apart as machines are."""

import time

import pytest
from tests.lab.transactions.booted_host import ThrowAwayHost

pytestmark = pytest.mark.lab


def test_a_service_is_killed_beside_another_host_with_the_same(
    host: ThrowAwayHost, another_host: ThrowAwayHost
) -> None:
    """In control groups that they share, systemd finds processes of the other, and fails."""
    host.shell("systemctl kill -s KILL oak-service.service")
    time.sleep(0.5)
    state = "systemctl show -P ActiveState oak-service.service"
    assert (host.shell(state), another_host.shell(state)) == ("failed\n", "active\n")
