"""How configuration files that were kept are asked for, and what when a host does not answer."""

import asyncio
from dataclasses import dataclass

from tests.fakes.fleet import FakeFleet, ProcessMemory
from tests.plans import NOW

from oakum.core.errors import RefusedError
from oakum.core.ids import HostId, HostRunId, TransactionId
from oakum.core.inventory.host import Host
from oakum.core.rollout.rollout import HostRun
from oakum.core.rollout.state import RunState
from oakum.ports.transport import Session
from oakum.services.compare_conffiles import ConffileComparer

STATES = {
    "db-1": RunState.SUCCEEDED,
    "gone": RunState.ROLLED_BACK,
    "guarded": RunState.SUCCEEDED,
    "never": RunState.REFUSED,
    "web-1": RunState.FAILED,
}
RUNS = [
    HostRun(HostRunId(n), HostId(n), 0, s, "", TransactionId(f"t-{n}"), TransactionId(f"u-{n}"))
    for n, s in STATES.items()
]
HOSTS = [Host(HostId(n), n, n, 22, "root", "ssh-ed25519 AAAA", NOW) for n in reversed(STATES)]


@dataclass
class Keepers(FakeFleet):
    """Hosts that kept a file, but for one that is prepared."""

    async def conffile_diffs(self, session: Session, transaction: TransactionId) -> str:
        del session
        if transaction == "t-guarded":
            raise RefusedError("a prepared host shows nothing", hint="look there")
        return f"--- of {transaction}\n"


def test_changed_hosts_are_asked_and_who_does_not_answer_is_named() -> None:
    """By name; a host that the rollout left as it was is not asked, and one refusal is no end."""
    fleet = Keepers(ProcessMemory())
    calls: list[tuple[str, int, int]] = []
    comparer = ConffileComparer(fleet, fleet, 2, lambda *call: calls.append(call))
    answers = asyncio.run(comparer.compare(RUNS, HOSTS))
    assert [(a.host.name, a.diffs, a.problem) for a in answers] == [
        ("db-1", "--- of t-db-1\n", ""),
        ("guarded", "", "a prepared host shows nothing; look there"),
        ("web-1", "--- of t-web-1\n", ""),
    ]
    assert calls[-1] == ("asking hosts", 3, 3)
