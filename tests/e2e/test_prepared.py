"""A prepared host, by the command line: prepare, plan, rehearse, sign, roll out, go back."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo.fleet import Fleet
from tests.e2e.loop import rollout, run_of

HOST = "plain-1"
ACCOUNT = "patcher"
PEOPLE = ("ann", "ben")
MAY_RUN = f"sudo -l -U {ACCOUNT} | sed -n '/may run/,$p' | grep NOPASSWD"


@pytest.fixture
def signers(tmp_path: Path) -> tuple[Path, ...]:
    """Make the approvers' keys; the controller keeps none of them."""
    keys = tuple(tmp_path / person for person in PEOPLE)
    for key in keys:
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key.name, "-f", str(key)],
            check=True,
        )
    return keys


@pytest.fixture(params=["asyncssh", "openssh"])
def prepared(
    fleet: Fleet, signers: tuple[Path, ...], tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Fleet]:
    """Prepare one host of the fleet, reached by each transport, and give it back."""
    settings = fleet.home / "oakum.toml"
    usual = settings.read_text()
    settings.write_text(f'transport = "{request.param}"\n{usual}')
    approvers = tmp_path / "approvers"
    approvers.write_text("".join(key.with_suffix(".pub").read_text() for key in signers))
    root = ("--login", "root", "--identity-file", str(fleet.home / "lab/access/key"))
    options = ("--approver-keys", str(approvers), "--threshold", "2", "--user", ACCOUNT)
    fleet.run("hosts", "prepare", HOST, *options, *root, "--yes")
    fleet.run("scan", "--limit", HOST)
    try:
        yield fleet
    finally:
        fleet.run("hosts", "prepare", HOST, "--undo", *root, "--yes")
        settings.write_text(usual)
        fleet.run("scan", "--limit", HOST)


def test_a_prepared_host_is_patched_by_a_signed_plan_and_by_nothing_else(
    prepared: Fleet, signers: tuple[Path, ...]
) -> None:
    """One signature starts nothing, two do; the login itself may become root by no other way."""
    fleet, (ann, ben) = prepared, signers
    assert fleet.ssh(HOST, MAY_RUN).split() == ["(root)", "NOPASSWD:", "/usr/lib/oakum/verifier"]
    before = fleet.state_of(HOST)
    fleet.run("plan", "create", "--package", "xz-utils", "--limit", HOST)
    fleet.run("rehearse", "latest")
    fleet.run("approve", "latest", "--sign-with", str(ann), "--reason", "an end-to-end test")
    said = fleet.run("rollout", "start", "latest", expect=1).out
    assert "1 approver of it signed" in said
    assert fleet.state_of(HOST) == before
    fleet.run("approve", "latest", "--sign-with", str(ben), "--reason", "an end-to-end test")
    fleet.run("rollout", "start", "latest")
    assert run_of(fleet, HOST)["state"] == "succeeded"
    assert fleet.require_planned() > 0
    fleet.run("rollback", str(rollout(fleet)["id"]))
    assert run_of(fleet, HOST)["state"] == "rolled back"
    assert fleet.state_of(HOST) == before
