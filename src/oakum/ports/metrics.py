"""Where a host's numbers come from."""

from collections.abc import Sequence
from typing import Protocol

from oakum.core.inventory.host import Host
from oakum.core.planning.metric import Metric
from oakum.core.rollout.measuring import Reading
from oakum.ports.transport import Session


class MetricReader(Protocol):
    """Reads metrics of one host. Never raises for a metric: what has no number says why."""

    async def read(
        self, metrics: Sequence[Metric], host: Host, session: Session
    ) -> tuple[Reading, ...]:
        """Return one reading for every metric, in their order."""
        ...
