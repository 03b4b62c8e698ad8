"""Vital signs: what a host needs to be reached and to reach others, before and after a change.

Nobody declares them. A host without a route or without names looks well to a package manager.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from oakum.core.text import counted, first_of, is_plain

CORE_UNITS = (
    "ssh.service", "sshd.service", "ssh.socket", "sshd.socket",
    "systemd-networkd.service", "systemd-resolved.service", "NetworkManager.service",
    "networking.service", "dbus.service", "dbus-broker.service", "systemd-logind.service",
    "systemd-journald.service", "systemd-udevd.service",
)  # fmt: skip
"""What every service stands on, where it is there."""
RUNS = frozenset({"active", "reloading", "refreshing"})
DOWN = frozenset({"failed", "auto-restart", "gone"})
"""States that no unit is in for good reasons; `auto-restart` is one that crashes all the time."""
EPOCH = re.compile(r"[0-9]{1,11}")
UNIT_COLUMNS = 4
ENABLED = "enabled"
TO_NAMESERVER = "the nameserver "
"""How a way to one is said."""
FEW_RULES = 10
NAMED = 4


@dataclass(frozen=True, slots=True)
class VitalQuestions:
    """What a host is asked for beside what it uses itself."""

    names: tuple[str, ...] = ()
    """That it must be able to resolve; it adds its own and those of its archives."""
    units: tuple[str, ...] = ()
    """That must run, beside CORE_UNITS."""
    packages: tuple[str, ...] = ()
    """Whose units must run as before."""


NOTHING_DECLARED = VitalQuestions()


@dataclass(frozen=True, slots=True)
class UnitSeen:
    """A critical unit that the host has."""

    name: str
    state: str
    """systemd's active state; `auto-restart` and `gone` in the place of what they look like."""
    is_enabled: bool = False
    """Whether it is there to run all the time; others come and go."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """What was seen of a host at one moment."""

    clock: datetime | None = None
    """The host's own, in UTC."""
    resolved: tuple[str, ...] = ()
    """Names that it could resolve."""
    nameservers: tuple[str, ...] = ()
    ways: tuple[str, ...] = ()
    """Where it knows a way to, in words; nothing is sent there."""
    rules: tuple[str, ...] | None = None
    """Routing rules that the kernel did not make; None without `ip`, which alone shows them."""
    units: tuple[UnitSeen, ...] | None = None
    """None without systemd."""
    failed_units: tuple[str, ...] = ()


def again(questions: VitalQuestions, before: Vitals) -> VitalQuestions:
    """Return what to ask after a change: all that answered before, whatever was renamed since."""
    units = (unit.name for unit in before.units or ())
    return VitalQuestions(
        tuple(dict.fromkeys((*before.resolved, *questions.names))),
        tuple(dict.fromkeys((*questions.units, *units))),
        questions.packages,
    )


def from_lines(lines: Iterable[str]) -> Vitals:
    """Read vital signs from lines of a kind, a tab and a value; other lines say nothing."""
    told = [tuple(line.split("\t")) for line in lines if is_plain(line.replace("\t", ""))]
    topics = {line[0] for line in told if line[1:] == ("told",)}
    return Vitals(
        clock=_clock(_values(told, "clock")),
        resolved=tuple(sorted(_values(told, "name"))),
        nameservers=_values(told, "nameserver"),
        ways=_values(told, "way"),
        rules=_values(told, "rule") if "rules" in topics else None,
        units=tuple(unit for line in told if (unit := _unit(line))) if "units" in topics else None,
        failed_units=_values(told, "failed"),
    )


def to_text(vitals: Vitals) -> str:
    """Return what has to be kept of them, in one text: a rollout has as many as it has hosts.

    The clock and units that do not run are not held against anything later.
    """
    running = [unit for unit in vitals.units or () if unit.state in RUNS]
    lines = [
        *(("name", name) for name in vitals.resolved),
        *(("nameserver", server) for server in vitals.nameservers),
        *(("way", way) for way in vitals.ways),
        *(("rule", rule) for rule in vitals.rules or ()),
        *(("unit", unit.name, unit.state, ENABLED if unit.is_enabled else "") for unit in running),
        *(("failed", unit) for unit in vitals.failed_units),
        *((("rules", "told"),) if vitals.rules is not None else ()),
        *((("units", "told"),) if vitals.units is not None else ()),
    ]
    return "\n".join("\t".join(line) for line in lines)


def _values(lines: Sequence[tuple[str, ...]], kind: str) -> tuple[str, ...]:
    """Return what lines of a kind say, each once."""
    return tuple(dict.fromkeys(line[1] for line in lines if line[0] == kind and len(line) > 1))


def _clock(values: tuple[str, ...]) -> datetime | None:
    if len(values) != 1 or not EPOCH.fullmatch(values[0]):
        return None
    return datetime.fromtimestamp(int(values[0]), UTC)


