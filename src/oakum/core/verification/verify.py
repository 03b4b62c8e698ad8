"""Is what was planned what runs now? On disk, in memory, booted: three different questions."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from oakum.core.inventory.facts import Facts, StaleProcess
from oakum.core.inventory.package import InstalledPackage
from oakum.core.planning.change import PackageChange
from oakum.core.rollout.state import HardSignal
from oakum.core.rollout.transaction import KeptConffile, TransactionState, TransactionStatus
from oakum.core.staging.check import Check, CheckKind, Comparison, Verdict
from oakum.core.staging.vitals import Losses
from oakum.core.text import counted, first_of

SESSION_UNITS = ("session-", "user@")
DAILY_WORK = frozenset({"apt-daily.service", "apt-daily-upgrade.service"})
"""What waited while a transaction worked: it goes on after it as it began, and ends by itself."""
KERNEL_IMAGE = "linux-image-"
FINISH = "run dpkg --configure -a"
NAMED_CONFFILES = 3


class Effect(Enum):
    """How far the change has got. Only EFFECTIVE closes a finding."""

    NOT_ON_DISK = "not on disk"
    EXPOSED_IN_MEMORY = "as planned on disk, old code in memory"
    AWAITING_REBOOT = "as planned on disk, awaiting reboot"
    UNKNOWN_IN_MEMORY = "as planned on disk, memory could not be read"
    EFFECTIVE = "effective"


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found when the plan was held against the host."""

    effect: Effect
    differences: tuple[str, ...]
    """What is not as planned; empty when the change did what it was to do."""
    pending: tuple[str, ...]
    """What will become effective later, and when: at a reboot, or when a session ends."""
    notes: tuple[str, ...] = ()
    """What people should know, though it is as planned."""

    @property
    def is_good(self) -> bool:
        """Tell whether nothing differs from the plan; what is pending was announced by it."""
        return not self.differences

    @property
    def detail(self) -> str:
        """Return one line for people."""
        if self.differences:
            return "; ".join(self.differences)
        return "; ".join((self.effect.value, *self.pending, *self.notes))


def verify(
    expected: tuple[PackageChange, ...],
    facts: Facts,
    status: TransactionStatus,
    *,
    boot_id_before: str = "",
    must_have_booted: bool = False,
    restarts_allowed: bool = True,
) -> Verification:
    """Hold the changes against facts that were collected after them, over a new session.

    `restarts_allowed` is false where the plan's policy restarts nothing: old code in memory is
    then expected, and said to be pending.
    """
    on_disk = (*_transaction_differences(status), *_package_differences(expected, facts))
    not_booted = _boot_differences(facts, boot_id_before) if must_have_booted else ()
    booted = must_have_booted and not not_booted
    kernel = _kernel_differences(expected, facts) if booted else ()
    reboot_reason = "" if booted else status.reboot_reason
    stale = tuple(process for process in facts.stale_processes if not _is_session(process))
    unexplained = tuple(
        process
        for process in stale
        if restarts_allowed
        and process.unit not in DAILY_WORK
        and not _awaits_reboot(process, reboot_reason)
    )
    return Verification(
        effect=_effect(on_disk, facts, reboot_reason or "; ".join((*not_booted, *kernel)), stale),
        differences=(
            *on_disk,
            *not_booted,
            *kernel,
            *_named_once(unexplained),
            *_blindness(facts),
        ),
        pending=_pending(facts, reboot_reason, restarts_allowed=restarts_allowed),
        notes=_kept_conffiles(status.kept),
    )


def hard_signals(
    facts: Facts, comparison: Comparison, checks: tuple[Check, ...], lost: Losses
) -> tuple[HardSignal, ...]:
    """Return what must stop a rollout on one host's word.

    A package that was left half-way; a unit that a check was declared for and that failed only
    after the change: whoever declares a check of a unit calls it critical; and lost vital signs.
    """
    found = []
    if any(package.is_half_way for package in facts.packages):
        found.append(HardSignal.BROKEN_PACKAGES)
    units = {check.name for check in checks if check.kind is CheckKind.UNIT}
    if any(r.verdict is Verdict.FAILED and r.check in units for r in comparison.broken):
        found.append(HardSignal.UNIT_FAILED)
    vital = (
        (HardSignal.NAMES_LOST, lost.names),
        (HardSignal.ROUTE_LOST, lost.ways),
        (HardSignal.RULES_LOST, lost.rules),
        (HardSignal.CRITICAL_UNIT, lost.units),
    )
    return (*found, *(signal for signal, what in vital if what))


def _kept_conffiles(kept: tuple[KeptConffile, ...]) -> tuple[str, ...]:
    if not kept:
        return ()
    files = [f"{k.path} ({counted(k.differing, 'line')})" for k in kept]
    named = first_of(files, NAMED_CONFFILES)
    return (f"kept as changed there, other than the new version: {named}",)


def _transaction_differences(status: TransactionStatus) -> tuple[str, ...]:
    found = []
    if status.state is not TransactionState.SUCCEEDED:
        found.append(f"the transaction {status.state.value}: {status.reason or status.step}")
    if status.starts > 1:
        found.append(f"the transaction was begun {status.starts} times")
    return tuple(found)


