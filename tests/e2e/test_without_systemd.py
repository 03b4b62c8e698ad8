"""Hosts without systemd: an sshd and init scripts are enough for the whole process."""

from demo.fleet import Fleet
from tests.e2e.loop import approved_plan, rolled_back, run_of

NGINX = "cat /run/nginx.pid"
RESTARTED = "grep -h 'by its init script' /var/lib/oakum/transactions/*/journal"
OLD_OPENSSL = """
for pid in $(pgrep 'nginx|postgres'); do grep -H 'libssl.*(deleted)' "/proc/$pid/maps"; done
true
"""
REHEARSAL = '[rehearsal]\nprovider = "chroot"\n\n'


def test_a_plan_happens_and_goes_back_exactly(plain_fleet: Fleet) -> None:
    """Hosts equal the plan, init scripts restart what ran old code, and everything goes back."""
    hosts = plain_fleet.hosts()
    before = plain_fleet.states(hosts)
    nginx = plain_fleet.ssh("web-1", f"test ! -d /run/systemd/system; {NGINX}")

    approved_plan(plain_fleet, "--package", "openssl", "--package", "xz-utils")
    plain_fleet.run("rollout", "start", "latest")

    assert plain_fleet.require_planned() >= 4 * len(hosts)
    assert "checks passed" in str(run_of(plain_fleet, "web-1")["reason"])
    assert "checks passed" in str(run_of(plain_fleet, "db-1")["reason"])
    assert "nginx restarted by its init script" in plain_fleet.ssh("web-1", RESTARTED)
    assert "postgresql restarted by its init script" in plain_fleet.ssh("db-1", RESTARTED)
    assert plain_fleet.ssh("web-1", NGINX) != nginx
    assert plain_fleet.ssh("web-1", OLD_OPENSSL) + plain_fleet.ssh("db-1", OLD_OPENSSL) == ""

    rolled_back(plain_fleet)
    assert plain_fleet.states(hosts) == before


def test_a_plan_is_rehearsed_on_a_twin_without_systemd(plain_fleet: Fleet) -> None:
    """The twin is a chroot too, goes the whole way, and leaves nothing."""
    plain_fleet.configure(REHEARSAL)
    plain_fleet.run("plan", "create", "--package", "nginx", "--limit", "web-1")
    said = plain_fleet.run("rehearse", "latest").out
    assert "hosts run as chroot machines" in said
    assert "rehearsal: passed" in said
    assert not (plain_fleet.home / "twins/machines").exists()
