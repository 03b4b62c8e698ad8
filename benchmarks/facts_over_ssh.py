"""What asking fifty hosts costs: Oakum, `xargs -P50 ssh` and Ansible in one run.

usage: python -m benchmarks.facts_over_ssh [--hosts 50] [--rounds 5] [--ansible-rounds 1]

Two questions. The packages alone (`dpkg-query -W`): what xargs and Ansible's `command` ask, and
what Oakum's transport asks in a process of its own. And all facts: `oakum scan` as a whole
process, which reads, understands and stores them. The first time, and again while the hosts'
package indices are as they were, which then are not read anew. It is held against xargs running
the very same script, and against Ansible's `package_facts`, which reads packages alone.

The hosts are sshds on loopback (`endpoints.py`); the key exchange is curve25519 for everybody. Arms
take turns. CPU seconds are of the command's processes (wait4) and of the sshds with what they
started: their sum, shared by the cores, is what an idle machine would need at least, and stays true
on a busy one. Memory is what all processes of the command hold at once, by samples; pages that they
share count in each. Needs root; Ansible is installed into an environment of its own.
"""

import argparse
import asyncio
import os
import shlex
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from benchmarks.endpoints import Endpoints, running_endpoints
from benchmarks.peers.ansible import Ansible
from benchmarks.peers.peer import run
from oakum.adapters.transports.asyncssh_transport import AsyncsshTransport
from oakum.core.ids import HostId
from oakum.core.inventory.host import Host

QUESTION = "dpkg-query -W"
TOKEN = "0123456789abcdef"  # noqa: S105 (marks the sections of an answer; nothing is secret here)
SAMPLE_SECONDS = 0.1
MEGABYTE = 1e6
OAKUM = str(Path(sys.executable).with_name("oakum"))


@dataclass(frozen=True)
class Arm:
    """One way of asking."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    is_ansible: bool = False


@dataclass(frozen=True)
class Taken:
    """What asking once took."""

    wall_seconds: float
    cpu_seconds: float
    host_cpu_seconds: float
    memory_bytes: float


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hosts", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ansible-rounds", type=int, default=1)
    parser.add_argument("--only", default="", help="arms, by the beginnings of their names: a,b")
    parser.add_argument("--ask", type=Path, help="only ask the hosts of known_hosts (an arm)")
    given = parser.parse_args()
    if given.ask:
        lines = given.ask.read_text().splitlines()
        asyncio.run(_ask_all([_host(line, given.ask.parent) for line in lines]))
        return 0
    with tempfile.TemporaryDirectory(prefix="oakum-facts-") as scratch:
        place = Path(scratch)
        with running_endpoints(given.hosts) as endpoints:
            every = _arms(endpoints, place)
            arms = [arm for arm in every if arm.name.startswith(tuple(given.only.split(",")))]
            taken: dict[str, list[Taken]] = {arm.name: [] for arm in arms}
            for arm in arms:
                if not arm.is_ansible:
                    _measure(arm, endpoints, place)  # once for nothing: caches, and bytecode
            for turn in range(given.rounds):
                for arm in arms[turn % len(arms) :] + arms[: turn % len(arms)]:
                    if not arm.is_ansible or turn < given.ansible_rounds:
                        taken[arm.name].append(_measure(arm, endpoints, place))
                print(f"round {turn + 1} of {given.rounds}", file=sys.stderr, flush=True)
    _table({name: each for name, each in taken.items() if each})
    return 0


async def _ask_all(hosts: Sequence[Host]) -> None:
    """Ask every host its packages with Oakum's transport, without its database."""
    transport = AsyncsshTransport(30)

    async def ask(host: Host) -> bytes:
        async with transport.connect(host) as session:
            return (await session.run(QUESTION, timeout_seconds=60)).stdout

    answers = await asyncio.gather(*map(ask, hosts))
    print(sum(map(len, answers)))


def _host(line: str, place: Path) -> Host:
    where, key = line.split(" ", 1)
    address, _, port = where.removeprefix("[").partition("]:")
    return Host(
        id=HostId(address), name=address, address=address, port=int(port), user="root",
        host_key=key, added_at=datetime(2026, 1, 1, tzinfo=UTC), identity_file=str(place / "key"),
    )  # fmt: skip


