"""A plan as people read it before they give their word for it."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from oakum.core.ids import HostId
from oakum.core.inventory.host import Host
from oakum.core.planning.change import ChangeKind, PackageChange
from oakum.core.planning.clusters import SHOWN_DIFFERENCES
from oakum.core.planning.hook import SHELL, Command, Hook, UndoWhen
from oakum.core.planning.lane import LaneChoice, in_utc, shortened, shortened_gates
from oakum.core.planning.metric import Measurement
from oakum.core.planning.openings import HostOpenings
from oakum.core.planning.plan import (
    Group,
    GroupKind,
    HostClass,
    Plan,
    RebootPolicy,
)
from oakum.core.planning.prediction import predict
from oakum.core.rollback.classes import goes_back_alone
from oakum.core.rollback.restore_point import RestorePointKind, kinds_for
from oakum.core.staging.rehearsal import Rehearsal
from oakum.core.text import counted, seconds_in_words
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.words import short
from oakum.ports.stores import Approval

SIGNS = {
    ChangeKind.UPGRADE: "~",
    ChangeKind.DOWNGRADE: "v",
    ChangeKind.INSTALL: "+",
    ChangeKind.REMOVE: "-",
}
COLOURS = {
    ChangeKind.UPGRADE: "yellow",
    ChangeKind.DOWNGRADE: "magenta",
    ChangeKind.INSTALL: "green",
    ChangeKind.REMOVE: "red",
}
PER_MILLE = 10_000
SHOWN_REASONS = 8
SHOWN_OPENINGS = 3
SHOWN_CLUSTERS = 20


def show_plan(
    plan: Plan,
    rehearsals: Sequence[Rehearsal],
    approvals: Sequence[Approval],
    names: Mapping[HostId, str],
    now: datetime,
) -> None:
    """Print a plan and its evidence; hosts by name, those that were removed since by their id."""
    output.show(f"{plan.id}  {plan.title}", "bold")
    output.show(f"  digest     {plan.digest}")
    output.show(f"  snapshot   {plan.snapshot}")
    output.show(f"  created    {plan.created_at:%Y-%m-%d %H:%M} UTC by {plan.created_by}")
    for host_class in plan.classes:
        _show_class(host_class, plan, names)
    output.show()
    _show_order(plan, names, now)
    _show_clusters(plan, names)
    _show_lane(plan, now)
    _show_way_back(plan)
    _show_effect(plan)
    for rehearsal in rehearsals:
        show_rehearsal(rehearsal, plan)
    for approval in approvals:
        _show_approval(approval, plan)


def show_guards(plan: Plan, hosts: Sequence[Host]) -> None:
    """Print which hosts of a plan obey signed orders only, and which whoever logs in."""
    asked: dict[str, list[str]] = {}
    for host in hosts:
        if host.id in plan.hosts:
            words = host.guard.in_words() if host.guard else "the controller's login"
            asked.setdefault(words, []).append(host.name)
    for words, names in sorted(asked.items()):
        output.show(f"  obey       {words}: {', '.join(sorted(names))}")


def _show_class(host_class: HostClass, plan: Plan, names: Mapping[HostId, str]) -> None:
    output.show()
    hosts = counted(len(host_class.hosts), "host")
    output.show(f"  {host_class.name}: {hosts}: {_named(host_class.hosts, names)}", "bold")
    for change in host_class.changes:
        output.show(f"    {_change_line(change)}", COLOURS[change.kind])
    for key, reason in host_class.kept_back:
        output.show(f"    = {key} stays: {reason}")
    for path in host_class.conffile_prompts:
        output.show(f"    ! {path} was changed by hand: it is kept, the new one comes beside it")
    if host_class.restarts:
        output.show(f"    restarts   {', '.join(host_class.restarts)}")
    if host_class.needs_reboot:
        done = "will reboot" if plan.reboot_policy is RebootPolicy.WHEN_NEEDED else "not done here"
        output.show(f"    reboot     {done}: {host_class.reboot_reason}")
    output.show(
        f"    download   {output.bytes_in_words(host_class.download_bytes)} a host; "
        f"disk {output.bytes_in_words(host_class.disk_bytes)}"
    )


def _change_line(change: PackageChange) -> str:
    old, new = change.old_version or "(new)", change.new_version or "(removed)"
    return (
        f"{SIGNS[change.kind]} {change.key}  {old} -> {new}  "
        f"[{change.rollback_class.value}] {change.source_name} {short(change.sha256)}".rstrip()
    )


def _named(hosts: Sequence[HostId], names: Mapping[HostId, str]) -> str:
    return ", ".join(names.get(host, host) for host in hosts)


def _show_order(plan: Plan, names: Mapping[HostId, str], now: datetime) -> None:
    for ring in plan.rings:
        hosts = _named(ring.hosts, names)
        soak = shortened(ring) or seconds_in_words(ring.soak_seconds)
        bears = "" if ring.max_failed is None else f"; bears {ring.max_failed} failed"
        output.show(f"  {ring.name:<10} {hosts}; soaks {soak}{bears}")
    for group in plan.groups:
        hosts = _named(group.hosts, names)
        output.show(f"  {group.kind.value:<10} {group.name}: {_limit(group)}: {hosts}")
    for hook in plan.hooks:
        _show_hook(hook, names)
    output.show(f"  budget     {plan.budget.in_words()}")
    output.show(f"  window     {plan.window.in_words()}")
    if plan.measurement is not None:
        _show_measurement(plan.measurement)
    for openings in plan.schedule:
        output.show(f"  {_openings(openings, names)}")
    output.show(f"  duration   about {seconds_in_words(plan.predicted_seconds)}")
    output.show(f"  done       {predict(plan, now).in_words()}, if it begins now")


def _show_measurement(measurement: Measurement) -> None:
    for metric in measurement.metrics:
        hosts = counted(len(metric.hosts), "host")
        output.show(f"  metric     {metric.in_words()}; of {hosts}")
    output.show(
        f"             read {counted(measurement.rounds_before, 'time')} before a ring is changed "
        f"and while it soaks, every {measurement.interval_seconds} s"
    )


def _show_clusters(plan: Plan, names: Mapping[HostId, str]) -> None:
    """Print the environments, with who of the first ring stands for each."""
    if not plan.clusters:
        return
    first = plan.rings[0].hosts
    uncovered = set(plan.uncovered)
    output.show(f"  clusters   {len(plan.clusters)}: environments that matter for these packages")
    for cluster in plan.clusters[:SHOWN_CLUSTERS]:
        if cluster not in uncovered:
            mine = set(cluster.hosts)
            canary = _named([host for host in first if host in mine][:1], names)
            words = f"{counted(len(cluster.hosts), 'host')}, {canary} first"
            output.show(f"    {words}: {cluster.in_words(SHOWN_DIFFERENCES)}")
    if (more := len(plan.clusters) - len(uncovered) - SHOWN_CLUSTERS) > 0:
        output.show(f"    and {more} more (--json)")
    for cluster in plan.uncovered:
        output.show(
            f"    ! {counted(len(cluster.hosts), 'host')}, none in {plan.rings[0].name}: "
            f"{cluster.in_words(SHOWN_DIFFERENCES)}",
            "yellow",
        )


def _show_lane(plan: Plan, now: datetime) -> None:
    choice = plan.lane
    if choice is None:
        return
    who = f"chosen by {choice.chosen_by}" if choice.chosen_by else "as it follows"
    output.show(f"  lane       {choice.lane.value}, {who}: {choice.reason}")
    ends = ", ".join(
        f"{end.lane.value} {'never' if end.ends_at is None else in_utc(end.ends_at)}"
        f"{'' if end.meets(choice.deadline) else ' (too late)'}"
        for end in choice.ends
    )
    output.show(f"  lanes      begun when it was made, done: {ends}")
    if choice.deadline is not None:
        output.show(f"  deadline   {choice.deadline.in_words()}")
    if choice.begin_by is not None:
        output.show(f"  begin by   {in_utc(choice.begin_by)} at the latest")
    for doubt in doubts_about(plan, now):
        output.show(f"    ! {doubt}", "yellow")


def doubts_about(plan: Plan, now: datetime) -> Iterator[str]:
    """Give what people should know of the order before they give their word for it."""
    for said in shortened_gates(plan.rings):
        yield f"the gate is shortened: {said}"
    if plan.uncovered:
        hosts = sum(len(cluster.hosts) for cluster in plan.uncovered)
        yield (
            f"residual risk: {counted(len(plan.uncovered), 'environment')} with "
            f"{counted(hosts, 'host')} not tried out in {plan.rings[0].name}"
        )
    if plan.lane is not None:
        yield from _doubts_about_time(plan, plan.lane, now)


def _doubts_about_time(plan: Plan, choice: LaneChoice, now: datetime) -> Iterator[str]:
    """Give why it would be late, or would not fit into its windows, and which lane would."""
    found, deadline = predict(plan, now), choice.deadline
    if found.ends_at is None:
        said = found.in_words()
    elif deadline is not None and found.ends_at > deadline.at:
        said = f"it would not be done by {in_utc(deadline.at)} if it begins now"
    else:
        return
    fitting = ", ".join(lane.value for lane in choice.fitting)
    yield f"{said}; lanes that fitted when it was made: {fitting or 'none'}"


def _show_hook(hook: Hook, names: Mapping[HostId, str]) -> None:
    output.show(f"  hook       {hook.name}: {hook.in_words()}: {_named(hook.hosts, names)}")
    output.show(f"    runs     {_command(hook.command)}")
    if hook.undo:
        when = "only when the host is well" if hook.undo_when is UndoWhen.WELL else "always"
        output.show(f"    undo     {when}: {_command(hook.undo)}")


def _command(command: Command) -> str:
    """Return the whole command: what is approved is shown; a script with its lines."""
    if command[: len(SHELL)] == SHELL:
        lines = command[-1].strip().split("\n")
        return "\n      ".join(("a script:", *lines))
    return shlex.join(command)


def _openings(bound: HostOpenings, names: Mapping[HostId, str]) -> str:
    """Return the first times at which hosts may begin, and how many more there are."""
    shown = ", ".join(
        f"{o.opens_at:%a %Y-%m-%d %H:%M} to {o.closes_at:%a %H:%M}"
        for o in bound.openings[:SHOWN_OPENINGS]
    )
    more = len(bound.openings) - SHOWN_OPENINGS
    rest = f" and {counted(more, 'more opening')}" if more > 0 else ""
    window = ", ".join(bound.windows) or "no freeze"
    return f"may begin  {window}: {shown} UTC{rest}: {_named(bound.hosts, names)}"


def _limit(group: Group) -> str:
    if group.kind is GroupKind.DOMAIN:
        return "never together with another domain"
    return f"at most {group.limit} at work or down at once"


def _show_way_back(plan: Plan) -> None:
    classes = ", ".join(found.value for found in plan.worst_rollback_classes())
    output.show(f"  way back   {plan.rollback_verdict.value} (rollback classes {classes})")
    for reason in plan.rollback_reasons[:SHOWN_REASONS]:
        output.show(f"    ! {reason}")
    if len(plan.rollback_reasons) > SHOWN_REASONS:
        output.show(f"    ! and {len(plan.rollback_reasons) - SHOWN_REASONS} more (--json)")
    output.show(f"  kept       {_restore_points(plan)}")
    output.show(f"  deadman    {_deadman(plan)}")


def _restore_points(plan: Plan) -> str:
    """Say what hosts keep to go back with."""
    snapshot = RestorePointKind.SNAPSHOT
    also = [c.name for c in plan.classes if snapshot in kinds_for(c.changes)]
    kept = "old packages, /etc, dpkg's database"
    if not also:
        return kept
    which = "" if len(also) == len(plan.classes) else f" ({', '.join(also)})"
    return f"{kept}; where the root is on btrfs or LVM, a snapshot{which}"


def _deadman(plan: Plan) -> str:
    """Say which hosts go back by themselves, and when."""
    if not plan.deadman_seconds:
        return "switched off: a host that cannot be reached any more stays as it is"
    alone = [c.name for c in plan.classes if goes_back_alone(c.changes)]
    others = [c.name for c in plan.classes if c.name not in alone]
    if not alone:
        return f"none: no class has a way back that is safe without a person ({', '.join(others)})"
    time = seconds_in_words(plan.deadman_seconds)
    line = f"a host that is not confirmed within {time} goes back by itself"
    return f"{line}; not {', '.join(others)}: no way back that is safe alone" if others else line


def _show_effect(plan: Plan) -> None:
    output.show(
        f"  fixes      {len(plan.fixes)} CVEs in their packages, "
        f"{plan.risk_removed_ppm / PER_MILLE:.1f} % of the risk that patching can remove"
    )


def show_rehearsal(rehearsal: Rehearsal, plan: Plan) -> None:
    """Print the verdict of a rehearsal, stage by stage."""
    output.show()
    stale = "" if rehearsal.plan_digest == plan.digest else " of ANOTHER digest: it does not count"
    seconds = round((rehearsal.finished_at - rehearsal.started_at).total_seconds())
    output.show(
        f"  rehearsal{stale}: {rehearsal.verdict.value}, "
        f"{rehearsal.finished_at:%Y-%m-%d %H:%M} UTC, {seconds_in_words(seconds)}",
        "bold",
    )
    for twin in rehearsal.twins:
        output.show(
            f"    {twin.host_class}: {twin.verdict.value}; twin of {twin.modelled_on}, "
            f"{twin.fidelity_ppm / PER_MILLE:.1f} % of its packages exactly alike"
        )
        for stage in twin.stages:
            output.show(
                f"      {stage.verdict.value:<8} {stage.stage.value} "
                f"({seconds_in_words(stage.seconds)}): {stage.detail}"
            )


def _show_approval(approval: Approval, plan: Plan) -> None:
    holds = "" if approval.digest == plan.digest else " for ANOTHER digest: it does not count"
    overrides = "; the rehearsal is overridden" if approval.overrides_rehearsal else ""
    overrides += "; uncovered environments are accepted" if approval.accepts_uncovered else ""
    reason = f": {approval.reason}" if approval.reason else ""
    signed = f"; signed by {approval.signature.key}" if approval.signature else ""
    output.show(
        f"  approved   by {approval.by}, {approval.at:%Y-%m-%d %H:%M} UTC{holds}{overrides}"
        f"{signed}{reason}"
    )
