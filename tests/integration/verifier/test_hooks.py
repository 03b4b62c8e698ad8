"""Hooks on a prepared host: what was signed, where it stands in the order, and once."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.integration.verifier.machine import HOST, TRANSACTIONS, USER, Machine
from tests.integration.verifier.orders import MANIFEST, ORIGIN, Approver, altered, given, today
from tests.integration.verifier.test_driven import LoggedIn

from oakum.adapters.hooks.on_host import HostHooks
from oakum.core.errors import HostError
from oakum.core.ids import Digest, HostId
from oakum.core.orders.order import OrderSignature, SignedOrder, write_order
from oakum.core.planning.hook import SHELL, Hook, HookKind, HookMoment, HookPlace, UndoWhen
from oakum.core.planning.plan import Plan, Window
from oakum.core.rollout.hooks import HookStatus, Progress
from oakum.ports.hooks import HookJob, HookOrder
from oakum.ports.transport import GuardedSession

REST = Hook(
    name="rest a while",
    kind=HookKind.QUIESCE,
    moment=HookMoment.BEFORE,
    place=HookPlace.HOST,
    command=(
        *SHELL,
        'echo "$OAKUM_HOOK on $OAKUM_HOST of $OAKUM_PLAN"; id -u; echo done >>/srv/log',
    ),
    timeout_seconds=10,
    must_pass=True,
    undo=("/bin/echo", "a  b", "\\"),
    undo_when=UndoWhen.ALWAYS,
    hosts=(HOST,),
)
TRY = replace(REST, name="try", kind=HookKind.SMOKE, moment=HookMoment.AFTER, undo=())
PLAN_WITH_HOOKS = replace(today(), hooks=(REST, TRY))
HOOKS = HostHooks()


@dataclass(frozen=True, slots=True)
class Controller:
    """What a controller, honest or stolen, can ask of the host."""

    machine: Machine
    people: tuple[Approver, ...]

    def job(
        self, number: int, *, undo: bool = False, plan: Plan = PLAN_WITH_HOOKS, by: int = 2,
        transaction: str = "t1",
    ) -> HookJob:  # fmt: skip
        document = write_order(plan, MANIFEST, ORIGIN)
        signatures = tuple(
            OrderSignature(p.key.name, Digest(""), p.sign(document)) for p in self.people[:by]
        )
        signed = SignedOrder(document, signatures)
        name = f"{transaction}.hook-{number}{'.undo' * undo}"
        order = HookOrder(signed, ORIGIN.public_key, number, undo)
        return HookJob(name, ("/stolen",), 3600, (("OAKUM_HOST", "stolen"),), order)

    def run(self, job: HookJob) -> HookStatus:
        session = GuardedSession(LoggedIn(self.machine))

        async def to_the_end() -> HookStatus:
            await HOOKS.start(session, job)
            while True:
                seen = await HOOKS.status(session, job)
                if seen.progress is not Progress.RUNNING:
                    return seen
                await asyncio.sleep(0.1)

        return asyncio.run(to_the_end())

    def refusal(self, job: HookJob) -> str:
        with pytest.raises(HostError) as refused:
            self.run(job)
        return refused.value.message.removeprefix("the host's verifier: refused: ")

    def carry_out(self, result: str, plan: Plan = PLAN_WITH_HOOKS) -> None:
        """Begin the plan's transaction, and let it have ended so."""
        document = write_order(plan, MANIFEST, ORIGIN)
        content = given(document, [person.sign(document) for person in self.people[:2]])
        assert self.machine.ask("begin", "t1", stdin=content).exit_status == 0
        place = self.machine.root / TRANSACTIONS / "t1/result"
        self.machine.as_root(
            f"for i in $(seq 100); do [ -e /{TRANSACTIONS}/t1/result ] && exit; sleep 0.1; done"
        )
        place.write_text(f"state\t{result}\nstep\tself-check\nreason\t\n")

    @property
    def log(self) -> Path:
        return self.machine.root / "srv/log"


@pytest.fixture
def controller(machine: Machine, people: tuple[Approver, ...]) -> Controller:
    return Controller(machine, people)


def test_a_signed_hook_is_run_as_root_as_it_was_signed(controller: Controller) -> None:
    """What the controller says of it counts nothing; asked for again it is the same."""
    status = controller.run(controller.job(1))
    plan = PLAN_WITH_HOOKS.id
    assert (status.progress, status.exit_status) == (Progress.ENDED, 0)
    assert status.said == f"rest a while on {HOST} of {plan}\n0"
    assert controller.run(controller.job(1)) == status
    assert controller.log.read_text() == "done\n"
    assert controller.run(controller.job(1, undo=True)).said == "a  b \\"


