"""How declared checks are asked, and what no check has to be declared for."""

from collections.abc import Sequence
from typing import Protocol

from oakum.core.inventory.host import Host
from oakum.core.staging.check import Check, CheckResult
from oakum.core.staging.vitals import VitalQuestions, Vitals
from oakum.ports.transport import Session


class CheckRunner(Protocol):
    """Asks checks of one host. Never raises for a check: what cannot be asked is an ERROR."""

    async def run(
        self, checks: Sequence[Check], host: Host, session: Session
    ) -> tuple[CheckResult, ...]:
        """Return one result for every check, in their order."""
        ...

    async def look(self, questions: VitalQuestions, session: Session) -> Vitals:
        """Return the host's vital signs. Raises HostError when it gives no whole answer."""
        ...
