"""A stolen controller against a prepared host: each attack by its name, with the real programs."""

import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.conformance.transports.ssh_server import make_key, public_key
from tests.integration.verifier.machine import HOST, SNAPSHOTS, TRANSACTIONS, Machine
from tests.integration.verifier.orders import Approver, altered, given, order_of, today
from tests.plans import PLAN

from oakum.adapters.package_managers.host_scripts import host_programs
from oakum.core.ids import HostId
from oakum.core.orders.preparation import VERIFIER
from oakum.core.planning.openings import HostOpenings, Opening
from oakum.core.planning.plan import Window
from oakum.core.text import framed

People = tuple[Approver, ...]
SNAPSHOT = f"{SNAPSHOTS}/{'a' * 64}"
SUCCEEDED = "state\tsucceeded\nstep\tself-check\nreason\t\n"


def signed(document: bytes, *people: Approver) -> bytes:
    return given(document, [person.sign(document) for person in people])


def begin(machine: Machine, name: str, content: bytes) -> None:
    done = machine.ask("begin", name, stdin=content)
    assert done.exit_status == 0, done


def wait_for_result(machine: Machine, name: str) -> Path:
    result = machine.root / TRANSACTIONS / name / "result"
    machine.as_root(
        f"for i in $(seq 200); do [ -e /{TRANSACTIONS}/{name}/result ] && exit; sleep 0.1; done"
    )
    return result


def test_an_order_that_enough_signed_begins_once(machine: Machine, people: People) -> None:
    """Two of three signed: it begins; the same again is the same; what was signed is kept."""
    document = order_of(today())
    begin(machine, "t1", signed(document, *people[:2]))
    begin(machine, "t1", signed(document, *people[1:3]))
    place = machine.root / TRANSACTIONS / "t1"
    assert (place / "order").read_bytes() == document
    assert (place / "changes.tsv").read_text() == f"{PLAN.classes[0].changes[0].line()}\n"
    assert "state\trefused" in wait_for_result(machine, "t1").read_text()
    begun = [line for line in (place / "journal").read_text().splitlines() if "\tbegin\t" in line]
    assert len(begun) == 1


def test_unsigned(machine: Machine) -> None:
    """An order that nobody signed."""
    assert machine.refusal("begin", "t1", stdin=given(order_of(today()), [])).startswith("0 appr")


def test_one_signature_too_few(machine: Machine, people: People) -> None:
    """One of the two that are needed."""
    content = signed(order_of(today()), people[0])
    assert machine.refusal("begin", "t1", stdin=content).startswith("1 approvers")


def test_the_same_key_twice(machine: Machine, people: People) -> None:
    """Two signatures of one key, also where the key stands twice in the list under two names."""
    content = signed(order_of(today()), people[0], people[0])
    assert machine.refusal("begin", "t1", stdin=content).startswith("1 approvers")
    twice = (people[0].public, people[0].public.replace("ann", "bob"), people[2].public)
    machine.prepare(twice, threshold=2)
    assert machine.refusal("begin", "t1", stdin=content).startswith("1 approvers")


def test_a_stranger_signs(machine: Machine, people: People) -> None:
    """A key that the host does not know counts nothing."""
    content = signed(order_of(today()), people[0], people[3])
    assert machine.refusal("begin", "t1", stdin=content).startswith("1 approvers")


def test_a_signature_for_something_else(machine: Machine, people: People) -> None:
    """The approvers' own signatures of the same bytes, made for files or for git."""
    document = order_of(today())
    others = []
    for person in people[:2]:
        done = subprocess.run(
            ["ssh-keygen", "-Y", "sign", "-n", "file", "-f", person.key],
            input=document,
            capture_output=True,
            check=True,
        )
        others.append(done.stdout.decode())
    content = given(document, others)
    assert machine.refusal("begin", "t1", stdin=content).startswith("0 approvers")


def test_other_kinds_of_key_are_refused(machine: Machine, people: People, tmp_path: Path) -> None:
    """A list that holds a key which is not ed25519 is wrong as a whole: nothing is obeyed."""
    make_key(tmp_path / "rsa", "rsa")
    machine.prepare((*(p.public for p in people[:2]), public_key(tmp_path / "rsa.pub")), 2)
    content = signed(order_of(today()), *people[:2])
    assert "no ed25519 key" in machine.refusal("begin", "t1", stdin=content)


