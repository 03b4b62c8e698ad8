"""Make real trouble on a lab host, and mend it again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from oakum.core.errors import HostError, InputError, UnreachableError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Host
from oakum.core.staging.lab import ROLES
from oakum.core.text import one_line
from oakum.ports.machines import Machine, MachineState
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


LOCK = """
        holds_lock() {
          [ -s /run/oakum-lab-lock ] && perl -e 'use Fcntl;
            open(my $file, "<", "/var/lib/dpkg/lock-frontend") or die "$!\\n";
            my $lock = pack("s s x![q] q q l x![q]", F_WRLCK, 0, 0, 0, 0);
            fcntl($file, F_GETLK, $lock) or die "$!\\n";
            print((unpack("s s x![q] q q l", $lock))[4]);' | cmp -s - /run/oakum-lab-lock
        }
"""
"""Asks the lock itself: after a crash our number may be that of another process."""

TROUBLES: Mapping[str, Trouble] = {
    "apt-lock": Trouble(
        "another process holds apt's lock, as apt itself would",
        f"""{LOCK}
        holds_lock && exit 0
        rm -f /run/oakum-lab-lock
        setsid perl -e 'use Fcntl;
          $0 = "oakum-lab-lock";
          open(my $file, ">", "/var/lib/dpkg/lock-frontend") or die "$!\\n";
          my $lock = pack("s s x![q] q q l x![q]", F_WRLCK, 0, 0, 0, 0);  # fcntl writes to it
          fcntl($file, F_SETLK, $lock) or die "another process holds it: $!\\n";
          open(my $note, ">", "/run/oakum-lab-lock.new") or die "$!\\n";
          print $note $$;
          close($note);
          rename("/run/oakum-lab-lock.new", "/run/oakum-lab-lock") or die "$!\\n";
          open(STDERR, ">", "/dev/null");
          sleep' </dev/null >/dev/null &
        holder=$!
        until holds_lock; do
          kill -0 "$holder" 2>/dev/null || exit 1  # it has said why
          sleep 0.1
        done
        """,
        f"""{LOCK}
        while holds_lock; do
          kill "$(cat /run/oakum-lab-lock)"
          sleep 0.1
        done
        rm -f /run/oakum-lab-lock
        """,
    ),
    "full-disk": Trouble(
        "no room for downloads and transactions",
        """
        for place in /var/lib/oakum /var/cache/apt/archives; do
          mkdir -p "$place" || exit
          grep -qs " $place tmpfs " /proc/mounts ||
            mount -t tmpfs -o size=64k tmpfs "$place" || exit
          dd if=/dev/zero of="$place/full" bs=4k 2>/dev/null
          [ "$(df -P "$place" | awk 'END { print $4 }')" = 0 ] || exit
        done
        """,
        """
        for place in /var/lib/oakum /var/cache/apt/archives; do
          while grep -qs " $place tmpfs " /proc/mounts; do umount -l "$place" || exit; done
        done
        """,
    ),
    "conffile": Trouble(
        "the administrator changed a configuration file of a package",
        """grep -qs '^# changed by the administrator$' "$1" ||
           echo '# changed by the administrator' >>"$1" """,
        "sed -i '/^# changed by the administrator$/d' \"$1\"",
    ),
    "hold": Trouble(
        "the administrator holds a package at its version",
        'apt-mark hold "$2"',
        'apt-mark unhold "$2"',
    ),
    "sshd": Trouble(
        "its sshd does not answer",
        """
        if [ -d /run/systemd/system ]; then systemctl stop ssh.socket ssh.service
        else kill "$(cat /run/sshd.pid)"; fi
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
        if machine.state is MachineState.STOPPED:
            raise HostError(
                f"{machine.name} does not run", hint=f"boot it: oakum lab start {machine.name}"
            )
        trouble = TROUBLES[kind]
        role = machine.name.rpartition("-")[0]
        script = trouble.mend if mend else trouble.make
        arguments = (CONFFILES.get(role, ""), HELD.get(role, ""))
        try:
            async with self.transport.connect(lab_host(machine, self.identity_file)) as session:
                result = await session.run(script, *arguments, timeout_seconds=SECONDS)
        except UnreachableError:
            if kind != "sshd":
                raise
            return trouble.what  # it does not answer already
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
