"""Run the demo: every step with the real commands; the first thing that is not as said ends it."""

import argparse
import json
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.broken_update import publish_broken_nginx
from demo.fleet import FOUND_WORK, Fleet, HostState, UnexpectedError
from demo.narrator import Narrator

HOSTS, HOSTS_SHORT = 8, 4
RINGS, RINGS_SHORT = "10,50,100", "50,75,100"


def main() -> int:
    """Tell the story; return 0 when everything was as said."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--short", action="store_true", help="four hosts instead of eight")
    parser.add_argument("--keep", action="store_true", help="leave the lab up")
    chosen = parser.parse_args()
    narrator = Narrator(colour=sys.stdout.isatty())
    hosts, rings = (HOSTS_SHORT, RINGS_SHORT) if chosen.short else (HOSTS, RINGS)
    try:
        with _home(narrator, keep=chosen.keep) as fleet:
            with narrator.chapter(f"{hosts} hosts boot, with real security updates pending"):
                raise_lab(narrator, fleet, hosts)
            with fleet.serving():
                tell(narrator, fleet, rings)
    except UnexpectedError as error:
        narrator.say(f"NOT AS SAID: {error}")
        return 1
    narrator.end()
    return 0


def tell(narrator: Narrator, fleet: Fleet, rings: str) -> None:
    """Tell everything between raising the lab and taking it down."""
    with narrator.chapter("What is exposed, and what comes first"):
        cve = find_exposure(narrator, fleet)
    with narrator.chapter("Freeze the exact packages, and plan exactly"):
        freeze_and_plan(narrator, fleet, rings)
    with narrator.chapter("Rehearse on twins: upgrade, roll back, upgrade again"):
        rehearse(narrator, fleet)
    with narrator.chapter("Approve, and roll out in three rings"):
        roll_out(narrator, fleet)
    with narrator.chapter("Prove it"):
        prove(narrator, fleet, cve)
    with narrator.chapter("A broken update: the rehearsal catches it"):
        publish_broken(narrator, fleet)
    with narrator.chapter(
        "Force it past the rehearsal: ring 1 stops, and is rolled back by itself"
    ):
        force_broken(narrator, fleet)
    with narrator.chapter("The record of all this holds, and one changed byte is found"):
        check_audit(narrator, fleet)


def raise_lab(narrator: Narrator, fleet: Fleet, hosts: int) -> None:
    """Boot hosts and add them."""
    narrator.say(
        "Real Debian hosts boot on this machine: systemd, sshd and a service each. Their packages "
        "are those of the release, so real security updates are pending."
    )
    fleet.configure()
    fleet.run("lab", "up", "--hosts", str(hosts))
    narrator.say("They are imported from an Ansible inventory; their host keys are pinned.")
    access = fleet.home / "lab/access"
    fleet.run(
        *("hosts", "import", "--ansible", str(access / "inventory.ini")),
        *("--known-hosts", str(access / "known_hosts")),
    )
    narrator.fact("hosts", str(len(fleet.hosts())))


def find_exposure(narrator: Narrator, fleet: Fleet) -> tuple[str, str]:
    """Scan, show the queue, explain one finding; return its CVE and host."""
    narrator.say("Advisories come from the bundle that ships with Oakum: real data, with its age.")
    fleet.run("advisories", "update", "--offline", "shipped")
    narrator.say("One question to each host brings all facts.")
    fleet.run("scan")
    narrator.say("The queue lists patches, not CVEs: what to do first, and why.")
    fleet.run("queue", "--first", "6", expect=FOUND_WORK)
    first = json.loads(fleet.data("queue", "--json", expect=FOUND_WORK))[0]
    cve = str(first["cves"][-1])
    host = str(json.loads(fleet.data("findings", "--cve", cve, "--json"))[0]["host"])
    narrator.say(f"Why does Oakum say that {host} is exposed to {cve}?")
    fleet.run("explain", cve, host)
    narrator.fact("findings with a fix, before", str(fixable(fleet)))
    return cve, host


def freeze_and_plan(narrator: Narrator, fleet: Fleet, rings: str) -> None:
    """Freeze a snapshot and make a plan from it."""
    narrator.say(
        "A snapshot holds the updates, what they depend on, and every version that runs now: "
        "without those there would be no way back."
    )
    fleet.run("snapshots", "create")
    fleet.run("snapshots", "verify")
    narrator.say("Every host is asked what exactly it would do; that is the plan.")
    fleet.run(
        *("plan", "create", "--title", "The first round", "--rings", rings),
        *("--reboot", "when-needed"),
    )


def rehearse(narrator: Narrator, fleet: Fleet) -> None:
    """Rehearse the plan."""
    narrator.say(
        "For each class of hosts a twin is built from a host's own manifest, at exactly its "
        "versions. There the plan is carried out, undone, and carried out again."
    )
    answer = fleet.run("rehearse", "latest")
    narrator.fact("rehearsal of upgrade and roll-back", f"passed in {answer.seconds:.0f} s")


def roll_out(narrator: Narrator, fleet: Fleet) -> None:
    """Approve and roll out; check from outside that the plan is what is installed."""
    narrator.say("A person approves this digest, knowing what cannot be rolled back.")
    fleet.run("approve", "latest", "--accept-no-way-back", "--reason", "rehearsed")
    answer = fleet.run("rollout", "start", "latest")
    narrator.fact("rollout in three rings", f"succeeded in {answer.seconds:.0f} s")


def prove(narrator: Narrator, fleet: Fleet, cve: tuple[str, str]) -> None:
    """Show that what was approved is what runs."""
    narrator.say("Plain ssh and dpkg-query, without Oakum, on every host:")
    compared = fleet.require_planned()
    narrator.fact("package versions equal to the plan, by dpkg-query", str(compared))
    for host in fleet.hosts():
        narrator.echo(f"{host}: apt-get -s upgrade: {fleet.require_nothing_left(host)}")
    narrator.say("The next scan closes the findings.")
    fleet.run("scan")
    left = fixable(fleet)
    narrator.fact("findings with a fix, after", str(left))
    if left:
        raise UnexpectedError(f"{left} findings with a fix are still open")
    narrator.say("And the whole chain for the finding from the beginning:")
    explained = fleet.run("explain", *cve).out
    for link in ("advisory", "finding", "plan", "snapshot", "rehearsal", "approval",
                 "transaction", "verification"):  # fmt: skip
        if link not in explained:
            raise UnexpectedError(f"explain does not name the {link}")


def publish_broken(narrator: Narrator, fleet: Fleet) -> None:
    """Publish a broken update; the rehearsal must fail, and approval be refused."""
    narrator.say("A build of nginx that cannot start is published in an archive of its own.")
    good = _newest_nginx(fleet)
    fleet.configure(publish_broken_nginx(good, fleet.home / "broken"))
    fleet.run("snapshots", "create")
    fleet.run("snapshots", "diff", _snapshots(fleet)[-2])
    fleet.run(
        *("plan", "create", "--title", "A broken nginx", "--package", "nginx"),
        *("--limit", "role:web", "--rings", "10,50,100"),
    )
    narrator.say("The rehearsal on a twin shows what it would do to production:")
    fleet.run("rehearse", "latest", expect=1)
    narrator.say("So it cannot be approved:")
    fleet.run("approve", "latest", expect=1)
    narrator.fact("broken update", "caught by the rehearsal; approval refused")


def force_broken(narrator: Narrator, fleet: Fleet) -> None:
    """Override the rehearsal; ring 1 must stop the rollout and be rolled back."""
    hosts = fleet.hosts()
    before = fleet.states(hosts)
    narrator.say("Somebody insists, with a reason, on the record:")
    fleet.run("approve", "latest", "--override-rehearsal", "--reason", "the demo wants to see it")
    answer = fleet.run("rollout", "start", "latest", expect=1)
    rollout = json.loads(fleet.data("rollout", "show", "latest", "--json"))
    if rollout["phase"] != "rolled back":
        raise UnexpectedError(f"the rollout is {rollout['phase']}, and not rolled back")
    states = [run["state"] for run in rollout["runs"]]
    narrator.fact(
        "forced broken update",
        f"{states.count('rolled back')} host changed and rolled back by itself, "
        f"{states.count('skipped')} never touched, {answer.seconds:.0f} s",
    )
    narrator.say("Every host is as it was: packages, versions, automatic marks and holds.")
    require_same(before, fleet.states(hosts))
    fleet.run("scan")
    narrator.fact("hosts exactly as before, by dpkg and apt-mark", f"{len(hosts)} of {len(hosts)}")


def check_audit(narrator: Narrator, fleet: Fleet) -> None:
    """Verify the chain, then change one byte in a copy and see that it is found."""
    fleet.run("audit", "verify")
    copy = Fleet(fleet.home.with_name(f"{fleet.home.name}-tampered"), echo=fleet.echo)
    copy.home.mkdir()
    try:
        shutil.copy(fleet.home / "audit.head", copy.home)
        _change_one_byte(fleet.home / "oakum.sqlite", copy.home / "oakum.sqlite")
        narrator.say("In a copy, one byte of one old event is changed:")
        said = copy.run("audit", "verify", expect=1).out
    finally:
        shutil.rmtree(copy.home)
    if "event 5" not in said:
        raise UnexpectedError(f"the changed event is not named: {said}")
    narrator.fact("one changed byte in the audit log", "found, with its place")


def fixable(fleet: Fleet) -> int:
    """Return how many findings are open although there is a fix."""
    found = json.loads(fleet.data("findings", "--state", "affected, fix available", "--json"))
    return len(found)


def require_same(before: dict[str, HostState], after: dict[str, HostState]) -> None:
    """Raise unless every host has exactly the packages, versions and marks that it had."""
    for host, state in before.items():
        if after[host] != state:
            changed = set(after[host].packages) ^ set(state.packages)
            raise UnexpectedError(f"{host} is not as it was: {sorted(changed)}")


def _newest_nginx(fleet: Fleet) -> Path:
    snapshot = json.loads(fleet.data("snapshots", "show", "latest", "--json"))
    package = next(
        package
        for package in snapshot["manifest"]["packages"]
        if package["name"] == "nginx" and "candidate" in package["roles"]
    )
    digest = str(package["sha256"])
    return fleet.home / "pool" / digest[:2] / f"{digest}.deb"


def _snapshots(fleet: Fleet) -> list[str]:
    return [entry["id"] for entry in json.loads(fleet.data("snapshots", "list", "--json"))]


def _change_one_byte(source: Path, target: Path) -> None:
    with sqlite3.connect(source) as original, sqlite3.connect(target) as copy:
        original.backup(copy)
        # Whoever owns the file can take away its guards; the chain must still tell.
        guards = copy.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (guard,) in guards:
            copy.execute(f"DROP TRIGGER {guard}")
        content = copy.execute("SELECT content FROM audit_events WHERE sequence = 5").fetchone()[0]
        changed = bytearray(content)
        changed[len(changed) // 2] ^= 1
        copy.execute("UPDATE audit_events SET content = ? WHERE sequence = 5", (bytes(changed),))


@contextmanager
def _home(narrator: Narrator, *, keep: bool) -> Iterator[Fleet]:
    home = Path(tempfile.mkdtemp(prefix="oakum-demo-"))
    fleet = Fleet(home, echo=narrator.echo)
    try:
        yield fleet
    finally:
        if keep:
            narrator.say(f"The lab stays up: OAKUM_HOME={home}; end it with `oakum lab down`.")
        else:
            with narrator.chapter("The lab goes down, and leaves nothing behind"):
                fleet.run("lab", "down")
                _require_nothing_behind(narrator, home)
                shutil.rmtree(home)


def _require_nothing_behind(narrator: Narrator, home: Path) -> None:
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if str(home) in line]
    processes = [
        found.parent.name
        for found in Path("/proc").glob("[0-9]*/root")
        if _link(found).startswith(str(home))
    ]
    left = [str(path) for path in (home / "lab", home / "twins/machines") if path.exists()]
    if mounts or processes or left:
        raise UnexpectedError(f"left behind: {mounts} {processes} {left}")
    narrator.fact("left of the lab: mounts, processes, machines", "0, 0, 0")


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


sys.exit(main())
