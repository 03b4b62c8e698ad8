"""The table of faults: what happens, where, how it ends there, and what is done about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from tests.lab.faults.archive import FaultyArchive
from tests.lab.faults.machine import FaultHost
from tests.lab.faults.points import (
    EVERYWHERE,
    SINCE_CHANGED,
    UNTIL_CHANGED,
    WITHOUT_DPKG,
    Point,
)

NOT_IN_HAND = "until [ -e /run/oak-fault/go ]; do sleep 0.02; done"
"""What the transaction does while a fault comes from outside of the host."""

NOT_STOPPED_IN_DPKG = (
    "! cut -f 2,3 /var/lib/oakum/transactions/*/journal | grep -A 1 '^install.started'"
    " | grep -q '^resume'"
)
"""An orderly shutdown waits until the packages are installed; the rest is done after it."""

UNTIL_ENDED = (
    "while systemctl list-units --plain --no-legend 'oakum-*.service'"
    " | grep -qv '^oakum-\\(deadman\\|watch\\)-'; do sleep 0.1; done"
)
"""Nobody ends it: it must come to its end by itself."""

LONG_ENOUGH = 1800
"""Seconds in which every case has ended: what watches over the host is there, and never fires."""


class End(Enum):
    """How a case may end."""

    HEALTHY = "healthy"
    REFUSED = "refused"
    """Nothing was changed; the reason and the next step are said."""
    PUT_BACK = "put back"
    """It failed, put every package back by itself, and said why."""
    FAILED = "failed"
    """It failed and said why; rolled back after the fault was mended."""
    BY_ITSELF = "went back by itself"
    """Nobody could confirm it: the host rolled back alone, and the controller found it done."""


class Extra(Enum):
    """What a plan changes beside the tiny packages."""

    NOTHING = "nothing"
    KERNEL = "a package with a file in /boot"
    SSHD = "the real openssh-server"
    LIBC = "the real libc6"


Outside = Callable[[FaultHost, FaultyArchive], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault."""

    name: str
    what: str
    cause: str = ""
    """What the reason of an end that is not healthy must match: the true cause."""
    next_step: str = ""
    """And what it must say to do about it."""
    inject: str = ""
    """A shell script that makes it inside the host, as root; it may find that it has no effect."""
    outside: Outside | None = None
    """What makes it from outside, while the transaction is stopped at its point."""
    mend: str = ""
    """A shell script that takes it away again; it may be repeated."""
    keeps: str = ""
    """A shell command that must succeed after a healthy end, before the fault is mended."""
    wrong: Mapping[Point, str] = field(default_factory=dict)
    """What the reason must not say after a fault at a point, as it is no longer true."""
    points: tuple[Point, ...] = EVERYWHERE
    extra: Extra = Extra.NOTHING
    may_reboot: bool = False
    """Whether the plan reboots a host that needs it."""
    waits_seconds: int = LONG_ENOUGH
    """How long the host waits to be confirmed before it goes back by itself."""
    hurries: bool = False
    """Whether the controller's patience runs out sooner, as the host will not answer."""
    hangs: bool = False
    """Whether the transaction does not end by itself, and is given up by the fast clock."""


def _cut_power(host: FaultHost, _: FaultyArchive) -> None:
    host.host.cut_power()
    if not host.stays_down:
        host.boot()


def _lose(host: FaultHost, archive: FaultyArchive) -> None:
    host.stay_down()
    _cut_power(host, archive)


def _fill(place: str) -> str:
    return (
        f"fallocate -l $(df -P -B1 {place} | awk 'END {{ print $4 }}') {place}/fill\n"
        f"cat /dev/zero >>{place}/fill"
    )


def _own(script: str) -> str:
    """Run a script in a unit of its own: it outlives the transaction that it is injected into."""
    return f"systemd-run -q --collect --unit=oak-fault-$$ sh -c '{script}' </dev/null"


def _lock(seconds: int) -> str:
    perl = _own(f"exec perl /usr/lib/oak/lock.pl {seconds}")
    wait = "n=0; until [ -e /run/oak-fault/locked ] || [ $n = 20 ]; do n=$((n+1)); sleep 0.02; done"
    return f"{perl}\n{wait}"


LOST_UNTIL_BACK = """
until dpkg -s oak-library | grep -qx "Version: 1.1"; do sleep 0.1; done
systemctl stop ssh; pkill -x sshd
until dpkg -s oak-library | grep -qx "Version: 1.0"; do sleep 0.1; done
systemctl start ssh
"""
"""As when the new version breaks the network: nothing helps but going back."""


