"""Hooks on hosts: a unit of their own, which outlives the session and the controller."""

import re
from typing import Final

from oakum.adapters.hooks.records import ANOTHER, SCRIPT, files_of, parse_status
from oakum.core.errors import HostError, InputError
from oakum.core.rollout.hooks import HookStatus
from oakum.core.text import framed, one_line
from oakum.ports.hooks import HookJob
from oakum.ports.transport import REFUSED, CommandResult, GuardedSession, Session

START_SECONDS, ASK_SECONDS, ORDER_SECONDS = 60.0, 60.0, 120.0
PLACE: Final = "/var/lib/oakum/hooks"
SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")


class HostHooks:
    """Runs hooks on hosts, as root. Holds nothing: the host's disk is the record."""

    @property
    def record(self) -> str:
        """Return nothing: each host has its own."""
        return ""

    async def start(self, session: Session | None, job: HookJob) -> None:
        """Begin a hook on the host, unless it was begun there."""
        open_session = _require(session)
        if isinstance(open_session, GuardedSession):
            result = await _give_order(open_session, job)
        else:
            files = files_of(job)
            keys = {"s": "hook.sh", "c": "command", "e": "environment", "t": "seconds"}
            given = framed({key: files[name] for key, name in keys.items() if files[name]})
            result = await open_session.run(
                SCRIPT, "deliver", _safe(job.id), stdin=given, timeout_seconds=START_SECONDS
            )
        _raise_if_not_started(result, job)

    async def status(self, session: Session | None, job: HookJob) -> HookStatus:
        """Ask the host for its record."""
        open_session = _require(session)
        if isinstance(open_session, GuardedSession):
            result = await open_session.ask(
                "hook-status", _safe(job.id), timeout_seconds=ASK_SECONDS
            )
            _raise_if_refused(result)
        else:
            result = await open_session.run(
                SCRIPT, "status", f"{PLACE}/{_safe(job.id)}", timeout_seconds=ASK_SECONDS
            )
        return parse_status(result.stdout)


async def _give_order(session: GuardedSession, job: HookJob) -> CommandResult:
    order = job.order
    if order is None:
        raise HostError(
            "the host obeys signed orders only, and this plan has none for it",
            hint="was it prepared after the rollout began? end the rollout, and start another",
        )
    texts = {"o": order.signed.document.decode(), "k": order.public_key}
    texts |= {str(n): signature.text for n, signature in enumerate(order.signed.signatures, 1)}
    result = await session.ask(
        "hook",
        _safe(job.id),
        str(order.number),
        "undo" if order.is_undo else "do",
        stdin=framed(texts),
        timeout_seconds=ORDER_SECONDS,
    )
    _raise_if_refused(result)
    return result


def _require(session: Session | None) -> Session:
    if session is None:
        raise HostError("a hook on the host was to be run without a connection to it")
    return session


def _safe(identity: str) -> str:
    if SAFE_ID.fullmatch(identity) is None:
        raise InputError(
            f"{one_line(identity)!r} is no name that may reach a host",
            hint="it comes from the inventory: look at the host's id",
        )
    return identity


def _raise_if_refused(result: CommandResult) -> None:
    if result.exit_status == REFUSED or (result.exit_status == 1 and not result.stdout):
        said = one_line(result.stderr.decode("utf-8", errors="replace"))
        raise HostError(
            f"the host's verifier: {said}",
            hint="`oakum plan show` has who signed; prepare the host again with `oakum hosts "
            "prepare` when its programs are of an older Oakum",
        )


def _raise_if_not_started(result: CommandResult, job: HookJob) -> None:
    if result.exit_status == 0:
        return
    said = one_line(result.stderr.decode("utf-8", errors="replace")) or "it says nothing"
    if result.exit_status == ANOTHER:
        raise HostError(
            f"the host knows another hook by the id {job.id}",
            hint="ids are never used twice: was the controller's state restored from a backup?",
        )
    raise HostError(
        f"the host did not begin the hook: {said}",
        hint=f"make room in {PLACE} there, and see that the login may become root",
    )