def test_the_deadman_is_left_out(machine: Machine, people: People) -> None:
    """An order with a deadman begins with one, whatever the controller would rather have."""
    document = order_of(today(deadman_seconds=1800))
    refusal = machine.refusal("begin", "t1", stdin=signed(document, *people[:2]))
    assert "its way back was given no name" in refusal
    longer = altered(document, r"^deadman\t1800$", "deadman\t999999")
    forged = given(longer, [person.sign(document) for person in people[:2]])
    assert machine.refusal("begin", "t1", "t1.undo", stdin=forged).startswith("0 approvers")
    twice = altered(document, r"^deadman\t1800$", "deadman\t1800\ndeadman\t999999")
    refusal = machine.refusal("begin", "t1", "t1.undo", stdin=signed(twice, *people[:2]))
    assert refusal == "the order says more than once: deadman"


def test_confirmed_before_its_end(machine: Machine, people: People) -> None:
    """A controller that confirms what is at work, or what failed, would leave it no way back."""
    document = order_of(today(deadman_seconds=1800))
    done = machine.ask("begin", "t1", "t1.undo", stdin=signed(document, *people[:2]))
    assert done.exit_status == 0, done
    result = wait_for_result(machine, "t1")
    armed = result.with_name("deadman.armed")
    armed.touch()
    for words, text in (("none yet", ""), ("failed", SUCCEEDED.replace("succeeded", "failed"))):
        result.write_text(text)
        done = machine.ask("confirm", "t1")
        assert (done.exit_status, armed.exists()) == (4, True)
        assert f"its result: {words}" in done.stderr.decode()
    result.write_text(SUCCEEDED)
    assert machine.ask("confirm", "t1").exit_status == 0
    assert not armed.exists()


def test_expired(machine: Machine, people: People) -> None:
    """Signed by all, and too late."""
    plan = today()
    opens = plan.created_at - timedelta(days=2)
    late = replace(plan, window=Window(opens, plan.created_at))
    content = signed(order_of(late), *people[:3])
    assert machine.refusal("begin", "t1", stdin=content).startswith("the order ended")


def test_too_early(machine: Machine, people: People) -> None:
    """Signed by all, before its window."""
    plan = today()
    early = replace(plan, window=Window(plan.created_at + timedelta(days=1), None))
    content = signed(order_of(early), *people[:3])
    assert machine.refusal("begin", "t1", stdin=content).startswith("the order begins")


def test_outside_of_the_hosts_own_windows(machine: Machine, people: People) -> None:
    """The plan may be begun now, and this host may not: its window is over, or is to come."""
    plan, hour = today(), timedelta(hours=1)
    now = plan.created_at + hour
    over, soon = Opening(now - 2 * hour, now - hour), Opening(now + hour, now + 2 * hour)
    ours = HostOpenings(("nightly",), (over, soon), (HOST,))
    theirs = HostOpenings(("always",), (Opening(now - hour, now + hour),), (HostId("web-2"),))
    content = signed(order_of(replace(plan, schedule=(ours, theirs))), *people[:3])
    assert machine.refusal("begin", "t1", stdin=content) == "no window of this host is open"
    none = replace(ours, openings=())
    content = signed(order_of(replace(plan, schedule=(none, theirs))), *people[:3])
    assert machine.refusal("begin", "t1", stdin=content) == "no window of this host is open"
    both = replace(theirs, hosts=(HOST, HostId("web-2")))
    begin(machine, "t1", signed(order_of(replace(plan, schedule=(both,))), *people[:2]))


def test_replayed(machine: Machine, people: People) -> None:
    """An order that was carried out does not come again under another transaction's name."""
    content = signed(order_of(today()), *people[:2])
    begin(machine, "t1", content)
    wait_for_result(machine, "t1").write_text(SUCCEEDED)
    assert "carried out here already, as t1" in machine.refusal("begin", "t2", stdin=content)


def test_an_order_that_changed_nothing_may_be_given_again(machine: Machine, people: People) -> None:
    """A transaction that was refused (a lock, a full disk) has not used the order up."""
    content = signed(order_of(today()), *people[:2])
    begin(machine, "t1", content)
    assert "state\trefused" in wait_for_result(machine, "t1").read_text()
    begin(machine, "t2", content)


