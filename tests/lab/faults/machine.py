"""A booted host that faults are injected into, and that is put back between cases."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.faults.packages import AT, INSTALLED
from tests.lab.faults.points import Point
from tests.lab.transactions.booted_host import ASKED_FOR_REBOOT, ThrowAwayHost
from tests.lab.transactions.small_archive import SmallArchive

from oakum.adapters.machines.addresses import SSH_PORT

FAULT = "run/oak-fault"
DEBS = "usr/lib/oak/debs"
BOOT_MB, VAR_MB = 320, 256
HOOK = """#!/bin/sh
# Does what is armed for the point $1, once; with a delay it does it later, beside the transaction.
F=/run/oak-fault
[ "$(cat $F/point 2>/dev/null)" = "$1" ] || exit 0
rm -f $F/point
: >$F/reached
[ -s $F/delay ] || exec sh $F/inject >>$F/log 2>&1 </dev/null
exec systemd-run -q --collect --no-block \\
  sh -c "sleep $(cat $F/delay); exec sh $F/inject" </dev/null
"""
SYNC = f"""#!/bin/sh
# The journal of a transaction is made durable line by line: there it can be stopped.
/usr/bin/sync "$@"
status=$?
case "$*" in
  "-d "*/journal)
    [ ! -s /run/oak-fault/point ] || {AT} "$(tail -n 1 "$2" | cut -f 2,3 | tr '\\t' ' ')" ;;