def _unit(line: tuple[str, ...]) -> UnitSeen | None:
    if line[0] != "unit" or len(line) != UNIT_COLUMNS:
        return None
    return UnitSeen(line[1], line[2], is_enabled=line[3] == ENABLED)


@dataclass(frozen=True, slots=True)
class Losses:
    """What was there before a change and is not there after it."""

    names: tuple[str, ...] = ()
    ways: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    """With their states."""
    untold: tuple[str, ...] = ()
    """What could be told before and cannot any more: no evidence is not good evidence."""
    notes: tuple[str, ...] = ()
    """What is different and is no loss."""

    def in_words(self) -> tuple[str, ...]:
        """Return a part of a line for each loss; nothing when nothing was lost."""
        found = (
            ("cannot be resolved any more", self.names, "/etc/resolv.conf and DNS"),
            ("no way any more to", self.ways, "ip route"),
            ("routing rules are gone", self.rules, "ip rule"),
            ("critical units do not run any more", self.units, "systemctl status"),
        )
        return (
            *(
                f"{what}: {first_of(lost, NAMED)} (look at {at})"
                for what, lost, at in found
                if lost
            ),
            *self.untold,
        )


def losses(before: Vitals | None, after: Vitals, declared: Collection[str] = ()) -> Losses:
    """Hold what is seen now against what was there before; what was broken then is no loss.

    `declared` are units that must run even though nothing enables them.
    """
    if before is None:
        return Losses()
    told = before.rules is None or after.rules is not None
    units_told = before.units is None or after.units is not None
    return Losses(
        names=_lost_names(before, after),
        ways=_lost_ways(before, after) if told else (),
        rules=_lost_rules(before.rules or (), after.rules or ()) if told else (),
        units=_lost_units(before, after, {*CORE_UNITS, *declared}) if units_told else (),
        untold=(
            *(() if told else ("routes cannot be told any more: there is no `ip` there now",)),
            *(() if units_told else ("units cannot be told any more: systemd does not answer",)),
        ),
        notes=_notes(before, after),
    )


def clock_problem(host: datetime | None, now: datetime, tolerance: timedelta) -> str:
    """Say how wrong a host's clock is and what to do; nothing when it is right enough.

    Signatures, certificates and maintenance windows are judged by it.
    """
    if host is None or abs(host - now) <= tolerance:
        return ""
    minutes = round(abs(host - now).total_seconds() / 60)
    side = "ahead" if host > now else "behind"
    return (
        f"its clock says {host:%Y-%m-%d %H:%M} UTC and it is {now:%Y-%m-%d %H:%M} UTC here, "
        f"{counted(minutes, 'minute')} {side}; set it (timedatectl set-ntp true), then plan again"
    )


def _lost_names(before: Vitals, after: Vitals) -> tuple[str, ...]:
    lost = _missing(before.resolved, after.resolved)
    if before.nameservers and not after.nameservers:
        return (*lost, "anything: no nameserver is configured")
    return lost


def _lost_ways(before: Vitals, after: Vitals) -> tuple[str, ...]:
    """Return ways that are gone; nobody needs one to a nameserver that is no longer asked."""
    unasked = {f"{TO_NAMESERVER}{server}" for server in before.nameservers} - {
        f"{TO_NAMESERVER}{server}" for server in after.nameservers
    }
    return tuple(way for way in _missing(before.ways, after.ways) if way not in unasked)


def _lost_rules(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[str, ...]:
    """Return rules that are gone.

    Hosts of containers have a rule for each of them, which come and go; there only a loss of most
    means that somebody flushed them.
    """
    lost = _missing(before, after)
    return () if len(before) > FEW_RULES and 2 * len(lost) <= len(before) else lost


def _lost_units(before: Vitals, after: Vitals, expected: Collection[str]) -> tuple[str, ...]:
    now = {unit.name: unit for unit in after.units or ()}
    found = []
    for unit in before.units or ():
        if unit.state not in RUNS:
            continue
        seen = now.get(unit.name, UnitSeen(unit.name, "gone"))
        stays = unit.is_enabled or unit.name in expected
        if seen.state in DOWN or (stays and seen.state == "inactive"):
            found.append(f"{unit.name} is {seen.state}")
    return tuple(found)


def _notes(before: Vitals, after: Vitals) -> tuple[str, ...]:
    found = []
    if after.nameservers and before.nameservers != after.nameservers:
        servers = ", ".join(after.nameservers)
        found.append(f"other nameservers than before: {servers}")
    if units := _missing(after.failed_units, before.failed_units):
        found.append(f"failed since, and not critical: {first_of(units, NAMED)}")
    return tuple(found)


def _missing(wanted: tuple[str, ...], there: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value for value in wanted if value not in set(there))
