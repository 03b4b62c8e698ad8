"""Make real trouble on a lab host, and mend it again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from oakum.core.errors import HostError, InputError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Host
from oakum.core.staging.lab import ROLES
from oakum.core.text import one_line
from oakum.ports.machines import Machine
from oakum.ports.transport import Transport

SECONDS = 60


@dataclass(frozen=True, slots=True)
class Trouble:
    """A kind of trouble: a script that makes it and one that takes it away. Both may be repeated.

    `$1` is a conffile of the host's role that a pending update brings anew, `$2` a package with a
    pending update.
    """

    what: str
    make: str
    mend: str


TROUBLES: Mapping[str, Trouble] = {
    "apt-lock": Trouble(
        "another process holds apt's lock, as apt itself would",
        """
        [ -e /run/oakum-lab-lock ] && exit 0
        setsid perl -e 'use Fcntl; open(F, ">", "/var/lib/dpkg/lock-frontend") or die;
          fcntl(F, F_SETLK, pack("s s l! l! i", F_WRLCK, 0, 0, 0, 0)) or die "held already\\n";
          sleep 3600' </dev/null >/dev/null 2>&1 &
        echo $! >/run/oakum-lab-lock
        sleep 0.5
        kill -0 "$(cat /run/oakum-lab-lock)"
        """,
        """
        [ ! -e /run/oakum-lab-lock ] || kill "$(cat /run/oakum-lab-lock)"
        rm -f /run/oakum-lab-lock
        """,
    ),
    "full-disk": Trouble(
        "no room for downloads and transactions",
        """
        mkdir -p /var/lib/oakum /var/cache/apt/archives
        for place in /var/lib/oakum /var/cache/apt/archives; do
          grep -qs " $place " /proc/mounts || mount -t tmpfs -o size=64k tmpfs "$place"
          dd if=/dev/zero of="$place/full" bs=4k 2>/dev/null || true
        done
        """,
        """
        for place in /var/lib/oakum /var/cache/apt/archives; do
          grep -qs " $place tmpfs" /proc/mounts && umount "$place"
        done
        true
        """,
    ),
    "conffile": Trouble(
        "the administrator changed a configuration file of a package",
        """grep -qs 'changed by the administrator' "$1" ||
           printf '\\n# changed by the administrator\\n' >>"$1" """,
        "sed -i '/# changed by the administrator/d' \"$1\"",
    ),
    "hold": Trouble(
        "the administrator holds a package at its version",
        'apt-mark hold "$2"',
        'apt-mark unhold "$2"',
    ),
    "sshd": Trouble(
        "its sshd does not answer",
        """
        if [ -d /run/systemd/system ]; then systemctl stop --no-block ssh.service ssh.socket
        else pkill -o -f 'sshd: /usr/sbin/sshd|/usr/sbin/sshd -D'; fi
        """,
        "",
    ),
}
"""A stopped sshd is mended by booting the host anew: nobody can log in to start it."""

CONFFILES = {role.name: role.broken_by_conffile for role in ROLES}
HELD = {"web": "nginx-common", "db": "postgresql-15", "plain": "openssl"}


@dataclass(frozen=True, slots=True)
class Breaker:
    """Breaks and mends lab hosts over SSH."""

    transport: Transport
    identity_file: str

    async def run(self, kind: str, machine: Machine, *, mend: bool) -> str:
        """Make or mend a kind of trouble; return what it is."""
        if kind not in TROUBLES:
            raise InputError(
                f"{kind!r} is no kind of trouble", hint=f"there are: {', '.join(TROUBLES)}"
            )
        trouble = TROUBLES[kind]
        role = machine.name.rpartition("-")[0]
        async with self.transport.connect(lab_host(machine, self.identity_file)) as session:
            script = trouble.mend if mend else trouble.make
            arguments = (CONFFILES.get(role, ""), HELD.get(role, ""))
            result = await session.run(script, *arguments, timeout_seconds=SECONDS)
        if result.exit_status != 0:
            said = one_line(result.stderr.decode(errors="replace"))
            raise HostError(f"{machine.name} could not be changed: {said}")
        return trouble.what


def lab_host(machine: Machine, identity_file: str) -> Host:
    """Return a machine as a host that can be connected to."""
    return Host(
        id=HostId(machine.name),
        name=machine.name,
        address=machine.address,
        port=machine.port,
        user="root",
        host_key=machine.host_key,
        added_at=datetime(1970, 1, 1, tzinfo=UTC),
        identity_file=identity_file,
    )
