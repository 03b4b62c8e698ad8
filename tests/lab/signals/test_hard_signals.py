"""Rollouts on a booted host: what a package takes from it stops the first ring, and comes back."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.lab.signals.network import Network, own_network
from tests.lab.signals.packages import BREAKERS, Breaker, service, service_dead
from tests.lab.signals.rolling import FIRST, LATER, Trial
from tests.lab.transactions.booted_host import (
    ThrowAwayHost,
    drop_overlay,
    mount_for_chroot,
    overlay,
    unpack_base_image,
)
from tests.lab.transactions.small_archive import SmallArchive, SmallPackage

from oakum.core.rollout.rollout import Rollout
from oakum.core.rollout.state import HardSignal, Phase, RunState
from oakum.core.staging.vitals import from_lines

pytestmark = pytest.mark.lab


@dataclass(frozen=True)
class Lab:
    """A host in a network of its own, and what is offered to it."""

    host: ThrowAwayHost
    archive: SmallArchive
    network: Network
    home: Path

    def roll_out(
        self, old: SmallPackage, new: SmallPackage, *, is_followed: bool = True
    ) -> Rollout:
        """Roll the new version out; the second ring's host is not there, and may not be touched."""
        url = self.archive.access.url.replace(self.network.ours, "snapshot.oak.test")
        access = replace(self.archive.access, url=url)
        trial = Trial({FIRST: self.host}, self.archive, access, self.home)
        return trial.roll_out(old, new, is_followed=is_followed)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack hosts that have `ip`, and let systemd look after their network."""
    root = unpack_base_image(tmp_path_factory.mktemp("image"), "iproute2")
    ThrowAwayHost(root, ("chroot", str(root))).shell("systemctl enable systemd-networkd.service")
    return root


@contextmanager
def laid_out(base: Path, directory: Path) -> Iterator[tuple[Path, Network, SmallArchive]]:
    """Have a host's root, a network of its own, and an archive in it; all is gone afterwards."""
    with own_network() as network:
        root = overlay(base, directory / "host")
        server = f"nameserver {network.ours}\noptions timeout:1 attempts:1\n"
        for name in ("resolv.conf", "oak-resolv.conf"):
            (root / "etc" / name).unlink(missing_ok=True)
            (root / "etc" / name).write_text(server)
        (root / "etc/oak-gateway").write_text(network.ours)
        archive = SmallArchive(directory / "archive", network.ours)
        try:
            yield root, network, archive
        finally:
            archive.close()
            drop_overlay(directory / "host")


@pytest.fixture
def lab(base: Path, tmp_path: Path) -> Iterator[Lab]:
    """Boot a host in a network of its own."""
    with laid_out(base, tmp_path) as (root, network, archive):
        host = ThrowAwayHost(root, network=network.name)
        try:
            host.boot(network.name)
            yield Lab(host, archive, network, tmp_path)
        finally:
            host.close()


@pytest.fixture
def plain_lab(base: Path, tmp_path: Path) -> Iterator[Lab]:
    """Make a host without systemd in a network of its own: a chroot."""
    with laid_out(base, tmp_path) as (root, network, archive):
        mount_for_chroot(root)
        enter = ("ip", "netns", "exec", network.name, "chroot", str(root))
        yield Lab(ThrowAwayHost(root, enter), archive, network, tmp_path)


@pytest.mark.parametrize("breaker", BREAKERS, ids=lambda breaker: breaker.name)
def test_a_vital_loss_stops_the_ring_and_is_put_back(lab: Lab, breaker: Breaker) -> None:
    """The gate fails on one host, names what was lost, and the host gets it back."""
    ended = lab.roll_out(breaker.old, breaker.new)
    run = ended.run_of(FIRST)
    assert (ended.phase, run.state) == (Phase.ROLLED_BACK, RunState.ROLLED_BACK), (
        ended.reason, run.reason,
    )  # fmt: skip
    assert breaker.signals == set(run.signals)
    assert "which stops at once" in ended.reason
    assert all(signal.value in ended.reason for signal in breaker.signals)
    assert re.search(breaker.words, ended.reason), ended.reason
    assert ended.run_of(LATER).state is RunState.SKIPPED
    assert lab.host.shell(f"dpkg-query -W -f '${{Version}}' {breaker.old.name}") == "1.0"


@pytest.mark.parametrize("breaker", BREAKERS[:2], ids=lambda breaker: breaker.name)
def test_hosts_without_systemd_lose_names_as_well(plain_lab: Lab, breaker: Breaker) -> None:
    """Nothing of it needs systemd but the units."""
    ended = plain_lab.roll_out(breaker.old, breaker.new)
    run = ended.run_of(FIRST)
    assert (ended.phase, run.state) == (Phase.ROLLED_BACK, RunState.ROLLED_BACK)
    assert set(run.signals) == breaker.signals
    assert re.search(breaker.words, ended.reason), ended.reason


def test_a_unit_that_the_transaction_killed_stops_too(lab: Lab) -> None:
    """The transaction itself fails then; the signal is taken all the same."""
    ended = lab.roll_out(service, service_dead)
    run = ended.run_of(FIRST)
    assert ended.phase is Phase.ROLLED_BACK, (ended.reason, run.reason)
    log = lab.host.shell("tail -n 40 /var/lib/oakum/transactions/*/log")
    assert HardSignal.CRITICAL_UNIT in run.signals, f"{ended.reason}\n{log}"
    assert "oak-service.service" in ended.reason
    assert lab.host.shell("systemctl is-active oak-service.service").strip() == "active"


def test_what_was_lost_before_is_not_blamed_on_the_change(lab: Lab) -> None:
    """A host that had neither names nor a default route is patched like any other."""
    lab.host.shell("ip rule del pref 100; echo 'nameserver 127.0.0.99' >/etc/oak-resolv.conf")
    harmless = replace(BREAKERS[0], name="harmless", mends="true", breaks="true")
    lab.host.shell("cp /etc/oak-resolv.conf /etc/resolv.conf")
    # The snapshot must be found all the same.
    lab.host.shell(f"echo '{lab.network.ours} snapshot.oak.test' >>/etc/hosts")
    ended = lab.roll_out(harmless.old, harmless.new, is_followed=False)
    first = ended.run_of(FIRST)
    assert first.state is RunState.SUCCEEDED, first.reason
    assert first.vitals_before is not None
    kept = from_lines(first.vitals_before.split("\n"))
    assert (kept.rules, "snapshot.oak.test" in kept.resolved) == ((), True)