def _arms(endpoints: Endpoints, place: Path) -> list[Arm]:
    home, count = place / "home", len(endpoints.hosts)
    home.mkdir()
    (place / "answers").mkdir()
    script = place / "facts.sh"
    script.write_bytes((files("oakum.adapters.facts") / "facts.sh").read_bytes())
    ours = {
        "OAKUM_HOME": str(home),
        # As installed: its bytecode is there from the first run on.
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(place / "bytecode"),
    }
    ansible = Ansible(place, count)
    ansible.write(endpoints.hosts, key=endpoints.key, known_hosts=endpoints.known_hosts)
    _introduce(endpoints, place, ours)
    shutil.copytree(home, place / "introduced")
    first = f"rm -rf {place}/first && cp -a {place}/introduced {place}/first && exec {OAKUM} scan"
    print(f"{count} hosts, {len(os.sched_getaffinity(0))} cores; peers: OpenSSH, {ansible.version}")
    names = shlex.join(host.name for host in endpoints.hosts)
    ssh = f"ssh -F {endpoints.ssh_config}"

    def xargs(asked: str) -> list[str]:
        one = f'{ssh} "$1" {asked} >"$2/$1"'
        line = f"xargs -P {count} -I HOST sh -c {shlex.quote(one)} sh HOST {place}/answers"
        return ["sh", "-c", f"printf '%s\\n' {names} | {line}"]

    return [
        Arm("xargs ssh dpkg-query", xargs(QUESTION)),
        Arm(
            "Oakum's transport",
            [sys.executable, "-m", __spec__.name, "--ask", str(endpoints.known_hosts)],
            ours,
        ),
        Arm("xargs ssh facts.sh", xargs(f"sh -s {TOKEN} <{script}")),
        Arm("oakum scan", [OAKUM, "scan"], ours),
        Arm("oakum first scan", ["sh", "-c", first], ours | {"OAKUM_HOME": f"{place}/first"}),
        Arm(
            "ansible command",
            ansible.module("command", QUESTION),
            ansible.settings(pipelining=False),
            is_ansible=True,
        ),
        Arm(
            "ansible package_facts",
            ansible.module("package_facts"),
            ansible.settings(pipelining=True),
            is_ansible=True,
        ),
    ]


def _introduce(endpoints: Endpoints, place: Path, environment: Mapping[str, str]) -> None:
    words = ["hosts", "import", "--ssh-config", str(endpoints.ssh_config)]
    words += ["--known-hosts", str(endpoints.known_hosts)]
    run([OAKUM, *words], place, environment)


def _measure(arm: Arm, endpoints: Endpoints, place: Path) -> Taken:
    before = endpoints.cpu_seconds()
    with _watched({process.pid for process in endpoints.processes}) as peak:
        done = run(arm.command, place, arm.environment)
    if arm.is_ansible:
        Ansible(place, 0).hang_up()
        time.sleep(1)  # what a connection used is known when its sshd has ended
    taken = endpoints.cpu_seconds() - before
    return Taken(done.cost.wall_seconds, done.cost.cpu_seconds, taken, peak())


@contextmanager
def _watched(others: Collection[int]) -> Iterator[Callable[[], float]]:
    """Watch what is started meanwhile, without the hosts; give the most that it held at once."""
    highest, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            highest.append(sum(map(_resident_bytes, _descendants(os.getpid(), others))))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield lambda: max(highest)
    finally:
        ended.set()
        thread.join()


def _descendants(pid: int, others: Collection[int]) -> Iterator[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(c) for task in tasks for c in (task / "children").read_text().split()]
    except OSError:
        return  # it has ended
    for child in children:
        if child not in others:
            yield child
            yield from _descendants(child, others)


def _resident_bytes(pid: int) -> float:
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _table(taken: Mapping[str, Sequence[Taken]]) -> None:
    print(f"{'':22}   wall s  CPU s: command   hosts    both  memory MB runs")
    middle = {
        name: Taken(
            statistics.median(t.wall_seconds for t in each),
            statistics.median(t.cpu_seconds for t in each),
            statistics.median(t.host_cpu_seconds for t in each),
            max(t.memory_bytes for t in each),
        )
        for name, each in taken.items()
    }
    for name, t in middle.items():
        both = t.cpu_seconds + t.host_cpu_seconds
        print(
            f"{name:22} {t.wall_seconds:8.2f} {t.cpu_seconds:15.2f} {t.host_cpu_seconds:7.2f} "
            f"{both:7.2f} {t.memory_bytes / MEGABYTE:10.0f} {len(taken[name]):4}"
        )
    print("ratios: wall, and CPU of command and hosts")
    for ours, theirs in (
        ("Oakum's transport", "xargs ssh dpkg-query"),
        ("oakum first scan", "xargs ssh facts.sh"),
        ("oakum scan", "xargs ssh facts.sh"),
        ("oakum scan", "xargs ssh dpkg-query"),
        ("ansible command", "Oakum's transport"),
        ("ansible command", "oakum scan"),
        ("ansible command", "oakum first scan"),
        ("ansible package_facts", "Oakum's transport"),
        ("ansible package_facts", "oakum scan"),
    ):
        if ours in middle and theirs in middle:
            a, b = middle[ours], middle[theirs]
            cpu = (a.cpu_seconds + a.host_cpu_seconds) / (b.cpu_seconds + b.host_cpu_seconds)
            print(f"  {ours} / {theirs}: {a.wall_seconds / b.wall_seconds:.2f}, {cpu:.2f}")


if __name__ == "__main__":
    sys.exit(main())
