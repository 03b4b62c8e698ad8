"""How facts come from a host."""

from datetime import datetime
from typing import Protocol

from oakum.core.inventory.facts import Facts, IndexReading
from oakum.ports.transport import Session


class FactCollector(Protocol):
    """Asks a host everything in one round trip."""

    async def collect(
        self, session: Session, *, now: datetime, last: IndexReading | None = None
    ) -> Facts:
        """Return the host's facts. Raises HostError when the answer cannot be its facts.

        What it told of its package indices the `last` time need not be read again while it holds.
        With INDICES_UNASKED they may be left out: then the facts are those of a host without any.
        """
        ...
