"""What a rollout costs over plain apt-get: Oakum, `xargs -P ssh apt-get` and Ansible in one run.

usage: python -m benchmarks.patching [--hosts 20] [--at-once 10] [--rounds 1]

Booted lab hosts, all alike, with real updates pending (Debian 12's release against its security
archive). Everybody installs the same packages at the same versions from the same frozen snapshot,
on as many hosts at once, and restarts nothing. Before each run every host is put back to the very
same files and booted anew; afterwards dpkg of every host is held against the plan. The arms take
turns, in another order each round.

The hosts lie on an ext4 with a journal, as hosts do, in a sparse file of its own. Without a journal
ext4 steps over every inode that was removed within the last minute whenever it makes a new one
(`recently_deleted` in its ialloc.c); with many hosts on one such file system dpkg takes up to three
times as long, the later the longer.

Wall time is from the start of the one command to its end: of Oakum `rollout start`, with its
checks, comparison, restore points and verification. CPU seconds are of the hosts' own control
groups, and of the command's processes (wait4); they stay true where others use the machine too.
Needs root, like the lab; Ansible is installed into an environment of its own.
"""

import argparse
import itertools
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from demo.fleet import Fleet, UnexpectedError

from benchmarks.peers.ansible import KEY_EXCHANGE, Ansible, Endpoint
from benchmarks.peers.peer import Cost, run
from oakum.adapters.machines.images import Images
from oakum.adapters.machines.nspawn import NspawnProvider
from oakum.bootstrap.application import Application
from oakum.core.staging.lab import MAKE_USER, SUDOERS
from oakum.ports.machines import MachineFile, MachineSpec, PackagePin
from oakum.settings import read_settings

PYTHON = ("python3", "python3-apt")
"""What Ansible's module needs on a host; the others do without, and have it all the same."""
AT_ONCE_BUILDING = 2
BOOT_SECONDS = 180
GIGABYTES_A_HOST = 2
SOURCES = """\
Types: deb
URIs: http://127.0.0.1:{port}/snapshots/{snapshot}
Suites: bookworm
Components: main
Signed-By: /etc/apt/snapshot.asc
"""
POINT_AT_SNAPSHOT = """
set -e
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
cat >/etc/apt/snapshot.asc
printf '%s' "$1" >/etc/apt/sources.list.d/snapshot.sources
"""
OPTIONS = (
    "-y -q --no-install-recommends -o Dpkg::Options::=--force-confdef "
    "-o Dpkg::Options::=--force-confold"
)
JOURNAL = "cat /var/lib/oakum/transactions/*/journal 2>/dev/null || :"
BOOTED = "systemctl is-system-running --wait"
PLAYBOOK = """\
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.apt:
        name: {names}
        update_cache: true
        install_recommends: false
"""


@dataclass
class Yard:
    """The hosts, and how they are put back."""

    fleet: Fleet
    provider: NspawnProvider
    directory: Path
    names: tuple[str, ...]

    def each(self, act: Callable[[str], object], at_once: int = 4) -> None:
        """Do something with every host."""
        with ThreadPoolExecutor(at_once) as threads:
            list(threads.map(act, self.names))

    def build(self, key: str) -> None:
        """Build hosts that are alike, and boot them."""
        packages = tuple(PackagePin(name) for name in PYTHON)
        sudo = MachineFile(SUDOERS.path, SUDOERS.content.encode(), 0o440)

        def create(name: str) -> None:
            self.provider.create(
                MachineSpec(
                    name=name, release="bookworm", packages=packages, is_exact=False, source=None,
                    files=(sudo,), etc_archive=b"", setup_script=MAKE_USER, authorized_key=key,
                ),
                lambda line: print(f"  {line}", file=sys.stderr),
            )  # fmt: skip

        create(self.names[0])
        with ThreadPoolExecutor(AT_ONCE_BUILDING) as threads:
            list(threads.map(create, self.names[1:]))

    def boot(self) -> None:
        """Boot every host, and wait until it has."""
        self.each(self.provider.start)
        self.each(self._await)

    def _await(self, name: str) -> None:
        end = time.monotonic() + BOOT_SECONDS
        while True:
            try:
                self.fleet.ssh(name, BOOTED)
            except UnexpectedError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.5)
            else:
                return

    def freeze(self) -> None:
        """Keep every host's files as they are now."""
        self.each(self.provider.stop)
        self.each(lambda n: _copy(self.directory / n / "upper", self.directory / n / "kept"))

    def reset(self) -> None:
        """Put every host back to these files, and boot it."""

        def put_back(name: str) -> None:
            self.provider.kill(name)
            machine = self.directory / name
            for place in ("upper", "work"):
                shutil.rmtree(machine / place)
            (machine / "work").mkdir()
            _copy(machine / "kept", machine / "upper")

        self.each(put_back, 2)
        os.sync()
        self.boot()

    def cpu_seconds(self) -> float:
        """Return what all hosts have used since they booted."""
        used = 0
        for name in self.names:
            groups = (self.directory / name / "control-groups").read_text().splitlines()
            files = [Path(group) / "cpuacct.usage" for group in groups]
            used += sum(int(file.read_text()) for file in files if file.exists())
        return used / 1e9

    def versions(self, name: str) -> set[str]:
        """Return a host's packages as `name:architecture=version`."""
        return {f"{key}={v}" for key, v in self.fleet.state_of(name).versions().items()}


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


