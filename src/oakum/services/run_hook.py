"""Run the hook that a host run waits for: say that it begins, begin it, and read its record."""

from dataclasses import dataclass

from oakum.core.errors import ConflictError, HostError
from oakum.core.ids import PlanId
from oakum.core.inventory.host import Host
from oakum.core.orders.order import SignedOrder
from oakum.core.planning.hook import Hook, HookPlace
from oakum.core.planning.plan import Plan
from oakum.core.rollout.ending import hook_step
from oakum.core.rollout.hooks import HookState, HookStatus, HookStep, Progress
from oakum.core.rollout.observation import HookBegins, HookSeen
from oakum.core.rollout.rollout import HostRun
from oakum.ports.hooks import HookJob, HookOrder, HookRunner, HookRunners
from oakum.ports.transport import Session


@dataclass(frozen=True, slots=True)
class Around:
    """What the hooks of a host are run around."""

    host: Host
    plan: Plan
    plan_id: PlanId
    order: SignedOrder | None
    public_key: str


async def run_hook(
    run: HostRun, job: Around, session: Session | None, runners: HookRunners
) -> HookBegins | HookSeen:
    """Do the next thing about a run's next hook, and return what was seen.

    The first time nothing is done: that it begins must be stored first. From then on it may have
    been begun by anybody who drove this run, and its record is asked before anything else.
    """
    step = hook_step(run)
    if step is None:
        raise ConflictError(f"{run.id} waits for no hook")
    runner = _runner_for(step, runners)
    if step.execution.state is HookState.WAITING:
        return HookBegins(step.hook.name, step.is_undo, runner.record)
    status = await _begun(step, _job_of(step, run, job), session, runner)
    return HookSeen(step.hook.name, step.is_undo, status)


async def _begun(
    step: HookStep, hook: HookJob, session: Session | None, runner: HookRunner
) -> HookStatus:
    if step.execution.record != runner.record:
        said = "it was begun by a controller or worker whose records are not here"
        return HookStatus(Progress.INTERRUPTED, said=said)
    status = await runner.status(session, hook)
    if status.progress is not Progress.ABSENT:
        return status
    try:
        await runner.start(session, hook)
    except HostError as error:
        status = await runner.status(session, hook)
        # An undo is the way out, and does not end at the first obstacle: it is tried again.
        if step.is_undo or status.progress is not Progress.ABSENT:
            raise
        hint = f"; {error.hint}" if error.hint else ""
        return HookStatus(Progress.NOT_STARTED, said=f"{error.message}{hint}")
    return await runner.status(session, hook)


def _runner_for(step: HookStep, runners: HookRunners) -> HookRunner:
    match step.hook.place:
        case HookPlace.HOST:
            return runners.on_host
        case HookPlace.CONTROLLER:
            return runners.on_controller


def _job_of(step: HookStep, run: HostRun, job: Around) -> HookJob:
    number, hook = next(
        (n, hook) for n, hook in enumerate(job.plan.hooks, 1) if hook.name == step.hook.name
    )
    command = hook.undo if step.is_undo else hook.command
    suffix = ".undo" if step.is_undo else ""
    order = None
    if job.order is not None:
        order = HookOrder(job.order, job.public_key, number, step.is_undo)
    return HookJob(
        id=f"{run.transaction}.hook-{number}{suffix}",
        command=command,
        timeout_seconds=hook.timeout_seconds,
        environment=tuple(_environment(step, hook, run, job).items()),
        order=order,
    )


def _environment(step: HookStep, hook: Hook, run: HostRun, job: Around) -> dict[str, str]:
    """Return what a hook is told: on a host no more than a signed order could hold."""
    told = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "OAKUM_HOST": job.host.id,
        "OAKUM_PLAN": job.plan_id,
        "OAKUM_HOOK": hook.name,
    }
    match step.hook.place:
        case HookPlace.HOST:
            return told
        case HookPlace.CONTROLLER:
            outcome = run.outcome.value if step.is_undo else ""
            return told | {
                "OAKUM_HOST_NAME": job.host.name,
                "OAKUM_ADDRESS": job.host.address,
                "OAKUM_PORT": str(job.host.port),
                "OAKUM_RING": job.plan.rings[run.ring].name,
                "OAKUM_RUN": run.id,
                "OAKUM_OUTCOME": outcome,
            }