def test_an_order_that_was_kept_for_later(machine: Machine, people: People) -> None:
    """Handed over in time and never begun (the launch failed), it does not begin after its end.

    One that had changed something goes on: half of a change is worse than a late one.
    """
    document = order_of(today())
    begin(machine, "t1", signed(document, *people[:2]))
    wait_for_result(machine, "t1")
    place = f"/{TRANSACTIONS}/t1"
    machine.as_root(f"rm -r {place}/begun {place}/result")
    ended = altered(document, r"^install-until\t....", "install-until\t2020")
    content = signed(ended, *people[:2])
    assert machine.refusal("begin", "t1", stdin=content).startswith("the order ended")
    machine.as_root(f"touch {place}/changed")
    begin(machine, "t1", content)


def test_a_plan_that_was_rolled_back_does_not_come_again(machine: Machine, people: People) -> None:
    """After the way back neither the order nor a second way back is obeyed."""
    content = signed(order_of(today()), *people[:2])
    begin(machine, "t1", content)
    wait_for_result(machine, "t1").write_text(SUCCEEDED)
    done = machine.ask("roll-back", "t1.undo", "t1", stdin=content)
    assert done.exit_status == 0, done
    wait_for_result(machine, "t1.undo").write_text(SUCCEEDED)
    assert "was rolled back here" in machine.refusal("begin", "t1", stdin=content)
    assert "was rolled back here" in machine.refusal("begin", "t2", stdin=content)
    again = machine.refusal("roll-back", "t2.undo", "t1", stdin=content)
    assert "rolled back here already, as t1.undo" in again


def test_a_way_back_from_nowhere(machine: Machine, people: People) -> None:
    """Only what this order did here is undone."""
    content = signed(order_of(today()), *people[:2])
    assert "did not carry" in machine.refusal("roll-back", "t1.undo", "t1", stdin=content)
    begin(machine, "t1", content)
    assert "did not carry" in machine.refusal("roll-back", "t1.undo", "t0", stdin=content)
    assert "no transaction's name" in machine.refusal("roll-back", "t1", "t1", stdin=content)


def test_another_hosts_order(machine: Machine, people: People) -> None:
    """An order that does not name this host, or names it in two parts."""
    plan = today()
    theirs = replace(plan.classes[0], hosts=(HostId("web-10"),))
    document = order_of(replace(plan, classes=(theirs,)))
    assert "not for this host" in machine.refusal(
        "begin", "t1", stdin=signed(document, *people[:2])
    )
    document = order_of(replace(plan, classes=(plan.classes[0], plan.classes[0])))
    assert "not for this host" in machine.refusal(
        "begin", "t1", stdin=signed(document, *people[:2])
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r"^change\t.*$", "change\tinstall\tnetcat:amd64\t-\t1.0-1\t" + "d" * 64),
        (r"a{64}$", "d" * 64),
        (r"^undo\t(.*)\tc{64}$", "undo\t\\1\t" + "d" * 64),
        (r"3\.0\.22-1", "3.0.21-1"),
        (r"^reboot\tnever$", "reboot\twhen-needed"),
        (r"^url\t.*$", "url\thttp://127.0.0.1:9/other"),
        (r"^install-until\t....", "install-until\t2999"),
        (r"^host\tweb-2$", "host\tweb-3"),
        (r"^oakum-order", "\noakum-order"),
    ],
)
def test_altered_after_it_was_signed(machine: Machine, people: People, old: str, new: str) -> None:
    """Another package, another sha256, another way back, later, elsewhere: one byte is enough."""
    document = order_of(today())
    signatures = [person.sign(document) for person in people[:3]]
    content = given(altered(document, old, new), signatures)
    assert machine.refusal("begin", "t1", stdin=content).startswith("0 approvers")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (r"^end$", "run\treboot\nend", "not understood"),
        (r"libssl3:amd64", "libssl3:amd64 -oDpkg::Pre-Invoke::=id", "not understood"),
        (r"libssl3:amd64", "-oDpkg:amd64", "not understood"),
        (r"3\.0\.22-1", "$(id)", "not understood"),
        (r"^url\thttp", "url\tfile", "not understood"),
        (r"^plan\t", "plan\t../", "not understood"),
        (r"^end$", "restart\tnever\nend", "say once: restart"),
        (r"^plan\t.*\n", "", "say once: plan"),
        (r"^change\t.*\n", "", "changes nothing"),
        (r"^end\n", "", "cut off"),
        (r"^oakum-order\t1", "oakum-order\t2", "not understood"),
    ],
)
def test_what_is_not_understood_is_not_obeyed(
    machine: Machine, people: People, old: str, new: str, words: str
) -> None:
    """Not even when all approvers signed it: there are no shell words and no options in orders."""
    document = altered(order_of(today()), old, new)
    content = signed(document, *people[:3])
    assert words in machine.refusal("begin", "t1", stdin=content)