@dataclass(frozen=True)
class Arm:
    """One way of patching."""

    name: str
    command: Callable[[], Sequence[str]]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Taken:
    """What one run took."""

    cost: Cost
    host_cpu_seconds: float


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hosts", type=int, default=20)
    parser.add_argument("--at-once", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", default="", help="arms to run, by the beginning of their names")
    parser.add_argument("--package", action="append", default=[], help="plan these sources alone")
    given = parser.parse_args()
    with _yard(given.hosts) as yard:
        plan = ["plan", "create", "--rings", "100", "--soak", "0", "--restart", "never"]
        plan += ["--concurrency", str(given.at_once)]
        plan += [word for name in given.package for word in ("--package", name)]
        yard.fleet.run(*plan)
        wanted = _wanted(yard.fleet)
        count = sum(len(names) for names in wanted.values()) // len(wanted)
        print(f"{given.hosts} hosts, {given.at_once} at once, {count} packages each")
        yard.freeze()
        arms = [arm for arm in _arms(yard, wanted, given.at_once, plan)
                if not given.only or arm.name.startswith(tuple(given.only.split(",")))]  # fmt: skip
        taken: dict[str, list[Taken]] = {arm.name: [] for arm in arms}
        for turn in range(given.rounds):
            for arm in arms[turn % len(arms) :] + arms[: turn % len(arms)]:
                taken[arm.name].append(_run(arm, yard, wanted))
        _table(taken)
    return 0


@contextmanager
def _yard(hosts: int) -> Iterator[Yard]:
    with _journalled(hosts * GIGABYTES_A_HOST) as scratch:
        fleet = Fleet(scratch / "home", soak_seconds=0)
        fleet.configure()
        chosen = Application(read_settings({**os.environ, "OAKUM_HOME": str(fleet.home)}))
        directory = fleet.home / "lab" / "machines" / "nspawn"
        images = Images(chosen.settings.cache / "images", chosen.snapshots.distribution_archives)
        names = tuple(f"host-{number}" for number in range(1, hosts + 1))
        yard = Yard(fleet, NspawnProvider(directory, images), directory, names)
        try:
            access = chosen.lab_files
            access.remember_provider("nspawn")
            yard.build(access.authorized_key())
            yard.each(yard.provider.start)
            access.write_access(yard.provider.machines(), dict.fromkeys(names, "plain"))
            yard.boot()
            _introduce(fleet)
            with fleet.serving():
                _point_at_snapshot(yard)
                yield yard
        finally:
            fleet.run("lab", "down")


@contextmanager
def _journalled(gigabytes: int) -> Iterator[Path]:
    """Make an ext4 with a journal in a file, and mount it for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="oakum-patching-") as place:
        file, mounted = Path(place, "ext4"), Path(place, "yard")
        mounted.mkdir()
        with file.open("wb") as image:
            image.truncate(gigabytes << 30)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-O", "has_journal", str(file)], check=True)
        subprocess.run(["mount", "-o", "loop", str(file), str(mounted)], check=True)
        try:
            yield mounted
        finally:
            subprocess.run(["umount", str(mounted)], check=True)


def _introduce(fleet: Fleet) -> None:
    access = fleet.home / "lab/access"
    fleet.run(
        *("hosts", "import", "--ansible", str(access / "inventory.ini")),
        *("--known-hosts", str(access / "known_hosts")),
    )
    fleet.run("advisories", "update", "--offline", "shipped")
    fleet.run("scan")
    fleet.run("snapshots", "create")


def _point_at_snapshot(yard: Yard) -> None:
    """Let plain apt and Ansible's module install from the snapshot, as hosts of a mirror do."""
    fleet = yard.fleet
    snapshot = json.loads(fleet.data("snapshots", "list", "--json"))[-1]["id"]
    text = SOURCES.format(port=fleet.port, snapshot=snapshot)
    key = fleet.data("snapshots", "key")
    yard.each(lambda name: fleet.ssh(name, POINT_AT_SNAPSHOT, text, stdin=key))


def _wanted(fleet: Fleet) -> dict[str, list[tuple[str, str]]]:
    """Return what the plan installs on each host: `name:architecture` and version."""
    plan = fleet.plan()["plan"]
    assert isinstance(plan, dict)  # noqa: S101 (it is JSON of ours)
    return {
        host: [(f"{c['name']}:{c['architecture']}", c["new"]) for c in each["changes"]]
        for each in plan["classes"]
        for host in each["hosts"]
    }


def _arms(
    yard: Yard, wanted: Mapping[str, list[tuple[str, str]]], at_once: int, plan: Sequence[str]
) -> list[Arm]:
    access = yard.fleet.home / "lab/access"
    first = next(iter(wanted.values()))
    if any(sorted(each) != sorted(first) for each in wanted.values()):
        raise UnexpectedError("the hosts are not alike: one command cannot patch them all")
    names = [f"{key.partition(':')[0]}={version}" for key, version in first]
    install = f"apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get {OPTIONS} install"
    line = f"{install} {' '.join(names)}"
    ssh = f"ssh -F {access}/ssh_config -o KexAlgorithms={KEY_EXCHANGE}"
    hosts = " ".join(yard.names)
    one = f'{ssh} "$1" {shlex.quote(line)} >"$2/$1.log" 2>&1'
    script = (
        f"printf '%s\\n' {hosts} | "
        f"xargs -P {at_once} -I HOST sh -c {shlex.quote(one)} sh HOST {access}"
    )
    place = yard.fleet.home.parent / "ansible"
    place.mkdir()
    ansible = Ansible(place, at_once)
    machines = yard.provider.machines()
    ansible.write(
        [Endpoint(m.name, m.address, m.port) for m in machines],
        key=access / "key",
        known_hosts=access / "known_hosts",
    )
    print(f"peers: OpenSSH's client, {ansible.version}")
    book = place / "patch.yml"
    book.write_text(PLAYBOOK.format(names=json.dumps(names)))
    oakum = [str(Path(sys.executable).with_name("oakum"))]
    return [
        Arm("xargs ssh apt-get", lambda: ["sh", "-c", script]),
        Arm(
            "oakum rollout",
            lambda: _approved(yard.fleet, plan, oakum),
            {"OAKUM_HOME": str(yard.fleet.home), "NO_COLOR": "1"},
        ),
        Arm("ansible apt", lambda: ansible.playbook(book), ansible.settings(pipelining=True)),
    ]


def _approved(fleet: Fleet, plan: Sequence[str], oakum: Sequence[str]) -> Sequence[str]:
    """Plan and approve, which the others do not do, and return what carries it out."""
    fleet.run(*plan)
    fleet.run(
        *("approve", "latest", "--accept-no-way-back", "--override-rehearsal"),
        *("--reason", "a benchmark"),
    )
    return [*oakum, "rollout", "start", "latest"]


def _run(arm: Arm, yard: Yard, wanted: Mapping[str, list[tuple[str, str]]]) -> Taken:
    yard.reset()
    place = yard.fleet.home.parent / "run"
    place.mkdir(exist_ok=True)
    command = arm.command()
    before = yard.cpu_seconds()
    try:
        done = run(command, place, arm.environment)
    except subprocess.CalledProcessError as error:
        print((place / "stdout").read_text(errors="replace")[-3000:], error.stderr, sep="\n")
        raise
    taken = Taken(done.cost, yard.cpu_seconds() - before)
    _say(arm.name, taken)
    _say_steps([yard.fleet.ssh(name, JOURNAL) for name in yard.names])
    for name, changes in wanted.items():
        missing = {f"{key}={version}" for key, version in changes} - yard.versions(name)
        if missing:
            raise UnexpectedError(f"{arm.name}: {name} has not {sorted(missing)}")
    return taken


def _say(name: str, taken: Taken) -> None:
    cost = taken.cost
    print(
        f"  {name:20} {cost.wall_seconds:7.1f} s, CPU: hosts {taken.host_cpu_seconds:6.1f} s, "
        f"controller {cost.cpu_seconds:5.1f} s",
        flush=True,
    )


def _say_steps(journals: Sequence[str]) -> None:
    """Say how long the steps of Oakum's transaction took: medians of the hosts."""
    steps: dict[str, list[float]] = defaultdict(list)
    for journal in journals:
        seconds: dict[str, float] = defaultdict(float)
        lines = [line.split("\t") for line in journal.splitlines()]
        for (at, step, *_), (until, *_) in itertools.pairwise(lines):
            seconds[step] += (datetime.fromisoformat(until) - datetime.fromisoformat(at)).seconds
        for step, each in seconds.items():
            steps[step].append(each)
    if steps:
        said = (f"{step} {statistics.median(each):.0f}" for step, each in steps.items())
        print(f"    seconds of its steps: {', '.join(said)}")


def _table(taken: Mapping[str, Sequence[Taken]]) -> None:
    wall = {n: statistics.median(t.cost.wall_seconds for t in ts) for n, ts in taken.items()}
    hosts = {n: statistics.median(t.host_cpu_seconds for t in ts) for n, ts in taken.items()}
    ours = {n: statistics.median(t.cost.cpu_seconds for t in ts) for n, ts in taken.items()}
    floor = next(iter(wall))
    print(f"{'':20}   wall s  ratio  hosts CPU s  ratio  controller CPU s")
    for name, seconds in wall.items():
        print(
            f"{name:20} {seconds:8.1f} {seconds / wall[floor]:6.2f} {hosts[name]:12.1f} "
            f"{hosts[name] / hosts[floor]:6.2f} {ours[name]:17.1f}"
        )


if __name__ == "__main__":
    sys.exit(main())