esac
exit $status
"""
LOCKER = """
use Fcntl;
open F, ">", "/var/lib/dpkg/lock-frontend" or die;
my $lock = pack("ssx4qqlx4", F_WRLCK, 0, 0, 0, 0);
fcntl F, F_SETLKW, $lock or die;
open D, ">", "/run/oak-fault/locked"; close D;
sleep $ARGV[0];
"""
PACKAGES = "dpkg-query -W -f '${db:Status-Abbrev}\\t${Package}\\t${Version}\\n'; apt-mark showauto"
FILES = (
    "cd / && find etc usr/share/oak boot -type f ! -name .pwd.lock ! -name ld.so.cache"
    " ! -name '.updated' ! -name fill ! -path etc/machine-id | sort | xargs md5sum"
)
TIMERS = "systemctl show -P ActiveState -P LoadState apt-daily.timer apt-daily-upgrade.timer"
WEDGED = """
dpkg --audit 2>&1
dpkg-query -W -f '${db:Status-Abbrev} ${Package}\\n' | grep -v '^[ihr][ci] '
ls /var/lib/dpkg/updates | grep '^[0-9]'
apt-get check 2>&1 | grep '^E:'
apt-get install -s bash 2>&1 | grep '^E:'
systemctl list-units --plain --no-legend --state=active,activating,deactivating 'oakum-*.service'
L=/var/lib/oakum/lock
[ ! -e $L ] || flock -n $L true || echo 'the lock of transactions is held'
systemctl is-active oak-service.service | grep -v '^active'
"""
RESET = """
rm -f /etc/oak/*
systemctl reset-failed
dpkg --configure -a --force-confnew
dpkg -i --force-downgrade --force-confmiss --force-confnew /usr/lib/oak/debs/*.deb
for name in oak-extra oak-half; do
  ! dpkg-query -W "$name" || dpkg --purge --force-depends "$name"
done
apt-mark auto oak-auto
rm -rf /var/lib/oakum /run/oak-fault
systemctl daemon-reload
systemctl restart oak-service.service
"""


@dataclass(frozen=True, slots=True)
class State:
    """What a host is like: its packages and marks, its files, the timers of its updaters."""

    packages: tuple[str, ...]
    files: tuple[str, ...]
    timers: str

    def difference(self, other: "State") -> str:
        """Say in a line what differs from another state; nothing when nothing does."""
        ours = {*self.packages, *self.files, self.timers}
        theirs = {*other.packages, *other.files, other.timers}
        return "; ".join(sorted(f"{line!r}" for line in ours ^ theirs)[:8])


@dataclass(slots=True)
class FaultHost:
    """One host: its /var and /boot are small file systems of their own, so that they can fill."""

    base: Path
    directory: Path
    address: str
    name: str
    inner: ThrowAwayHost | None = None
    boots: int = 0
    stays_down: bool = False
    """Whether somebody who reboots it will wait in vain."""
    mounts: list[Path] = field(default_factory=list)

    @property
    def host(self) -> ThrowAwayHost:
        assert self.inner is not None
        return self.inner

    @property
    def fault(self) -> Path:
        """Return the host's /run/oak-fault as it is seen from here."""
        return Path(f"/proc/{self.host._leader()}/root") / FAULT

    def make(self) -> None:
        """Lay it out anew over the base, and boot it."""
        self.close()
        for name, megabytes in (("var", VAR_MB), ("boot", BOOT_MB)):
            self._make_disk(name, megabytes)
        root = self.directory / "root"
        self._overlay(self.base, self.directory, root)
        self._overlay(self.base / "var", self.directory / "disk-var", root / "var")
        self._overlay(self.base / "boot", self.directory / "disk-boot", root / "boot")
        listen = f"Port {SSH_PORT}\nListenAddress {self.address}\nUseDNS no\n"
        (root / "etc/ssh/sshd_config.d/oak.conf").write_text(listen)
        self.inner = ThrowAwayHost(root)
        self.boot()

    def boot(self) -> None:
        """Boot it; the name says which boot, as two must not meet."""
        self.boots += 1
        self._wait_for_address()
        self.host.boot(f"{self.name}-{self.boots}")

    def _wait_for_address(self) -> None:
        """Wait until the sshd of the boot before is gone: all hosts share one network."""
        deadline = time.monotonic() + 20
        while True:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((self.address, SSH_PORT))
                except OSError:
                    assert time.monotonic() < deadline, f"{self.address} is never free"
                else:
                    return
            time.sleep(0.02)

    def keep_up(self) -> bool:
        """Boot it again when it went down for a reboot by itself; tell whether that was done."""
        container = self.host.container
        if self.stays_down or container is None or container.poll() != ASKED_FOR_REBOOT:
            return False
        self.boot()
        return True

    def stay_down(self) -> None:
        """Do not boot it again when it goes down."""
        self.stays_down = True

    @property
    def is_up(self) -> bool:
        container = self.host.container
        return container is not None and container.poll() is None

    def arm(self, point: Point, inject: str, delay_seconds: float) -> None:
        """Lay a fault in wait for a point of the transaction."""
        self.fault.mkdir(exist_ok=True)
        (self.fault / "inject").write_text(inject)
        (self.fault / "delay").write_text(f"{delay_seconds:.3f}" if delay_seconds else "")
        (self.fault / "point").write_text(point.value)

    def look(self) -> State:
        """Read what it is like."""
        said = self.host.try_shell(f"{PACKAGES}; echo =; {FILES}; echo =; {TIMERS}")
        packages, files, timers = said.split("=\n")
        return State(tuple(packages.splitlines()), tuple(files.splitlines()), timers)

    def wedged(self) -> str:
        """Return what is left of a transaction that would stop the next; nothing when well."""
        deadline = time.monotonic() + 5
        while (said := self.host.try_shell(WEDGED).strip()) and time.monotonic() < deadline:
            time.sleep(0.3)  # a unit that has said its result needs a moment to be collected
        return said

    def reset(self) -> None:
        """Put the tiny packages back; whether that was enough is seen by `look`."""
        self.host.try_shell(RESET)

    def close(self) -> None:
        """Take it down and remove it."""
        if self.inner is not None:
            self.inner.close()
            self.inner = None
        while self.mounts:
            _unmount(self.mounts[-1])
            self.mounts.pop()
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.directory)

    def _make_disk(self, name: str, megabytes: int) -> None:
        image, mount = self.directory / f"{name}.img", self.directory / f"disk-{name}"
        mount.mkdir(parents=True)
        with image.open("wb") as out:
            os.truncate(out.fileno(), megabytes * 1024 * 1024)
        _run("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=1", str(image))
        _run("mount", "-o", "loop", str(image), str(mount))
        self.mounts.append(mount)

    def _overlay(self, lower: Path, place: Path, root: Path) -> None:
        for part in (place / "upper", place / "work", root):
            part.mkdir(parents=True, exist_ok=True)
        layers = f"lowerdir={lower},upperdir={place / 'upper'},workdir={place / 'work'}"
        _run("mount", "-t", "overlay", "overlay", "-o", layers, str(root))
        self.mounts.append(root)


def furnish(base: Path, directory: Path, access_key: str) -> str:
    """Install the tiny packages and the hook into a tree; return the host key of its sshd."""
    archive = SmallArchive(directory / "build")
    archive.add(*INSTALLED)
    debs = base / DEBS
    debs.mkdir(parents=True)
    for package in INSTALLED:
        shutil.copy(archive.path_of(package), debs)
    archive.close()
    for path, text in (
        (AT, HOOK),
        ("usr/sbin/sync", SYNC),
        ("usr/lib/oak/lock.pl", LOCKER),
    ):
        file = base / path.lstrip("/")
        file.write_text(text)
        file.chmod(0o755)
    # A first boot would enable whatever is installed, ssh.socket too.
    (base / "etc/machine-id").write_text(f"{uuid.uuid4().hex}\n")
    (base / "etc/hosts").write_text("127.0.0.1 localhost snapshot.lab\n")
    (base / "etc/resolv.conf").write_text("nameserver 127.0.0.99\noptions timeout:1 attempts:1\n")
    (base / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
    (base / "root/.ssh/authorized_keys").write_text(f"{access_key}\n")
    host = ThrowAwayHost(base, ("chroot", str(base)))
    host.shell(f"dpkg -i /{DEBS}/*.deb && apt-mark auto oak-auto")
    host.shell("systemctl mask ssh.socket; systemctl enable oak-service.service ssh.service")
    host.shell(
        "rm -f /etc/ssh/ssh_host_* && "
        "ssh-keygen -q -t ed25519 -N '' -C '' -f /etc/ssh/ssh_host_ed25519_key"
    )
    return (base / "etc/ssh/ssh_host_ed25519_key.pub").read_text().strip()


def _unmount(place: Path) -> None:
    """Unmount it; what was killed a moment ago may still hold it."""
    deadline = time.monotonic() + 10
    while place.is_mount():
        done = subprocess.run(["umount", "-R", str(place)], capture_output=True, check=False)
        assert done.returncode == 0 or time.monotonic() < deadline, done.stderr.decode()
        time.sleep(0.05)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr.decode()}"
