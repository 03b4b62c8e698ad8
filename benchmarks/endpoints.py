"""SSH endpoints on this machine: sshds on loopback, each in namespaces of its own.

Each has its own view of processes, so that it does not list those of the other forty-nine, with a
few that idle; and an empty home of root, whose start-up files would be measured otherwise. All
share this machine's files, hence its packages. They offer one key exchange, curve25519, so that
nobody pays for another one.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.peers.ansible import KEY_EXCHANGE, Endpoint

NETWORK = "127.0.77"
PORT = 2222
IDLE_PROCESSES = 15
BEGIN_SECONDS = 30
INSIDE = """
mount -t tmpfs -o mode=700 tmpfs /root
for _ in $(seq "$1"); do sleep infinity & done
exec /usr/sbin/sshd -D -e -f "$2"
"""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Running sshds, and what reaches them."""

    hosts: Sequence[Endpoint]
    key: Path
    known_hosts: Path
    ssh_config: Path
    processes: "Sequence[subprocess.Popen[bytes]]" = ()

    def cpu_seconds(self) -> float:
        """Return what the sshds and all that ended below them have used."""
        ticks = sum(_ticks(child) for p in self.processes for child in _children(p.pid))
        return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def running_endpoints(count: int) -> Iterator[Endpoints]:
    """Run that many."""
    place = Path(tempfile.mkdtemp(prefix="oakum-endpoints-"))
    Path("/run/sshd").mkdir(exist_ok=True)
    hosts = [Endpoint(f"endpoint-{n}", f"{NETWORK}.{n}", PORT) for n in range(1, count + 1)]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        given = _write(place, hosts)
        processes += [_start(place, host) for host in hosts]
        for host in hosts:
            _await(host)
        yield replace(given, processes=processes)
    finally:
        for process in processes:
            process.kill()  # unshare hears nothing else, and takes its namespace with it
        for process in processes:
            process.wait()
        shutil.rmtree(place)


def _write(place: Path, hosts: Sequence[Endpoint]) -> Endpoints:
    for name in ("host_key", "key"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(place / name)]
        subprocess.run(words, check=True)
    shutil.copy(place / "key.pub", place / "authorized_keys")
    shown = " ".join((place / "host_key.pub").read_text().split()[:2])
    known = place / "known_hosts"
    known.write_text("".join(f"[{h.address}]:{h.port} {shown}\n" for h in hosts))
    blocks = [
        f"Host {h.name}\n  HostName {h.address}\n  Port {h.port}\n  User root\n"
        f"  IdentityFile {place}/key\n  IdentitiesOnly yes\n  UserKnownHostsFile {known}\n"
        f"  BatchMode yes\n  KexAlgorithms {KEY_EXCHANGE}\n"
        for h in hosts
    ]
    (place / "ssh_config").write_text("\n".join(blocks))
    for host in hosts:
        (place / host.name).write_text(
            f"ListenAddress {host.address}:{host.port}\nHostKey {place}/host_key\n"
            f"AuthorizedKeysFile {place}/authorized_keys\nPidFile none\nStrictModes no\n"
            f"UsePAM no\nPasswordAuthentication no\nKexAlgorithms {KEY_EXCHANGE}\n"
            "PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n"
        )
    return Endpoints(hosts, place / "key", known, place / "ssh_config")


def _start(place: Path, host: Endpoint) -> "subprocess.Popen[bytes]":
    words = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", INSIDE, "sh"]
    return subprocess.Popen(
        [*words, str(IDLE_PROCESSES), str(place / host.name)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _await(host: Endpoint) -> None:
    end = time.monotonic() + BEGIN_SECONDS
    while True:
        try:
            with socket.create_connection((host.address, host.port), timeout=5) as connection:
                if connection.recv(4) == b"SSH-":
                    return
        except OSError:
            if time.monotonic() > end:
                raise
        time.sleep(0.05)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _ticks(pid: int) -> int:
    """Return utime, stime, cutime and cstime of a process (proc(5)), in ticks of the clock."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15])