def _package_differences(expected: tuple[PackageChange, ...], facts: Facts) -> tuple[str, ...]:
    found = [difference for change in expected if (difference := _difference(change, facts))]
    planned = {change.name for change in expected}
    unfinished = [
        f"{package.key} is in state {package.status}: {FINISH}"
        for package in facts.packages
        if package.is_half_way and package.name not in planned
    ]
    return (*found, *unfinished)


def _difference(change: PackageChange, facts: Facts) -> str:
    package = _installed(change, facts)
    if not change.new_version:
        return "" if package is None else f"{change.key} {package.version} is still installed"
    if package is None:
        return f"{change.key} is not installed, planned was {change.new_version}"
    if package.version != change.new_version:
        return f"{change.key} is at {package.version}, planned was {change.new_version}"
    if not package.is_configured:
        return f"{change.key} {package.version} is in state {package.status}: {FINISH}"
    return ""


def _installed(change: PackageChange, facts: Facts) -> InstalledPackage | None:
    # A package may turn from `all` to an architecture and back between two versions.
    accepted = {change.architecture, "all"}
    if change.architecture == "all":
        accepted.add(facts.architecture)
    return next(
        (
            package
            for package in facts.packages
            if package.name == change.name
            and package.architecture in accepted
            and not package.is_gone
        ),
        None,
    )


def _boot_differences(facts: Facts, boot_id_before: str) -> tuple[str, ...]:
    if not facts.boot_id.strip("-"):
        return ("whether the host has booted anew is not known: it shows no boot id",)
    return ("the host has not booted anew",) if facts.boot_id == boot_id_before else ()


def _kernel_differences(expected: tuple[PackageChange, ...], facts: Facts) -> tuple[str, ...]:
    images = [
        change
        for change in expected
        if change.new_version and change.name.removeprefix(KERNEL_IMAGE)[:1].isdigit()
    ]
    if not images or facts.is_container:
        return ()
    if any(
        change.name == f"{KERNEL_IMAGE}{facts.kernel.release}"
        and change.new_version in facts.kernel.version
        for change in images
    ):
        return ()
    wanted = ", ".join(f"{change.name} {change.new_version}" for change in images)
    return (f"the booted kernel is {facts.kernel.release}, planned was {wanted}",)


def _is_session(process: StaleProcess) -> bool:
    # sshd's processes of a session live in the service's own group where there is no logind.
    is_login = process.command == "sshd" and process.unit in {"ssh.service", "ssh", ""}
    return process.unit.startswith(SESSION_UNITS) or is_login


def _awaits_reboot(process: StaleProcess, reboot_reason: str) -> bool:
    """Tell whether the host itself named this process as one that only a reboot renews."""
    owner = process.unit or f"process {process.command}"
    # As a whole name: that anacron.service waits for a reboot does not excuse cron.service.
    return re.search(rf"(?<![\w@.\\-]){re.escape(owner)}(?![\w@.\\-])", reboot_reason) is not None


def _named_once(processes: Iterable[StaleProcess]) -> tuple[str, ...]:
    """Name each process by the first old file that it maps: it often maps a dozen."""
    first: dict[int, StaleProcess] = {}
    for process in processes:
        first.setdefault(process.pid, process)
    return tuple(
        f"process {p.pid} ({p.command}, {p.unit or 'no unit'}) still maps old {p.path}: restart it"
        for p in first.values()
    )


def _effect(
    on_disk: tuple[str, ...], facts: Facts, reboot_reason: str, stale: tuple[StaleProcess, ...]
) -> Effect:
    if on_disk:
        return Effect.NOT_ON_DISK
    if reboot_reason:
        return Effect.AWAITING_REBOOT
    if stale:
        return Effect.EXPOSED_IN_MEMORY
    if not facts.saw_all_processes or facts.unread_processes:
        return Effect.UNKNOWN_IN_MEMORY
    return Effect.EFFECTIVE


def _blindness(facts: Facts) -> tuple[str, ...]:
    if facts.saw_all_processes:
        return ()
    return ("whether old code still runs is not known: the processes' memory could not be read",)


def _pending(facts: Facts, reboot_reason: str, *, restarts_allowed: bool) -> tuple[str, ...]:
    services = [process for process in facts.stale_processes if not _is_session(process)]
    sessions = {process.pid for process in facts.stale_processes if _is_session(process)}
    owners = sorted({process.unit or process.command for process in services})
    found = []
    if reboot_reason:
        found.append(f"effective after a reboot: {reboot_reason}")
    if owners and not restarts_allowed:
        found.append(f"the plan restarts nothing: {', '.join(owners)} still run old code")
    elif daily := sorted(DAILY_WORK.intersection(owners)):
        found.append(f"old code runs in {' and '.join(daily)} until that ends")
    if facts.unread_processes:
        names = ", ".join(facts.unread_processes)
        found.append(f"not known: what these run, whose memory cannot be read: {names}")
    if sessions:
        those = counted(len(sessions), "process of a login session", "processes of login sessions")
        found.append(f"old code runs in {those} until the session ends")
    return tuple(found)
