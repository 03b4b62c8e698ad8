"""Compare configuration files: how those that an upgrade kept differ from their new versions."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from oakum.core.errors import OakumError
from oakum.core.ids import TransactionId
from oakum.core.inventory.host import Host
from oakum.core.rollout.rollout import HostRun
from oakum.core.text import one_line
from oakum.ports.package_manager import PackageManager
from oakum.ports.transport import Transport


@dataclass(frozen=True, slots=True)
class HostDiffs:
    """What one host says of its configuration files."""

    host: Host
    diffs: str
    """Unified diffs; empty when it kept none."""
    problem: str = ""
    """Why it could not be asked, and what to do; empty when it answered."""


@dataclass(frozen=True, slots=True)
class ConffileComparer:
    """Asks hosts. Nothing of an answer is stored: configuration files hold secrets."""

    transport: Transport
    package_manager: PackageManager
    concurrency: int
    progress: Callable[[str, int, int], None]

    async def compare(
        self, runs: Sequence[HostRun], hosts: Sequence[Host]
    ) -> tuple[HostDiffs, ...]:
        """Return an answer for each of the hosts that these runs have changed, by name."""
        changed = {run.host: run.transaction for run in runs if run.may_have_changed}
        asked = sorted((host for host in hosts if host.id in changed), key=lambda host: host.name)
        places, answers = asyncio.Semaphore(self.concurrency), list[HostDiffs]()

        async def ask(host: Host) -> None:
            async with places:
                answers.append(await self._ask(host, changed[host.id]))
            self.progress("asking hosts", len(answers), len(asked))

        await asyncio.gather(*(ask(host) for host in asked))
        return tuple(sorted(answers, key=lambda answer: answer.host.name))

    async def _ask(self, host: Host, transaction: TransactionId) -> HostDiffs:
        try:
            async with self.transport.connect(host) as session:
                diffs = await self.package_manager.conffile_diffs(session, transaction)
        except OakumError as error:
            hint = f"; {error.hint}" if error.hint else ""
            return HostDiffs(host, "", one_line(f"{error.message}{hint}"))
        return HostDiffs(host, diffs)