def test_too_few_signed(controller: Controller) -> None:
    """One of the two that are needed."""
    assert controller.refusal(controller.job(1, by=1)).startswith("1 approvers")
    assert not controller.log.exists()


def test_a_hook_that_was_changed_after_it_was_signed(controller: Controller) -> None:
    """One letter of a command."""
    job = controller.job(1)
    assert job.order is not None
    document = altered(job.order.signed.document, "echo", "3cho")
    forged = replace(job.order.signed, document=document)
    job = replace(job, order=replace(job.order, signed=forged))
    assert controller.refusal(job).startswith("0 approvers")


def test_a_hook_comes_once(controller: Controller) -> None:
    """Under another name it is refused, also when the first failed or is of another rollout."""
    controller.run(controller.job(1))
    again = controller.job(1, transaction="t2")
    assert controller.refusal(again) == "hook 1 was run here already, as t1.hook-1"


def test_what_comes_before_does_not_come_after(controller: Controller) -> None:
    """And what comes after not before."""
    assert "comes after it" in controller.refusal(controller.job(2))
    controller.carry_out("succeeded")
    assert "comes before it" in controller.refusal(controller.job(1))
    assert controller.run(controller.job(2)).exit_status == 0
    again = controller.job(2, transaction="t2")
    assert controller.refusal(again) == "hook 2 was run here already, as t1.hook-2"


def test_a_hook_that_was_kept_for_later(controller: Controller) -> None:
    """Taken down in time and never begun (the power went), it keeps its place in the order."""
    controller.run(controller.job(1))
    gone = "rm -r /var/lib/oakum/hooks/t1.hook-1"
    controller.machine.as_root(gone)
    controller.run(controller.job(1))
    assert controller.log.read_text() == "done\ndone\n"
    controller.machine.as_root(gone)
    controller.carry_out("succeeded")
    assert "comes before it" in controller.refusal(controller.job(1))


def test_a_plan_that_was_refused_is_tried_again_with_its_hooks(controller: Controller) -> None:
    """Its transaction may come again under another name, and so may what stands before it, once."""
    controller.run(controller.job(1))
    controller.carry_out("refused")
    controller.run(controller.job(1, transaction="t2"))
    assert controller.log.read_text() == "done\ndone\n"
    assert "as t2.hook-1" in controller.refusal(controller.job(1, transaction="t3"))


def test_only_what_was_done_is_undone(controller: Controller) -> None:
    """By its own name."""
    assert "was not run here as t1.hook-1" in controller.refusal(controller.job(1, undo=True))
    controller.run(controller.job(1))
    other = controller.job(1, undo=True, transaction="t2")
    assert "was not run here as t2.hook-1" in controller.refusal(other)
    assert "has nothing to undo" in controller.refusal(controller.job(2, undo=True))


def test_a_hook_for_others(controller: Controller) -> None:
    """Signed, and not for this host; and one that there is not."""
    plan = replace(PLAN_WITH_HOOKS, hooks=(replace(REST, hosts=(HostId("web-2"),)),))
    assert "no hook 1 for this host" in controller.refusal(controller.job(1, plan=plan))
    assert "no hook 7 for this host" in controller.refusal(controller.job(7))


def test_too_late(controller: Controller) -> None:
    """The window is over; what was done in it is still undone."""
    controller.run(controller.job(1))
    closed = Window(None, PLAN_WITH_HOOKS.created_at - timedelta(hours=1))
    late = replace(PLAN_WITH_HOOKS, window=closed)
    assert controller.refusal(controller.job(1, plan=late)).startswith("the order ended")
    assert controller.run(controller.job(1, undo=True)).exit_status == 0


def test_words_that_are_no_names(machine: Machine) -> None:
    """They would become paths."""
    assert machine.refusal("hook", "../t1", "1", "do") == "this is no hook's name"
    assert machine.refusal("hook", "t1", "0", "do") == "this is no hook's name"
    assert machine.refusal("hook", "t1", "1", "do;id") == "this is no hook's name"
    assert machine.refusal("hook-status", "../t1") == "this is no transaction's name"


def test_records_that_the_account_could_write_decide_nothing(controller: Controller) -> None:
    """The verifier refuses to go on."""
    controller.run(controller.job(1))
    controller.machine.as_root(f"chown {USER} /var/lib/oakum/hooks")
    assert "does not belong to root" in controller.refusal(controller.job(1, undo=True))


def test_a_host_that_was_prepared_by_an_older_oakum(controller: Controller) -> None:
    """It says what it lacks."""
    controller.machine.as_root("rm /usr/lib/oakum/hook.sh")
    assert "/usr/lib/oakum/hook.sh is missing" in controller.refusal(controller.job(1))
