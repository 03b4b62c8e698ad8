"""oakum plan, oakum approve: exactly what will change, and a person's word for it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from oakum.core.advisories.cve import parse_cve
from oakum.core.errors import InputError, StorageError
from oakum.core.ids import PlanId
from oakum.core.matching.coverage import Outline
from oakum.core.orders.order import NAMESPACE, OrderSignature
from oakum.core.planning.budget import MOST_HOSTS, BudgetWish, parse_amount
from oakum.core.planning.diff import diff as compare
from oakum.core.planning.lane import PlanLane
from oakum.core.planning.lane_choice import LaneWish
from oakum.core.planning.plan import Plan, RebootPolicy, RestartPolicy, Window
from oakum.core.repositories.snapshot import Snapshot
from oakum.core.staging.rehearsal import Rehearsal
from oakum.core.text import one_line
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import actor, application, run
from oakum.entrypoints.cli.moments import parse_moment
from oakum.entrypoints.cli.plan_view import doubts_about, show_guards, show_plan
from oakum.services.approve_plan import ApprovalRequest, approve_plan
from oakum.services.ask_changes import ChangeAsker
from oakum.services.choose import choose_hosts, require_sources
from oakum.services.create_plan import PlanMaker, PlanRequest
from oakum.services.order_plan import order_of
from oakum.services.require_freshness import require_freshness
from oakum.settings import RolloutSettings

app = typer.Typer(help="Create, show and compare plans.", no_args_is_help=True)

SECONDS = re.compile(r"[1-9][0-9]{0,5}")
MOST_SECONDS = 100_000_000
"""As in oakum.toml; three years of soak are beyond any plan, and a typing error."""
PERCENT = re.compile(r"[0-9]{1,9}")
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Which = Annotated[str, typer.Argument(help="Its id or the beginning of it; `latest`.")]


def register(app_of_all: typer.Typer) -> None:
    """Add the command that stands at the top."""
    app_of_all.command("approve")(approve)


@app.command()
def create(
    title: Annotated[str, typer.Option(help="What it is for.")] = "",
    snapshot: Annotated[str, typer.Option(help="Its id or the beginning of it.")] = "latest",
    limit: Annotated[str, typer.Option(help="For example: role:web not label:frozen.")] = "",
    package: Annotated[list[str] | None, typer.Option(help="Only this source package.")] = None,
    cve: Annotated[list[str] | None, typer.Option(help="Only what fixes this CVE.")] = None,
    rings: Annotated[str, typer.Option(help="Cumulative percentages: 10,40,100.")] = "",
    canaries: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST_HOSTS, help="Environment clusters that ring 1 covers at most."
        ),
    ] = None,
    lane: Annotated[
        PlanLane | None, typer.Option(help="How long rings soak; else by risk and deadline.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why this lane; kept for good.")] = "",
    soak: Annotated[
        int | None,
        typer.Option(min=0, max=MOST_SECONDS, help="Seconds after each ring, whatever the lane."),
    ] = None,
    opens: Annotated[str, typer.Option(help="Window: begin, ISO 8601 with zone.")] = "",
    closes: Annotated[str, typer.Option(help="Window: end, ISO 8601 with zone.")] = "",
    by: Annotated[
        str, typer.Option(help="Refuse a plan that would end later: ISO 8601 with zone.")
    ] = "",
    concurrency: Annotated[str, typer.Option(help="Hosts at once: 10, or 5% of the plan's.")] = "",
    max_failed: Annotated[
        str, typer.Option(help="Failed or unreachable hosts to bear: 3, or 2% of the plan's.")
    ] = "",
    max_failed_per_ring: Annotated[
        str, typer.Option(help="The same of each ring: 1, or 5% of its hosts.")
    ] = "",
    deadman: Annotated[
        str, typer.Option(help="Seconds until an unconfirmed host goes back; auto; off.")
    ] = "",
    restart: Annotated[RestartPolicy, typer.Option()] = RestartPolicy.AFFECTED,
    reboot: Annotated[RebootPolicy, typer.Option()] = RebootPolicy.NEVER,
    json: Json = False,
) -> None:
    """Ask every host what exactly it would do with a snapshot, and write it down.

    What is not given is taken from oakum.toml.
    """
    chosen = application()
    settings = chosen.configuration.rollout
    budget = _budget(settings, concurrency, max_failed, max_failed_per_ring)
    if (lane is None) != (not reason.strip()):
        raise InputError(
            "--lane and --reason go together: who shortens gates, or does not, says why",
            hint="leave both out, and the lane follows from what the plan closes",
        )
    with chosen.reading() as work:
        frozen = work.snapshots.get(snapshot)
        outlines = work.facts.outlines()
        selected, fleet = choose_hosts(limit, work), work.hosts.all()
        hosts = tuple(h for h in selected if h.id not in outlines or _runs(outlines[h.id], frozen))
        if package:
            require_sources(package, work.facts.latest_of(host.id for host in hosts).values())
    if others := [host.name for host in selected if host not in hosts]:
        release = frozen.manifest.release
        output.say(f"not in this plan, for they do not run {release}: {', '.join(others)}")
    request = PlanRequest(
        title=title or f"security updates of {frozen.id[:12]}",
        created_by=actor(),
        snapshot=frozen,
        hosts=hosts,
        sources=frozenset(package or ()),
        cves=frozenset(parse_cve(name) for name in cve or ()),
        ring_percents=_percents(rings) if rings else settings.ring_percents,
        max_canaries=settings.max_canaries if canaries is None else canaries,
        wish=LaneWish(
            chosen.declared.soaks,
            chosen.configuration.lanes.before_critical,
            soak,
            lane,
            reason,
            parse_moment(by, "--by") if by else None,
        ),
        window=_window(opens, closes),
        budget=budget,
        restart_policy=restart,
        reboot_policy=reboot,
        rules=chosen.declared.rules,
        metrics=chosen.declared.metric_rules,
        hooks=chosen.declared.hooks,
        deadman_seconds=_deadman(deadman or str(settings.deadman)),
    )
    for said in chosen.declared.for_nobody(fleet):
        output.say(f"mind: {said}")
    require_freshness(
        chosen.reading, chosen.declared.refusal_limits(frozen.manifest.release), chosen.clock
    )
    chosen.snapshots.require_served()
    at_once = budget.budget(len(hosts)).concurrency
    with output.progress_bar() as progress:
        maker = PlanMaker(
            chosen.begin,
            ChangeAsker(chosen.transport, chosen.package_manager, at_once, progress),
            chosen.assessor,
            chosen.clock,
        )
        plan = run(maker.create(request, chosen.snapshots.access(frozen)))
    if json:
        output.print_json({"id": plan.id, "digest": plan.digest, "plan": plan.to_json()})
        return
    show_plan(plan, (), (), {host.id: host.name for host in hosts}, chosen.clock.now())
    show_guards(plan, hosts)
    output.say(f"next: oakum rehearse {plan.id}")


def _budget(settings: RolloutSettings, at_once: str, failed: str, of_ring: str) -> BudgetWish:
    declared = settings.max_failed_per_ring
    per_ring = of_ring or declared
    return BudgetWish(
        parse_amount(at_once or settings.concurrency, "--concurrency", least=1),
        parse_amount(failed or settings.max_failed, "--max-failed"),
        None if per_ring is None else parse_amount(per_ring, "--max-failed-per-ring"),
        settings.base_rate_ppm,
    )


def _deadman(said: str) -> int | None:
    if said == "auto":
        return None
    if said == "off":
        return 0
    if SECONDS.fullmatch(said) is None:
        raise InputError(f"{said!r} is no deadman", hint="give seconds, `auto` or `off`")
    return int(said)


@app.command("list")
def list_plans(json: Json = False) -> None:
    """List plans, oldest first."""
    plans, damaged = list[Plan](), list[StorageError]()
    with application().reading() as work:
        for identity in work.plans.ids():
            try:
                plans.append(work.plans.get(identity))
            except StorageError as error:
                damaged.append(error)
        approved = {plan.id: bool(work.plans.approvals(plan.id)) for plan in plans}
        rehearsed = {plan.id: work.plans.rehearsals(plan.id) for plan in plans}
    if json:
        output.print_json(
            [{"id": p.id, "digest": p.digest, "approved": approved[p.id]} for p in plans]
        )
    else:
        _show_list(plans, rehearsed, approved)
    for fault in damaged:
        output.say(f"{fault.message}\n  hint: {fault.hint}")
    if damaged:
        raise typer.Exit(1)


def _show_list(
    plans: Sequence[Plan],
    rehearsed: Mapping[PlanId, Sequence[Rehearsal]],
    approved: Mapping[PlanId, bool],
) -> None:
    rows = [
        (
            plan.id,
            f"{plan.created_at:%Y-%m-%d %H:%M}",
            plan.title,
            len(plan.hosts),
            plan.rollback_verdict.value,
            rehearsed[plan.id][-1].verdict.value if rehearsed[plan.id] else "not yet",
            "yes" if approved[plan.id] else "no",
        )
        for plan in plans
    ]
    headings = ("plan", "created (UTC)", "title", "hosts", "way back", "rehearsal", "approved")
    output.print_table(headings, rows)


@app.command()
def show(which: Which = "latest", json: Json = False) -> None:
    """Show a plan: every change, the way back, the rings, and its evidence."""
    chosen = application()
    with chosen.reading() as work:
        plan = work.plans.get(which)
        rehearsals, approvals = work.plans.rehearsals(plan.id), work.plans.approvals(plan.id)
        hosts = work.hosts.all()
    if json:
        output.print_json(
            {
                "id": plan.id,
                "digest": plan.digest,
                "plan": plan.to_json(),
                "rehearsals": [rehearsal.to_json() for rehearsal in rehearsals],
                "approvals": approvals,
            }
        )
        return
    names = {host.id: host.name for host in hosts}
    show_plan(plan, rehearsals, approvals, names, chosen.clock.now())
    show_guards(plan, hosts)


@app.command()
def diff(old: Which, new: Which = "latest", json: Json = False) -> None:
    """Compare what two plans would do."""
    with application().reading() as work:
        first, second = work.plans.get(old), work.plans.get(new)
    lines = compare(first, second)
    if json:
        output.print_json(lines)
        return
    for line in lines:
        output.show(line)
    output.say(f"{len(lines)} differences between {first.id} and {second.id}")


def approve(
    which: Which,
    reason: Annotated[str, typer.Option(help="Why; needed to override a rehearsal.")] = "",
    accept_no_way_back: Annotated[
        bool, typer.Option(help="Accept that parts cannot be rolled back.")
    ] = False,
    accept_uncovered: Annotated[
        bool, typer.Option(help="Accept that ring 1 covers not every environment.")
    ] = False,
    override_rehearsal: Annotated[
        bool, typer.Option(help="Approve without a passed rehearsal, on the record.")
    ] = False,
    digest: Annotated[str, typer.Option(help="The digest that you read.")] = "",
    sign_with: Annotated[
        str, typer.Option(help="Sign its order: a private key, or the public one of the agent's.")
    ] = "",
    signature: Annotated[
        Path | None, typer.Option(help="A signature of its order that was made elsewhere.")
    ] = None,
    json: Json = False,
) -> None:
    """Approve a plan: the word of a person for exactly this digest.

    Prepared hosts obey signatures alone; `oakum plan sign-request` prints what is signed.
    """
    chosen = application()
    with chosen.reading() as work:
        plan = work.plans.get(which)
    if digest and not plan.digest.startswith(digest):
        raise InputError(
            f"{plan.id} has the digest {plan.digest}, and not {digest}",
            hint=f"read it again: oakum plan show {plan.id}",
        )
    signed = _signature(plan, sign_with, signature)
    request = ApprovalRequest(
        plan.id, actor(), reason, accept_no_way_back, override_rehearsal, signed, accept_uncovered
    )
    approval = approve_plan(request, chosen.begin, chosen.clock)
    for doubt in doubts_about(plan, chosen.clock.now()):
        output.say(f"mind: {doubt}")
    if json:
        output.print_json(approval)
        return
    output.say(f"{plan.id} is approved by {approval.by} for the digest {approval.digest}")
    if signed is not None:
        output.say(f"its order is signed by {signed.key}")
    output.say(f"next: oakum rollout start {plan.id}")


@app.command()
def sign_request(which: Which = "latest") -> None:
    """Print a plan's order: what approvers read and sign, on whatever machine their key is.

    It is all that prepared hosts go by: every package with its digest, and the way back.
    """
    with application().reading() as work:
        plan = work.plans.get(which)
    output.write(_order(plan).decode())
    output.say(f"kept in a file, it is signed with: ssh-keygen -Y sign -n {NAMESPACE} -f KEY FILE")
    output.say(f"next: oakum approve {plan.id} --signature FILE.sig")


def _order(plan: Plan) -> bytes:
    chosen = application()
    with chosen.reading() as work:
        access = chosen.snapshots.access(work.snapshots.get(plan.snapshot))
        return order_of(plan, access, work)


def _signature(plan: Plan, key: str, file: Path | None) -> OrderSignature | None:
    """Return the signature that comes with an approval, if one does."""
    if key and file is not None:
        raise InputError("give --sign-with or --signature, not both")
    chosen = application()
    if key:
        return chosen.order_signer.sign(_order(plan), key)
    if file is not None:
        return chosen.order_signer.read(_order(plan), chosen.read_text(file))
    return None


def _runs(known: Outline, snapshot: Snapshot) -> bool:
    return known.distribution.codename == snapshot.manifest.release


def _percents(text: str) -> tuple[int, ...]:
    parts = [part.strip(" ") for part in text.split(",")]
    if not all(PERCENT.fullmatch(part) for part in parts):
        raise InputError(
            f"--rings {one_line(text, 60)!r}: not whole percentages", hint="write: 10,40,100"
        )
    return tuple(int(part) for part in parts)


def _window(opens: str, closes: str) -> Window:
    return Window(
        parse_moment(opens, "--opens") if opens else None,
        parse_moment(closes, "--closes") if closes else None,
    )
