"""From finding to effect and back, checked from outside with ssh, dpkg and apt."""

from demo.fleet import FOUND_WORK, Fleet
from tests.e2e.loop import approved_plan, rolled_back, run_of

CONFFILE_SUMS = """
dpkg-query -W -f '${Conffiles}\\n' | awk 'NF >= 2 && $3 != "obsolete" { print $1 }' | sort |
  xargs md5sum 2>&1
"""
CHAIN = ("advisory", "finding", "plan", "snapshot", "rehearsal", "approval", "transaction",
         "verification")  # fmt: skip


def test_what_was_approved_is_what_runs_and_goes_back_exactly(fleet: Fleet) -> None:
    """Every host equals the plan, has nothing left to do, and returns to exactly what it was."""
    hosts = fleet.hosts()
    before = fleet.states(hosts)
    conffiles = {host: fleet.ssh(host, CONFFILE_SUMS) for host in hosts}
    approved_plan(fleet, "--rings", "50,100", "--reboot", "when-needed")
    fleet.run("rollout", "start", "latest")

    assert fleet.require_planned() > 50
    for host in hosts:
        fleet.require_nothing_left(host)
    fleet.run("scan")
    fleet.run("queue", expect=0)
    _explains_the_whole_chain(fleet)

    rolled_back(fleet)
    assert fleet.states(hosts) == before
    assert {host: fleet.ssh(host, CONFFILE_SUMS) for host in hosts} == conffiles
    fleet.run("queue", expect=FOUND_WORK)
    fleet.run("audit", "verify")


def test_one_host_can_go_back_alone(fleet: Fleet) -> None:
    """A roll-back of one host leaves the others as the rollout made them."""
    before = fleet.states(("plain-1", "web-1"))
    approved_plan(fleet, "--package", "xz-utils", "--limit", "plain-1 web-1".replace(" ", ","))
    fleet.run("rollout", "start", "latest")
    changed = fleet.state_of("web-1")
    said = fleet.run("rollback", "plain-1").out
    assert "still changed: web-1" in said
    assert fleet.state_of("plain-1") == before["plain-1"]
    assert fleet.state_of("web-1") == changed != before["web-1"]
    rolled_back(fleet)
    assert fleet.state_of("web-1") == before["web-1"]


def test_a_host_that_drifted_refuses_and_nothing_is_changed(fleet: Fleet) -> None:
    """Somebody upgraded a package between plan and rollout: the host compares, and declines."""
    approved_plan(fleet, "--package", "xz-utils", "--limit", "plain-1")
    before = fleet.state_of("plain-1")
    fleet.ssh("plain-1", "apt-mark hold liblzma5 >/dev/null")
    try:
        fleet.run("rollout", "start", "latest", expect=1)
        run = run_of(fleet, "plain-1")
        assert run["state"] == "refused"
        assert "held by the administrator" in str(run["reason"])
    finally:
        fleet.ssh("plain-1", "apt-mark unhold liblzma5 >/dev/null")
        assert "no host was changed" in fleet.run("rollout", "abort", "latest").out
    assert fleet.state_of("plain-1") == before


def _explains_the_whole_chain(fleet: Fleet) -> None:
    fixes = fleet.plan()["plan"]
    assert isinstance(fixes, dict)
    cve = next(cve for cve, source in fixes["fixes"] if source == "openssl")
    said = fleet.run("explain", cve, "web-1").out
    positions = [said.find(f"  {link} ") for link in CHAIN]
    assert -1 not in positions
    assert positions == sorted(positions)
    assert "good: effective" in said
