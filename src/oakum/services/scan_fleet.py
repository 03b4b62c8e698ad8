"""Scan the fleet: one question to every host, many at once, every failure kept with its cause."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from oakum.core.audit.event import Action
from oakum.core.errors import OakumError
from oakum.core.ids import HostId
from oakum.core.inventory.facts import Facts
from oakum.core.inventory.host import Host
from oakum.core.text import one_line
from oakum.ports.clock import Clock
from oakum.ports.fact_collector import FactCollector
from oakum.ports.stores import ScanFailure, UnitOfWork, Writer
from oakum.ports.transport import Transport


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What a scan brought."""

    facts: dict[HostId, Facts]
    failures: tuple[ScanFailure, ...]
    clones: tuple[tuple[str, tuple[str, ...]], ...]
    """(machine id, host names): hosts that claim to be the same machine."""


@dataclass(frozen=True, slots=True)
class Scanner:
    """Scans hosts."""

    writer: Writer
    """Answers come many at once, and share transactions."""
    transport: Transport
    collector: FactCollector
    clock: Clock
    actor: str
    concurrency: int
    progress: Callable[[str, int, int], None]

    async def scan(self, hosts: Sequence[Host]) -> ScanResult:
        """Scan hosts; what is answered is stored at once, so that an interrupted scan keeps it."""
        places = asyncio.Semaphore(self.concurrency)
        facts: dict[HostId, Facts] = {}
        failures: list[ScanFailure] = []

        async def scan(host: Host) -> None:
            async with places:
                answer = await self._ask(host)
            if isinstance(answer, Facts):
                facts[host.id] = answer
            else:
                failures.append(answer)
            self.progress("scanning", len(facts) + len(failures), len(hosts))

        await asyncio.gather(*(scan(host) for host in hosts))
        order = sorted(failures, key=lambda failure: failure.host)
        return ScanResult(facts, tuple(order), _clones(hosts, facts))

    async def _ask(self, host: Host) -> Facts | ScanFailure:
        last = await self.writer.do(lambda work: work.facts.index_reading(host.id))
        try:
            async with self.transport.connect(host) as session:
                facts = await self.collector.collect(session, now=self.clock.now(), last=last)
        except OakumError as error:
            failure = ScanFailure(
                host.id, self.clock.now(), one_line(error.message), error.hint or ""
            )
            await self.writer.do(partial(self._store_failure, failure))
            return failure
        await self.writer.do(partial(self._store, host, facts))
        return facts

    def _store(self, host: Host, facts: Facts, work: UnitOfWork) -> None:
        work.facts.save(host.id, facts)
        work.audit.append(
            at=facts.collected_at,
            actor=self.actor,
            action=Action.HOST_SCANNED,
            subject=host.id,
            details={
                "distribution": facts.distribution.label,
                "packages": len(facts.packages),
                "unreadable": len(facts.unreadable),
                "stale_processes": len(facts.stale_processes),
                "boot_id": facts.boot_id,
            },
        )

    def _store_failure(self, failure: ScanFailure, work: UnitOfWork) -> None:
        work.facts.save_failure(failure)
        work.audit.append(
            at=failure.at,
            actor=self.actor,
            action=Action.SCAN_FAILED,
            subject=failure.host,
            details={"reason": failure.reason},
        )


def _clones(
    hosts: Sequence[Host], facts: dict[HostId, Facts]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    names = {host.id: host.name for host in hosts}
    same: dict[str, list[str]] = defaultdict(list)
    for host, known in facts.items():
        if known.machine_id:
            same[known.machine_id].append(names[host])
    return tuple((machine, tuple(sorted(of))) for machine, of in same.items() if len(of) > 1)
