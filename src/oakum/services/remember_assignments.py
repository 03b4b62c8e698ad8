"""Remember assignments: what a worker has to do on the hosts of the rollouts it works for."""

from collections.abc import Callable

from oakum.core.errors import NotFoundError
from oakum.core.ids import HostId, RolloutId
from oakum.services.drive_host import Assignment

REMEMBERED = 8
"""Rollouts whose assignments are kept: all hosts of a plan, for each."""

Assign = Callable[[RolloutId], dict[HostId, Assignment]]


class RememberedAssignments:
    """Finds what is to be done on a host; a plan is read, and held to its approval, once."""

    def __init__(self, assign: Assign) -> None:
        self._assign = assign
        self._known: dict[RolloutId, dict[HostId, Assignment]] = {}

    def __call__(self, rollout: RolloutId, host: HostId) -> Assignment:
        """Return the assignment. Raises RefusedError when the plan is not what was approved."""
        if rollout not in self._known:
            while len(self._known) >= REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[rollout] = self._assign(rollout)
        try:
            return self._known[rollout][host]
        except KeyError as error:
            raise NotFoundError(f"{rollout} has nothing to do on {host}") from error
