"""`oakum hosts prepare` over a real sshd: shown, done, done again, scanned through, taken back."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.conformance.transports.ssh_server import make_key
from tests.integration.verifier.machine import USER, Machine, machine_of_its_own, serving_ssh
from tests.integration.verifier.orders import Approver, approvers

OAKUM = Path(sys.executable).with_name("oakum")
FILES = (
    "/usr/lib/oakum/facts.sh",
    "/usr/lib/oakum/hook.sh",
    "/usr/lib/oakum/simulate.sh",
    "/usr/lib/oakum/transaction.sh",
    "/usr/lib/oakum/verifier",
    "/etc/oakum/approvers",
    "/etc/oakum/verifier.conf",
    "/home/oakum/.ssh/authorized_keys",
    "/etc/sudoers.d/oakum",
)
MODES = {"/usr/lib/oakum/verifier": "0755", "/etc/sudoers.d/oakum": "0440"}


@dataclass(frozen=True, slots=True)
class Fleet:
    """One host that is not prepared, its sshd, and an Oakum that knows it."""

    machine: Machine
    port: int
    home: Path
    key: Path
    people: tuple[Approver, ...]

    def oakum(self, *words: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [OAKUM, *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), "OAKUM_HOME": str(self.home)}
            | {name: value for name, value in os.environ.items() if name == "PYTHONPATH"},
        )

    def prepare(self, *words: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        return self.oakum(
            *("hosts", "prepare", "web-1", "--approver-keys", str(self.home / "approvers")),
            *words,
            stdin=stdin,
        )

    def ssh(self, *words: str, user: str = "oakum") -> "subprocess.CompletedProcess[bytes]":
        options = (
            *("-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"),
            *("-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes"),
        )
        where = ("-i", str(self.key), "-p", str(self.port), f"{user}@127.0.0.1")
        return subprocess.run(
            ["ssh", *options, *where, *words], capture_output=True, timeout=60, check=False
        )


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Add a host that lets Oakum in as root."""
    people = approvers(tmp_path, "ann", "bob", "eve")
    (tmp_path / "approvers").write_text("".join(f"{person.public}\n" for person in people))
    make_key(tmp_path / "login")
    with machine_of_its_own() as machine, serving_ssh(machine, tmp_path / "login") as port:
        made = Fleet(machine, port, tmp_path, tmp_path / "login", people)
        added = made.oakum(
            *("hosts", "add", "web-1", "--address", "127.0.0.1", "--port", str(port), "--yes"),
            *("--identity-file", str(made.key)),
        )
        assert added.returncode == 0, added.stderr
        yield made