def test_another_snapshot_key(machine: Machine, people: People) -> None:
    """The key that the packages' index is checked with is part of what was signed."""
    document = order_of(today())
    content = given(document, [person.sign(document) for person in people[:2]], "their key\n")
    assert "snapshot's key" in machine.refusal("begin", "t1", stdin=content)


@pytest.mark.parametrize(
    "words",
    [
        ["run", "id"],
        ["begin"],
        ["begin", "t1", "t2"],
        ["sh", "-c", "id"],
        [""],
        ["begin", "../t1"],
        ["begin", "/etc"],
        ["begin", ".t1"],
        ["begin", "t1/../../x"],
        ["begin", "t1\nt2"],
        ["begin", "-t"],
        ["begin", "t" * 300],
        ["begin", ""],
        ["begin", "watch-t1"],
        ["begin", "t1", "deadman-t1"],
        ["roll-back", "reboot-t1", "t1"],
        ["status", "../../../etc"],
        ["reboot", "../t1"],
        ["roll-back", "t1", "../t1"],
        ["facts", "$(id)"],
        ["facts", "token"],
        ["simulate", "http://a/ -o", "bookworm"],
        ["simulate", "http://a/\nTrusted: yes", "bookworm"],
        ["simulate", "http://a/", "bookworm\nTrusted: yes"],
    ],
)
def test_unknown_verbs_and_tricks_with_paths(
    machine: Machine, people: People, words: list[str]
) -> None:
    """A verb that is none, and names that lead elsewhere, with an order that would be obeyed."""
    machine.refusal(*words, stdin=signed(order_of(today()), *people[:2]))


@pytest.mark.parametrize(
    "words",
    [
        ["file:///etc", "bookworm"],
        [SNAPSHOTS, "bookworm"],
        [f"{SNAPSHOTS}/{'a' * 63}", "bookworm"],
        [f"{SNAPSHOTS}/../{'a' * 64}", "bookworm"],
        [f"{SNAPSHOT}/", "bookworm"],
        [f"{SNAPSHOTS}.example.org/{'a' * 64}", "bookworm"],
        [f"http://169.254.169.254/snapshots/{'a' * 64}", "bookworm"],
        ["a" * 64, "bookworm"],
        [SNAPSHOT, "bookworm -o"],
    ],
)
def test_an_index_from_elsewhere(machine: Machine, words: list[str]) -> None:
    """Root of this host fetches from where its snapshots are, and from nobody's network."""
    question = framed({"k": "a key\n", "t": "*\n"})
    said = machine.refusal("simulate", *words, stdin=question)
    elsewhere = f"this is no snapshot's address below {SNAPSHOTS};"
    assert said.startswith((elsewhere, "this is no suite"))


@pytest.mark.parametrize(
    ("full", "does"),
    [
        ("part", "require_for_us"),
        ("changes.tsv", "require_for_us"),
        ("undo.tsv", "require_for_us"),
        ("opens", "require_own_window"),
        ("settings", 'write_settings upgrade "" >"$W/settings" || exit 3'),
    ],
)
def test_a_disk_that_is_full_takes_nothing_out_of_an_order(
    tmp_path: Path, full: str, does: str
) -> None:
    """Whoever fills it at the right moment could leave out the window, or a part of the change."""
    hour = timedelta(hours=1)
    over = Opening(today().created_at - 2 * hour, today().created_at - hour)
    plan = replace(today(), schedule=(HostOpenings(("nightly",), (over,), (HOST,)),))
    (tmp_path / "order").write_bytes(order_of(plan))
    (tmp_path / "verifier.conf").write_text(f"host {HOST}\n")
    (tmp_path / "part").write_text("download\t1\nmay-undo\tyes\n")
    (tmp_path / full).unlink(missing_ok=True)
    (tmp_path / full).symlink_to("/dev/full")
    functions, _, _ = host_programs()["verifier"].rpartition("\ncd / || exit 3\n")
    script = f"{functions}\nETC={tmp_path} W={tmp_path} me={HOST}\n{does}\n"
    done = subprocess.run(["sh", "-c", script], capture_output=True, timeout=20, check=False)
    assert done.returncode == 3, done.stderr


