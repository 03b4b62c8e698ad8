"""Ask hosts what exactly they would do with a snapshot. Nothing on them is changed."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from oakum.core.errors import OakumError, RefusedError
from oakum.core.ids import HostId
from oakum.core.inventory.facts import Facts
from oakum.core.inventory.host import Host
from oakum.core.matching.kernel import judged_as
from oakum.core.repositories.snapshot import Role, Snapshot, SnapshotManifest, SnapshotPackage
from oakum.core.versions.deb import compare
from oakum.ports.package_manager import PackageManager, Simulation, SnapshotAccess, Target
from oakum.ports.transport import Transport


@dataclass(frozen=True, slots=True)
class Question:
    """What hosts are asked for."""

    snapshot: Snapshot
    access: SnapshotAccess
    sources: frozenset[str]
    is_narrowed: bool
    """Whether only these sources are wanted; else all that the snapshot offers."""


@dataclass(frozen=True, slots=True)
class ChangeAsker:
    """Asks every host what exactly it would do."""

    transport: Transport
    package_manager: PackageManager
    concurrency: int
    progress: Callable[[str, int, int], None]

    async def ask(
        self, question: Question, hosts: Sequence[Host], facts: Mapping[HostId, Facts]
    ) -> dict[HostId, Simulation]:
        """Return the answers, with what the snapshot leaves out.

        Raises RefusedError when a host cannot be asked or would refuse, naming every such host.
        """
        offered = _candidates(question.snapshot.manifest)
        places = asyncio.Semaphore(self.concurrency)
        failures: list[str] = []
        done: dict[HostId, Simulation] = {}

        async def simulate(host: Host) -> None:
            known = facts[host.id]
            targets = _targets(known, offered, question.sources) if question.is_narrowed else None
            if targets == ():
                return
            try:
                async with places, self.transport.connect(host) as session:
                    answer = await self.package_manager.simulate(session, question.access, targets)
            except OakumError as error:
                failures.append(f"{host.name}: {error.message}")
            else:
                failures.extend(f"{host.name}: {problem}" for problem in answer.problems)
                kept = (*answer.kept_back, *left_out(known, question))
                done[host.id] = replace(answer, kept_back=kept)
            self.progress("asking hosts what they would do", len(done), len(hosts))

        await asyncio.gather(*(simulate(host) for host in hosts))
        if failures:
            raise RefusedError(
                "some hosts cannot be planned for:\n  " + "\n  ".join(sorted(failures)),
                hint="mend what is named, or leave the hosts out with --limit",
            )
        return done


def _candidates(manifest: SnapshotManifest) -> dict[tuple[str, str], SnapshotPackage]:
    """Return the package that the snapshot offers for each (name, architecture)."""
    return {
        (package.name, package.architecture): package
        for package in manifest.packages
        if Role.CANDIDATE in package.roles
    }


def _targets(
    facts: Facts, offered: Mapping[tuple[str, str], SnapshotPackage], sources: frozenset[str]
) -> tuple[Target, ...]:
    """Return the newer versions of every installed package of the chosen sources, together.

    Binaries of one source are never updated apart: libnetplan and netplan.io were, and hosts
    lost their network (CloudAMQP, April 2021).
    """
    targets = []
    for package in facts.packages:
        candidate = offered.get((package.name, package.architecture))
        if (
            candidate is not None
            and {candidate.source_name, judged_as(package)[0]} & sources
            and compare(candidate.version, package.version) > 0
        ):
            targets.append(Target(package.name, package.architecture, candidate.version))
    return tuple(targets)


def left_out(facts: Facts, question: Question) -> tuple[tuple[str, str], ...]:
    """Return updates of a host that the snapshot leaves out, with the reason."""
    updates = {(u.name, u.architecture): u for u in question.snapshot.manifest.left_out}
    return tuple(
        (package.key, update.reason)
        for package in facts.packages
        if (update := updates.get((package.name, package.architecture))) is not None
        and (not question.sources or package.source_name in question.sources)
        and compare(update.version, package.version) > 0
    )
