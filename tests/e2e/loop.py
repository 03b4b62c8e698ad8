"""The steps that several end-to-end tests take, in words of their own."""

import json
import time
from collections.abc import Callable

from demo.fleet import Fleet, UnexpectedError

WAIT_SECONDS = 120


def approved_plan(fleet: Fleet, *options: str) -> str:
    """Create a plan and approve it without a rehearsal, which has tests of its own."""
    fleet.run("plan", "create", *options)
    fleet.run(
        *("approve", "latest", "--accept-no-way-back", "--override-rehearsal"),
        *("--reason", "an end-to-end test"),
    )
    return str(fleet.plan()["id"])


def rolled_back(fleet: Fleet) -> None:
    """Put back whatever the latest rollout changed, and see the hosts as they are then."""
    fleet.run("rollback", str(rollout(fleet)["id"]))
    fleet.run("scan")


def rollout(fleet: Fleet) -> dict[str, object]:
    """Return the latest rollout as data."""
    found: dict[str, object] = json.loads(fleet.data("rollout", "show", "latest", "--json"))
    return found


def run_of(fleet: Fleet, host: str) -> dict[str, object]:
    """Return a host's run in the latest rollout."""
    runs = rollout(fleet)["runs"]
    assert isinstance(runs, list)
    found: dict[str, object] = next(run for run in runs if run["host"] == host)
    return found


def states(fleet: Fleet) -> list[str]:
    """Return the states of all host runs of the latest rollout, sorted."""
    runs = rollout(fleet)["runs"]
    assert isinstance(runs, list)
    return sorted(str(run["state"]) for run in runs)


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds; fail with its name when it takes too long."""
    end = time.monotonic() + WAIT_SECONDS
    while not holds():
        if time.monotonic() > end:
            raise UnexpectedError(f"{what}: not within {WAIT_SECONDS} s")
        time.sleep(0.2)
