"""Packages whose new version takes something vital from its host when it is configured.

The old version's postinst sets it right again, as a service does that is put back and restarted.
"""

from dataclasses import dataclass

from tests.lab.transactions.packages import PROGRAM, UNIT, UNIT_PATH
from tests.lab.transactions.small_archive import SmallPackage

from oakum.core.rollout.state import HardSignal

ROUTE = "ip route replace default via $(cat /etc/oak-gateway)"


@dataclass(frozen=True, slots=True)
class Breaker:
    """What one package breaks."""

    name: str
    breaks: str
    mends: str
    signals: frozenset[HardSignal]
    words: str
    """A pattern that the reason must match."""

    @property
    def old(self) -> SmallPackage:
        return SmallPackage(f"oak-{self.name}", "1.0", scripts={"postinst": self.mends})

    @property
    def new(self) -> SmallPackage:
        return SmallPackage(f"oak-{self.name}", "1.1", scripts={"postinst": self.breaks})


BREAKERS = (
    Breaker(
        "resolver",
        "echo 'nameserver 127.0.0.99' >/etc/resolv.conf",
        "cp /etc/oak-resolv.conf /etc/resolv.conf",
        frozenset({HardSignal.NAMES_LOST}),
        r"cannot be resolved any more: .*snapshot\.oak\.test",
    ),
    Breaker(
        "no-servers",
        ": >/etc/resolv.conf",
        "cp /etc/oak-resolv.conf /etc/resolv.conf",
        frozenset({HardSignal.NAMES_LOST}),
        r"no nameserver is configured",
    ),
    Breaker(
        "route",
        "ip route del default",
        ROUTE,
        frozenset({HardSignal.ROUTE_LOST}),
        r"no way any more to: a default route over IPv4",
    ),
    Breaker(
        "blackhole",
        "ip route del default; ip route add blackhole default",
        f"ip route del blackhole default || true; {ROUTE}",
        frozenset({HardSignal.ROUTE_LOST}),
        r"no way any more to: a default route over IPv4, what is far away over IPv4",
    ),
    Breaker(
        "rule",
        "ip rule del pref 100",
        "ip rule add pref 100 fwmark 1 lookup 7 2>/dev/null || true",
        frozenset({HardSignal.RULES_LOST}),
        r"routing rules are gone: IPv4 100: from all fwmark 0x1 lookup 7",
    ),
    Breaker(
        "networkd",
        "systemctl stop systemd-networkd.socket systemd-networkd.service",
        "systemctl start systemd-networkd.service",
        frozenset({HardSignal.CRITICAL_UNIT}),
        r"critical units do not run any more: systemd-networkd\.service is inactive",
    ),
)
"""The rule is of a kind that a restart of systemd-networkd once flushed on every host at once."""

service = SmallPackage(
    "oak-service",
    "1.0",
    {UNIT_PATH: UNIT},
    PROGRAM,
    {"postinst": "systemctl daemon-reload && systemctl start oak-service.service"},
)
service_dead = SmallPackage(
    "oak-service",
    "1.2",
    {UNIT_PATH: UNIT},
    PROGRAM,
    {"postinst": '[ "$1" != configure ] || systemctl kill -s KILL oak-service.service'},
)