KINDS = (
    Kind(
        "lock",
        "another apt holds the lock and does not let go",
        r"lock.*(perl|held by process)",
        r"wait",
        inject=_lock(600),
        mend="systemctl stop 'oak-fault-*'",
    ),
    Kind(
        "short lock",
        "another apt holds the lock for a second",
        inject=_lock(1),
        mend="systemctl stop 'oak-fault-*'",
    ),
    Kind(
        "full /var",
        "/var has no byte left",
        r"No space left|[KM]B free|disk full",
        r"make room",
        inject=_fill("/var"),
        mend="rm -f /var/fill",
    ),
    Kind(
        "full /boot",
        "/boot has no byte left, and the plan brings a kernel",
        r"/boot.*(MB free|No space left)|No space left",
        r"make room",
        inject=_fill("/boot"),
        mend="rm -f /boot/fill",
        extra=Extra.KERNEL,
    ),
    Kind(
        "read-only root",
        "/ cannot be written any more; /var can",
        r"[Rr]ead-only",
        r"remount",
        inject="mount -o remount,bind,ro /",
        mend="mount -o remount,bind,rw /",
    ),
    Kind(
        "changed conffile",
        "the administrator edits a configuration file of a package",
        inject="echo mine >>/etc/oak/config",
        keeps="grep -q mine /etc/oak/config",
        mend="sed -i /mine/d /etc/oak/config",
    ),
    Kind(
        "hold",
        "the administrator holds a package of the plan",
        r"[Hh]eld",
        r"unhold",
        inject="apt-mark hold oak-library",
        mend="apt-mark unhold oak-library",
    ),
    Kind(
        "failing preinst",
        "a package of the plan refuses to be unpacked",
        r"oak-hooked.*pre-installation script",
        r"another version|leave it out",
        inject=": >/run/oak-fault/fail-preinst",
        mend="rm -f /run/oak-fault/fail-preinst",
    ),
    Kind(
        "failing postinst",
        "a package of the plan cannot be configured",
        r"oak-hooked.*post-installation script",
        r"another version|leave it out",
        inject=": >/run/oak-fault/fail-postinst",
        mend="rm -f /run/oak-fault/fail-postinst",
    ),
    Kind(
        "half-installed",
        "another package is left half-installed by somebody else",
        r"oak-half",
        r"dpkg --configure -a",
        inject=": >/var/lib/oak-half-fails; dpkg -i /usr/lib/oak/half.deb",
        mend="rm -f /var/lib/oak-half-fails; dpkg --configure -a; dpkg --purge oak-half",
        points=WITHOUT_DPKG,
    ),
    Kind("power cut", "the whole host is killed, and boots again", outside=_cut_power),
    Kind(
        "ssh cut",
        "every connection is cut and sshd is away for a second",
        inject=_own("systemctl stop ssh; pkill -x sshd; sleep 1; systemctl start ssh"),
        mend="systemctl start ssh",
    ),
    Kind(
        "connection lost",
        "no connection is possible with the new version any more",
        r"put back by the host itself: no controller confirmed within",
        inject=_own(LOST_UNTIL_BACK),
        mend="systemctl stop 'oak-fault-*'; systemctl start ssh",
        points=SINCE_CHANGED,
        waits_seconds=6,
    ),
    Kind(
        "sshd upgraded",
        "the plan upgrades the openssh-server that we came by, and the connection is cut",
        inject=_own("pkill -x sshd; sleep 0.3; systemctl start ssh"),
        mend="systemctl start ssh",
        extra=Extra.SSHD,
        points=SINCE_CHANGED,
    ),
    Kind(
        "libc upgraded",
        "the plan upgrades the libc of every process, and the host is killed and boots",
        outside=_cut_power,
        wrong={Point.SELF_CHECK: "reboot"},
        extra=Extra.LIBC,
        points=SINCE_CHANGED,
    ),
    Kind(
        "broken DNS",
        "the snapshot's name cannot be resolved any more",
        r"[Rr]esolv",
        r"name resolution|DNS",
        inject="sed 's/ snapshot.lab//' /etc/hosts >/run/hosts && cat /run/hosts >/etc/hosts",
        mend="echo 127.0.0.1 localhost snapshot.lab >/etc/hosts",
    ),
    Kind(
        "clock behind",
        "the host's clock is a day behind the snapshot's signature",
        r"not valid yet",
        r"clock",
        outside=lambda _, archive: archive.misdate(-24),
    ),
    Kind(
        "clock ahead",
        "the host's clock says that the snapshot's signature has expired",
        r"expired",
        r"clock",
        outside=lambda _, archive: archive.misdate(24),
    ),
    Kind(
        "rebooted",
        "somebody reboots the host in an orderly way",
        inject="systemctl reboot --no-block",
        keeps=NOT_STOPPED_IN_DPKG,
    ),
    Kind(
        "never back",
        "the host goes down and does not come back",
        r"unreachable for \d+ minutes",
        r"is it up",
        outside=_lose,
        hurries=True,
    ),
    Kind(
        "reboot never back",
        "the plan reboots the host, which does not come back",
        r"unreachable for \d+ minutes",
        r"is it up",
        outside=lambda host, _: host.stay_down(),
        points=(Point.INSTALL, Point.RESTARTS),
        extra=Extra.LIBC,
        may_reboot=True,
        hurries=True,
    ),
    Kind(
        "reboot never comes",
        "the plan reboots the host, which stays as it is",
        r"told to reboot \d+ minutes ago and still up",
        r"systemctl list-jobs",
        inject="systemctl mask --runtime reboot.target",
        mend="systemctl unmask --runtime reboot.target",
        points=(Point.INSTALL, Point.RESTARTS),
        extra=Extra.LIBC,
        may_reboot=True,
        hurries=True,
    ),
    Kind(
        "repository off",
        "the snapshot cannot be reached any more",
        r"snapshot.lab|Failed to fetch",
        r"reach",
        outside=lambda _, archive: archive.switch_off(),
    ),
    Kind(
        "altered package",
        "a package in the pool has other bytes than its index says",
        r"Hash Sum mismatch|sha256 differs",
        r"verify the snapshot",
        outside=lambda _, archive: archive.alter(),
    ),
    Kind(
        "replaced package",
        "a package has other bytes than approved, under a good signature",
        r"sha256 differs|Hash Sum mismatch|[Uu]nexpected size",
        r"verify the snapshot",
        outside=lambda _, archive: archive.replace_package(),
    ),
    Kind(
        "dpkg killed",
        "the kernel kills dpkg, as it does when memory runs out",
        r"exited unexpectedly|received signal",
        r"dmesg",
        inject="pkill -9 -x dpkg; true",
        points=(Point.INSTALL, Point.UNPACK, Point.CONFIGURE),
    ),
    Kind(
        "transaction killed",
        "the transaction's own unit is killed with all that it started",
        inject=_own('systemctl kill --signal=KILL "oakum-*.service"'),
        points=tuple(p for p in EVERYWHERE if p.is_in_host),
    ),
    Kind(
        "hung",
        "the transaction, or a script of a package inside dpkg, waits for what does not come",
        r"no end after \d+ minutes, at ",
        r"systemctl status oakum-\S+, let it end, then roll back",
        inject="until [ -e /run/oak-fault/comes ]; do sleep 0.1; done",
        mend=f"touch /run/oak-fault/comes\n{UNTIL_ENDED}\nrm -f /run/oak-fault/comes",
        points=(Point.DOWNLOAD, Point.INSTALL, Point.UNPACK, Point.CONFIGURE),
        hurries=True,
        hangs=True,
    ),
    Kind(
        "daily work",
        "apt's own daily work is under way and does not end",
        r"apt's daily work .* has not ended",
        r"wait for it",
        inject=_own("flock /var/lib/apt/daily_lock sleep 600") + "\nsleep 0.3",
        mend="systemctl stop 'oak-fault-*'",
    ),
)
BY_NAME = {kind.name: kind for kind in KINDS}


def may_end(kind: Kind, point: Point) -> frozenset[End]:
    """Return how a case may end: by its kind, and by whether anything was changed before."""
    if not kind.cause:
        return frozenset({End.HEALTHY})
    if kind.waits_seconds < LONG_ENOUGH:
        return frozenset({End.BY_ITSELF})
    if point in UNTIL_CHANGED:
        return frozenset({End.REFUSED, End.PUT_BACK, End.FAILED, End.HEALTHY})
    return frozenset({End.PUT_BACK, End.FAILED, End.HEALTHY})
