"""Real trouble on hosts: each kind is named with its cause, and nothing is half-done."""

import pytest
from demo.fleet import Fleet
from tests.e2e.loop import approved_plan, rolled_back, run_of

NOISE = "printf '\\033[2J\\033]0;owned\\007<b>@0 packages</b>\\n'\n"
CHANGE_HOST_KEY = """
set -e
mkdir -p /root/first && mv /etc/ssh/ssh_host_ed25519_key* /root/first/
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
systemctl restart ssh
"""
RESTORE_HOST_KEY = "mv -f /root/first/* /etc/ssh/ && systemctl restart ssh"


@pytest.mark.parametrize(
    ("kind", "named"),
    [("apt-lock", "lock"), ("full-disk", "is the disk full?")],
)
def test_trouble_is_named_when_planning(fleet: Fleet, kind: str, named: str) -> None:
    """A host that could not be changed is not planned for; mended, it is."""
    fleet.run("lab", "break", kind, "plain-1")
    try:
        said = fleet.run("plan", "create", "--limit", "plain-1", expect=1).out
    finally:
        fleet.run("lab", "mend", kind, "plain-1")
    assert "plain-1:" in said
    assert named in said
    fleet.run("plan", "create", "--limit", "plain-1")


def test_a_disk_that_fills_up_after_the_plan_is_refused(fleet: Fleet) -> None:
    """No room when the transaction begins: the host refuses, and is as it was."""
    approved_plan(fleet, "--package", "xz-utils", "--limit", "plain-1")
    before = fleet.state_of("plain-1")
    fleet.run("lab", "break", "full-disk", "plain-1")
    try:
        fleet.run("rollout", "start", "latest", expect=1)
        run = run_of(fleet, "plain-1")
        assert run["state"] == "refused"
        assert "No space left on device" in str(run["reason"])
    finally:
        fleet.run("lab", "mend", "full-disk", "plain-1")
        assert "no host was changed" in fleet.run("rollout", "abort", "latest").out
    assert fleet.state_of("plain-1") == before


def test_a_held_package_stays_and_the_plan_says_so(fleet: Fleet) -> None:
    """The administrator's hold is respected, and named."""
    fleet.run("lab", "break", "hold", "plain-1")
    try:
        said = fleet.run("plan", "create", "--limit", "plain-1").out
    finally:
        fleet.run("lab", "mend", "hold", "plain-1")
    assert "openssl:amd64 stays: held by the administrator" in said


def test_a_package_that_was_altered_after_the_approval_is_not_installed(fleet: Fleet) -> None:
    """The host compares every byte with the plan; freezing again mends it, and the plan holds."""
    plan = approved_plan(fleet, "--package", "xz-utils", "--limit", "plain-1")
    before = fleet.state_of("plain-1")
    package = _altered_package(fleet)
    said = fleet.run("rollout", "start", "latest", expect=1).out
    assert run_of(fleet, "plain-1")["state"] == "refused", said
    assert fleet.state_of("plain-1") == before
    assert package in fleet.run("snapshots", "verify", expect=1).out
    assert f"mended: {package}" in fleet.run("snapshots", "create").out
    fleet.run("rollout", "abort", "latest")
    fleet.run("rollout", "start", plan)
    assert fleet.state_of("plain-1") != before
    rolled_back(fleet)
    assert fleet.state_of("plain-1") == before


def _altered_package(fleet: Fleet) -> str:
    """Change one byte of a package that the plan installs; return its name."""
    classes = fleet.plan()["plan"]
    assert isinstance(classes, dict)
    change = classes["classes"][0]["changes"][0]
    (pooled,) = fleet.home.glob(f"pool/*/{change['sha256']}.deb")
    content = bytearray(pooled.read_bytes())
    content[len(content) // 2] ^= 1
    pooled.write_bytes(content)
    return str(change["name"])


def test_a_changed_conffile_is_kept_and_comes_back(fleet: Fleet) -> None:
    """The administrator's file survives the upgrade and the way back, byte for byte."""
    fleet.run("lab", "break", "conffile", "web-1")
    try:
        kept = fleet.ssh("web-1", "cat /etc/nginx/nginx.conf")
        said = fleet.run("plan", "create", "--package", "nginx", "--limit", "web-1").out
        fleet.run("approve", "latest", "--override-rehearsal", "--reason", "an end-to-end test")
        fleet.run("rollout", "start", "latest")
        assert fleet.ssh("web-1", "cat /etc/nginx/nginx.conf") == kept
        diffs = fleet.run("rollout", "conffiles").out
        is_other = fleet.ssh("web-1", "ls /etc/nginx/nginx.conf.dpkg-dist 2>/dev/null || :")
        assert ("changed by the administrator" in diffs) == bool(is_other)
        rolled_back(fleet)
        assert fleet.ssh("web-1", "cat /etc/nginx/nginx.conf") == kept
        assert "changed by the administrator" in kept
        assert "nginx.conf" not in said or "is kept" in said
    finally:
        fleet.run("lab", "mend", "conffile", "web-1")


def test_a_stopped_sshd_is_named_with_the_next_step(fleet: Fleet) -> None:
    """A host that does not answer is named; the others are scanned."""
    fleet.run("lab", "break", "sshd", "plain-1")
    try:
        said = fleet.run("scan", expect=1).out
    finally:
        fleet.run("lab", "mend", "sshd", "plain-1")
    assert "plain-1" in said
    assert "hint:" in said
    assert "2 of 3 hosts scanned" in said
    fleet.run("scan")


def test_a_changed_host_key_is_a_hard_stop(fleet: Fleet) -> None:
    """Another key than the pinned one: nothing is sent, and the next step is named."""
    fleet.ssh("plain-1", CHANGE_HOST_KEY)
    try:
        said = fleet.run("scan", "--limit", "plain-1", expect=1).out
    finally:
        fleet.ssh("plain-1", RESTORE_HOST_KEY, any_key=True)
    assert "pinned" in said
    assert "hint:" in said
    assert "0 of 1 hosts scanned" in said
    fleet.run("scan", "--limit", "plain-1")


def test_a_host_that_prints_garbage_colours_nothing(fleet: Fleet) -> None:
    """Noise and terminal escapes before our output: the scan is right, or says what is wrong."""
    fleet.ssh("plain-1", "cat >/root/.bashrc", stdin=NOISE)
    try:
        answer = fleet.run("scan", "--limit", "plain-1", expect=None)
    finally:
        fleet.ssh("plain-1", "rm /root/.bashrc")
    assert "\033" not in answer.out
    assert "\007" not in answer.out
    assert answer.status == 0 or "plain-1:" in answer.out
    fleet.run("scan", "--limit", "plain-1")
