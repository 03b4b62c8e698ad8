"""Add and remove exceptions: who answers for not patching what, why, and until when."""

from dataclasses import dataclass
from datetime import date

from oakum.core.audit.event import Action
from oakum.core.ids import CveId
from oakum.core.risk.exceptions import RiskException, require_sense
from oakum.ports.clock import Clock
from oakum.ports.stores import UnitOfWork, UnitOfWorkFactory
from oakum.services.choose import choose_hosts

PREFIX = "exception-"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asks for."""

    cve: CveId | None
    source_name: str
    hosts: str
    owner: str
    reason: str
    until: date


def add_exception(
    wanted: Wanted, begin: UnitOfWorkFactory, clock: Clock, actor: str
) -> RiskException:
    """Return the stored exception.

    Raises InputError for one that makes no sense, NotFoundError when it is about no host.
    """
    now = clock.now()
    with begin() as work:
        exception = RiskException(
            id=f"{PREFIX}{_next_number(work)}",
            cve=wanted.cve,
            source_name=wanted.source_name,
            hosts=wanted.hosts,
            owner=wanted.owner,
            reason=wanted.reason,
            created_at=now,
            created_by=actor,
            until=wanted.until,
        )
        require_sense(exception, now.date())
        if wanted.hosts:
            choose_hosts(wanted.hosts, work)
        work.exceptions.add(exception)
        _record(work, Action.EXCEPTION_ADDED, exception, clock, actor)
        work.commit()
    return exception


def remove_exception(name: str, begin: UnitOfWorkFactory, clock: Clock, actor: str) -> None:
    """Take an exception back before its time. Raises NotFoundError."""
    with begin() as work:
        exception = work.exceptions.get(name)
        work.exceptions.remove(exception.id)
        _record(work, Action.EXCEPTION_REMOVED, exception, clock, actor)
        work.commit()


def _next_number(work: UnitOfWork) -> int:
    """Return a number that no exception had: the audit log may speak of removed ones."""
    added = [e for e in work.audit.events() if e.action is Action.EXCEPTION_ADDED]
    return len(added) + 1


def _record(
    work: UnitOfWork, action: Action, exception: RiskException, clock: Clock, actor: str
) -> None:
    work.audit.append(
        at=clock.now(),
        actor=actor,
        action=action,
        subject=exception.id,
        details={
            "cve": exception.cve,
            "package": exception.source_name,
            "hosts": exception.hosts,
            "owner": exception.owner,
            "reason": exception.reason,
            "until": exception.until.isoformat(),
        },
    )