@pytest.mark.parametrize("signal", ["TSTP", "TTIN", "TTOU"])
def test_nobody_stops_it_half_way(signal: str) -> None:
    """A terminal that stops it after it looked at the clock could let it go on after the end."""
    text = host_programs()["verifier"].replace("\nrequire_own_ground\n", "\n")
    until_here, obeys, nothing = text.rpartition('obey "$@"\n')
    assert (bool(obeys), nothing) == (True, "")
    script = f"{until_here}kill -s {signal} $$; echo went on"
    done = subprocess.run(
        ["sh", "-c", script, "sh", "begin"], capture_output=True, timeout=10, check=True
    )
    assert done.stdout == b"went on\n"


def test_no_verb(machine: Machine) -> None:
    """Nothing to do is not something to guess."""
    assert machine.refusal() == "which verb?"


@pytest.mark.parametrize(
    "content",
    [
        b"t -oDpkg::Pre-Invoke::=id\t1\n",
        b"t bash:amd64\t1 -y\n",
        b"x y\n",
        b"t bash:amd64\t$(id)\n",
        b"t \xc3\xa9\n",
        b"t bash:amd64\t1\x00\n",
    ],
)
def test_simulations_take_nothing_but_packages(machine: Machine, content: bytes) -> None:
    """What is simulated cannot smuggle an option in."""
    machine.refusal("simulate", SNAPSHOT, "bookworm", stdin=b"k key\n" + content)


def test_more_than_fits(machine: Machine) -> None:
    """Whoever sends without end is cut off."""
    assert "bytes" in machine.refusal("begin", "t1", stdin=b"o x\n" * 2_200_000)


@pytest.mark.parametrize(
    "damage",
    [
        "ln -s /tmp/elsewhere /var/lib/oakum",
        "mkdir -p /tmp/elsewhere /var/lib/oakum; ln -s /tmp/elsewhere /var/lib/oakum/orders",
        "mkdir -p /tmp/elsewhere /var/lib/oakum; ln -s /tmp/elsewhere /var/lib/oakum/transactions",
        "mkdir -p /var/lib/oakum; chown oakum-test /var/lib/oakum",
        "mkdir -p /var/lib/oakum/orders; chmod 777 /var/lib/oakum/orders",
        "chmod g+w /etc/oakum/approvers",
        "chown oakum-test /etc/oakum",
        "mv /etc/oakum/approvers /tmp/a; ln -s /tmp/a /etc/oakum/approvers",
        "rm /etc/oakum/verifier.conf",
        "chmod o+w /usr/lib/oakum",
        "chown oakum-test /usr/lib/oakum/transaction.sh",
        "echo 'threshold 1' >>/etc/oakum/verifier.conf",
        "sed -i 's/threshold.*/threshold 0/' /etc/oakum/verifier.conf",
        "sed -i 's/threshold.*/threshold 4/' /etc/oakum/verifier.conf",
        "sed -i '/^host/d' /etc/oakum/verifier.conf",
        "echo >/etc/oakum/approvers",
    ],
)
def test_state_that_is_not_roots_alone(machine: Machine, people: People, damage: str) -> None:
    """Where others could lead it elsewhere, or its settings make no sense, it does nothing."""
    machine.as_root(damage)
    machine.refusal("begin", "t1", stdin=signed(order_of(today()), *people[:3]))
    assert not (machine.root / "tmp/elsewhere/t1").exists()


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("facts.sh", ["facts", "0" * 32]),
        ("simulate.sh", ["simulate", SNAPSHOT, "bookworm"]),
        ("hook.sh", ["hook-status", "t1"]),
    ],
)
def test_a_program_that_is_not_roots_alone(
    machine: Machine, program: str, words: list[str]
) -> None:
    """What answers questions runs as root as well."""
    machine.as_root(f"chown oakum-test /usr/lib/oakum/{program}")
    assert program in machine.refusal(*words, stdin=b"k key\nt bash:amd64\t1\n")