def test_shown_done_scanned_and_taken_back(fleet: Fleet) -> None:
    """Each step of a host's way to signed orders and from there."""
    shown = fleet.prepare("--dry-run")
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[0] == "account oakum is made"
    assert [line for line in lines if line.startswith("+++ ")] == [
        f"+++ {path} (mode {MODES.get(path, '0644')})" for path in FILES
    ]
    for expected in (
        "+oakum ALL=(root) NOPASSWD: /usr/lib/oakum/verifier",
        "+threshold 2",
        "+host web-1",
        "+snapshots http://127.0.0.1:8321/snapshots",
        f"+{fleet.people[0].public}",
        f"+{(fleet.home / 'login.pub').read_text().strip()}",
    ):
        assert expected in lines
    assert not (fleet.machine.root / "etc/oakum").exists()

    refused = fleet.prepare(stdin="n\n")
    assert refused.returncode != 0
    assert not (fleet.machine.root / "etc/oakum").exists()

    done = fleet.prepare("--yes")
    assert done.returncode == 0, done.stderr
    assert "a stolen controller needs no order" in done.stderr
    assert fleet.prepare("--dry-run", "--login", "root").stdout == ""
    assert fleet.prepare("--yes").returncode == 0
    for path in FILES:
        assert (fleet.machine.root / path.lstrip("/")).stat().st_uid == 0

    assert fleet.ssh("id", "-un").stdout == b"oakum\n"
    assert fleet.ssh("sudo", "-n", "true").returncode == 1
    assert fleet.ssh("sh", "-c", "'mv .ssh x; echo x >>.ssh/authorized_keys'").returncode != 0

    (found,) = json.loads(fleet.oakum("hosts", "list", "--json").stdout)
    assert (found["user"], found["guard"]["threshold"]) == ("oakum", 2)
    assert len(found["guard"]["approvers"]) == 3
    assert "orders signed by 2 of 3" in fleet.oakum("hosts", "list").stdout
    scanned = fleet.oakum("scan")
    assert scanned.returncode in {0, 100}, scanned.stderr
    shown = fleet.oakum("hosts", "show", "web-1", "--json")
    assert json.loads(shown.stdout)["facts"]["saw_all_processes"]

    other = fleet.prepare("--yes", "--login", "root", "--user", "another")
    assert "is prepared for the account oakum" in other.stderr
    gone = fleet.oakum("hosts", "prepare", "web-1", "--undo", "--dry-run", "--json")
    assert json.loads(gone.stdout)["lines"] == [
        *(f"{path} is removed" for path in reversed(FILES)),
        "account oakum is removed",
    ]
    assert (fleet.machine.root / "etc/oakum/approvers").exists()
    undone = fleet.oakum("hosts", "prepare", "web-1", "--undo", "--yes")
    assert undone.returncode == 0, undone.stderr
    for path in (*FILES, "/etc/oakum", "/usr/lib/oakum", "/home/oakum"):
        assert not (fleet.machine.root / path.lstrip("/")).exists(), path
    assert fleet.ssh("true").returncode == 255
    (found,) = json.loads(fleet.oakum("hosts", "list", "--json").stdout)
    assert (found["user"], found["guard"]) == ("root", None)
    events = json.loads(fleet.oakum("audit", "list", "--json").stdout)
    actions = [event["action"] for event in events]
    assert actions.count("host prepared") == 2
    assert actions[-1] == "host given back"


def test_an_account_of_somebody_else_is_not_taken_over(fleet: Fleet) -> None:
    """What it may do already would stay."""
    done = fleet.prepare("--yes", "--user", USER)
    assert done.returncode != 0
    assert "not Oakum's" in done.stderr
    assert not (fleet.machine.root / "etc/oakum").exists()


def test_a_host_where_the_account_may_do_more_is_not_prepared(fleet: Fleet) -> None:
    """Another rule of sudo that lets it run everything is found, and said."""
    rule = fleet.machine.root / "etc/sudoers.d/everybody"
    rule.write_text("ALL ALL=(ALL) NOPASSWD: ALL\n")
    rule.chmod(0o440)
    done = fleet.prepare("--yes")
    assert done.returncode != 0
    assert "may run other programs than the verifier" in done.stderr
    assert not (fleet.machine.root / "home/oakum/.ssh/authorized_keys").exists()
    assert fleet.ssh("true").returncode == 255
    (found,) = json.loads(fleet.oakum("hosts", "list", "--json").stdout)
    assert found["guard"] is None


def test_links_in_the_place_of_our_files_are_not_followed(fleet: Fleet) -> None:
    """Whoever planned ahead for the installation finds that it stops."""
    fleet.machine.as_root("mkdir /tmp/x; ln -s /tmp/x /etc/oakum")
    done = fleet.prepare("--yes")
    assert done.returncode != 0
    assert list((fleet.machine.root / "tmp/x").iterdir()) == []


def test_what_makes_no_sense_is_refused(fleet: Fleet) -> None:
    """Before anything is changed on the host."""
    for words, said in (
        (("--threshold", "4"), "4 of 3 approvers"),
        (("--user", "root"), "cannot be the account"),
        (("--login-key", "missing"), "cannot be read"),
    ):
        done = fleet.prepare("--yes", *words)
        assert done.returncode != 0
        assert said in done.stderr
    assert not (fleet.machine.root / "etc/oakum").exists()
