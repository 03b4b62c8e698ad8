"""oakum explain: why Oakum says what it says of a CVE on a host, from advisory to verification."""

from collections.abc import Iterator
from typing import Annotated

import typer

from oakum.core.advisories.cve import parse_cve
from oakum.core.advisories.signals import CveSignals
from oakum.core.advisories.statement import VendorStatement
from oakum.core.audit.event import Action, AuditEvent
from oakum.core.planning.plan import Plan
from oakum.core.staging.rehearsal import Rehearsal
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import application
from oakum.entrypoints.cli.words import age_lines, short
from oakum.ports.stores import Approval
from oakum.services.explain_finding import Explanation, PlanForHost, RunOfHost, explain_finding

SHOWN_PROCESSES = 5


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    cve: Annotated[str, typer.Argument(help="CVE-2024-6387")],
    host: Annotated[str, typer.Argument(help="A host's name.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the whole chain of evidence for one CVE on one host."""
    wanted, chosen = parse_cve(cve), application()
    with chosen.reading() as work:
        found = explain_finding(wanted, host, chosen.assessor, work)
    if json:
        output.print_json(found)
        return
    output.show(f"{wanted} on {found.host.name}", "bold")
    for name, lines in (
        ("advisory", _advisory(found)),
        ("signals", _signals(found.signals)),
        ("finding", _finding(found)),
        ("priority", _priority(found)),
    ):
        _section(name, list(lines))
    for plan in found.plans:
        if plan.approvals or plan.runs or plan is found.plans[-1]:
            _show_plan(plan)
        else:
            _section("plan", [f"{plan.plan.id}: never approved"])
    if not found.plans:
        _section("plan", ["none closes it yet"])
    for line in age_lines(found.feeds, chosen.declared.feed_limits(), chosen.clock.now()):
        output.say(line)


def _section(name: str, lines: list[str]) -> None:
    for number, line in enumerate(lines or ["nothing is known"]):
        output.show(f"  {name if number == 0 else '':<13} {line}")


def _advisory(found: Explanation) -> Iterator[str]:
    if found.facts is None:
        yield "the host was never scanned: nothing can be said"
        return
    release = found.facts.distribution.codename
    for statement in found.statements:
        fixed = f" in {statement.fixed_version}" if statement.fixed_version else ""
        yield (
            f"{statement.source} on {statement.source_name} in {release}: "
            f"{statement.status.value}{fixed}; {_details(statement)}"
            + ("" if statement in found.deciding else "; another source counts more")
        )
    if not found.statements:
        yield f"no vendor statement on any package of this host in {release or 'its release'}"


def _details(statement: VendorStatement) -> str:
    if statement.advisory:
        return f"{statement.advisory} of {statement.issued_on}"
    extra = f", {statement.no_dsa.value}" if statement.no_dsa.value else ""
    return f"urgency {statement.urgency.value}{extra}"


def _signals(signals: CveSignals | None) -> Iterator[str]:
    if signals is None:
        return
    if signals.summary:
        yield signals.summary
    if signals.kev is not None:
        ransom = ", used by ransomware" if signals.kev.is_used_by_ransomware else ""
        yield f"KEV: known to be exploited since {signals.kev.added_on}{ransom}"
    if signals.epss is not None:
        yield f"EPSS: {signals.epss.probability_ppm / 10_000:.2f} % within 30 days"
    if signals.cvss is not None:
        score = signals.cvss
        yield f"CVSS: {score.base_tenths / 10} by {score.source} ({score.vector})"
    if signals.ssvc is not None:
        points = signals.ssvc
        automatable = "yes" if points.automatable else "no"
        yield (
            f"SSVC: exploitation {points.exploitation.value}, automatable {automatable}, "
            f"technical impact {points.technical_impact.value}"
        )
    if signals.cwes:
        yield f"weakness: {', '.join(signals.cwes)}"


def _finding(found: Explanation) -> Iterator[str]:
    for at, finding in found.history:
        evidence = finding.evidence
        yield f"{at:%Y-%m-%d %H:%M} UTC: {finding.source_name}: {finding.state.value}"
        yield f"  {evidence.rule} ({evidence.feed} of {evidence.feed_as_of})"
    if found.history:
        last = found.history[-1][1].evidence
        yield f"  packages: {', '.join(last.packages)}"
        yield from (f"  {line}" for line in found.phasing)
        for process in last.processes[:SHOWN_PROCESSES]:
            yield f"  still runs the old file: {process}"
        return
    yield "none: no package of this host is named by a statement on this CVE"
    if found.coverage is not None:
        for what, why in found.coverage.unknown[:SHOWN_PROCESSES]:
            yield f"  not judged: {what}: {why}"


def _priority(found: Explanation) -> Iterator[str]:
    if found.assessment is None:
        return
    answer = found.assessment
    yield (f"lane {answer.lane.value} (SSVC, deployer); CISA's own table says {answer.cisa.value}")
    yield f"due {answer.due or 'at no date'} ({answer.deadline_row})"
    if answer.deadline_source:
        yield f"  by {answer.deadline_source}"
    yield (
        f"exploitation {answer.exploitation.value}; host exposure {found.host.exposure.value}, "
        f"criticality {found.host.criticality.value}"
    )
    if answer.counterfactual:
        yield answer.counterfactual


def _show_plan(found: PlanForHost) -> None:
    plan = found.plan
    lines = [f"{plan.id}, digest {plan.digest}, by {plan.created_by}"]
    lines += [
        f"  {change.key} {change.old_version or '(new)'} -> {change.new_version} {change.sha256}"
        for change in found.changes
    ]
    _section("plan", lines)
    upstream = [
        f"  {u.suite} of {u.date}, InRelease {short(u.in_release_sha256)}, "
        f"signed by {', '.join(key[-16:] for key in u.signed_by)}"
        for u in found.snapshot.manifest.upstream
    ]
    _section("snapshot", [str(found.snapshot.id), *upstream])
    rehearsals = [_rehearsal_line(rehearsal, plan) for rehearsal in found.rehearsals]
    approvals = [_approval_line(approval, plan) for approval in found.approvals]
    _section("rehearsal", rehearsals or ["not rehearsed yet"])
    _section("approval", approvals or ["not approved yet"])
    for done in found.runs:
        _section("transaction", list(_run_lines(done)))
        _section("verification", list(_verification_lines(done)))
    if not found.runs:
        _section("transaction", ["not rolled out yet"])


def _rehearsal_line(rehearsal: Rehearsal, plan: Plan) -> str:
    counts = "" if rehearsal.plan_digest == plan.digest else "; of ANOTHER digest"
    twins = ", ".join(f"{twin.host_class}: {twin.verdict.value}" for twin in rehearsal.twins)
    return (
        f"{rehearsal.verdict.value} at {rehearsal.finished_at:%Y-%m-%d %H:%M} UTC ({twins}){counts}"
    )


def _approval_line(approval: Approval, plan: Plan) -> str:
    counts = "" if approval.digest == plan.digest else "; for ANOTHER digest"
    overridden = "; the rehearsal was overridden" if approval.overrides_rehearsal else ""
    reason = f": {approval.reason}" if approval.reason else ""
    return f"by {approval.by} at {approval.at:%Y-%m-%d %H:%M} UTC{overridden}{counts}{reason}"


def _run_lines(done: RunOfHost) -> Iterator[str]:
    yield f"{done.run.transaction} in {done.rollout.id} ({done.rollout.phase.value})"
    for event in done.events:
        if event.action is Action.HOST_RUN_CHANGED:
            yield f"  {event.at:%H:%M:%S} {_detail(event, 'to')}: {_detail(event, 'reason')}"


def _verification_lines(done: RunOfHost) -> Iterator[str]:
    for event in done.events:
        if event.action is Action.HOST_VERIFIED:
            verdict = "good" if _detail(event, "good") == "True" else "NOT good"
            yield (
                f"{verdict}: {_detail(event, 'detail')} "
                f"(audit event {event.sequence}, {short(event.digest)})"
            )


def _detail(event: AuditEvent, name: str) -> str:
    return str(event.details.get(name, "")) if isinstance(event.details, dict) else ""