def test_a_transaction_that_is_a_link(machine: Machine, people: People) -> None:
    """A link in the place of the transaction is not followed."""
    machine.as_root(
        f"mkdir -p /tmp/elsewhere /{TRANSACTIONS}; ln -s /tmp/elsewhere /{TRANSACTIONS}/t1"
    )
    content = signed(order_of(today()), *people[:2])
    assert "symbolic link" in machine.refusal("begin", "t1", stdin=content)
    assert list((machine.root / "tmp/elsewhere").iterdir()) == []


def test_a_name_that_stands_for_another_transaction(machine: Machine, people: People) -> None:
    """A second plan under the first one's transaction is told so, and does not run."""
    begin(machine, "t1", signed(order_of(today()), *people[:2]))
    other = order_of(replace(today(), title="another"))
    done = machine.ask("begin", "t1", stdin=signed(other, *people[:2]))
    assert done.exit_status == 4, done


def test_no_reboot_that_the_plan_does_not_allow(machine: Machine, people: People) -> None:
    """The stolen controller cannot switch the host off with a plan that says never."""
    begin(machine, "t1", signed(order_of(today()), *people[:2]))
    wait_for_result(machine, "t1")
    assert "allows no reboot" in machine.refusal("reboot", "t1")
    assert machine.ask("reboot", "t2").exit_status == 3


@pytest.mark.parametrize(
    "words",
    [
        ["sudo", "-n", "true"],
        ["sudo", "-n", "sh", "-c", "id"],
        ["sudo", "-n", "/usr/bin/apt-get", "update"],
        ["sudo", "-n", "sh", "/usr/lib/oakum/transaction.sh"],
        ["sudo", "-n", "/usr/lib/oakum/../oakum/../../bin/sh"],
        ["sudo", "-n", "-u", "nobody", "true"],
        ["sudo", "-n", "BASH_ENV=/tmp/x", "/usr/lib/oakum/verifier", "status", "t1"],
        ["sudo", "-n", "PATH=/tmp", "/usr/lib/oakum/verifier", "status", "t1"],
        ["sudo", "-n", "-E", "/usr/lib/oakum/verifier", "status", "t1"],
        ["sudo", "-n", "-s"],
    ],
)
def test_sudo_allows_nothing_else(machine: Machine, words: list[str]) -> None:
    """Neither another program nor an environment for this one."""
    done = machine.as_user(*words)
    assert done.exit_status == 1, done
    assert done.stderr.startswith(b"sudo: "), done


def test_the_environment_of_the_account_is_not_kept(machine: Machine) -> None:
    """Also where the administrator lets everybody keep variables, in a file that is read last."""
    rule = machine.root / "etc/sudoers.d/zz"
    rule.write_text('Defaults !env_reset, setenv\nDefaults env_keep += "TAR_OPTIONS"\n')
    rule.chmod(0o440)
    options = "--checkpoint=1 --checkpoint-action=exec='touch /tmp/owned'"
    ask = f"sudo -n {VERIFIER} simulate {SNAPSHOT} bookworm"
    done = machine.as_user(
        *("env", f"TAR_OPTIONS={options}", "sh", "-c", ask), stdin=b"k key\nt bash:amd64\t1\n"
    )
    assert done.exit_status == 0, done
    assert not (machine.root / "tmp/owned").exists()
    named = machine.as_user("sh", "-c", f"sudo -n TAR_OPTIONS=x {VERIFIER} status t1")
    assert named.exit_status == 1, named


def test_the_account_cannot_change_what_guards_it(machine: Machine) -> None:
    """Its keys, the approvers, the program and the state are root's."""
    for place in (
        "/usr/lib/oakum/verifier",
        "/etc/oakum/approvers",
        "/etc/oakum/verifier.conf",
        "/home/oakum-test/.ssh/authorized_keys",
    ):
        done = machine.as_user("sh", "-c", f"echo x >>{place}")
        assert done.exit_status != 0, place
