"""Run the lab: real hosts on this machine, up and down, broken and mended."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TypeVar

from oakum.core.errors import ConflictError, InputError, NotFoundError
from oakum.core.repositories.archive import ArchiveSource
from oakum.core.staging.lab import (
    MAKE_USER,
    MAX_HOSTS,
    MIN_HOSTS,
    SUDOERS,
    LabHost,
    LabRole,
    RoleFile,
    deal,
    sources_file,
)
from oakum.ports.lab import LabFiles, ProviderChoice
from oakum.ports.machines import (
    Machine,
    MachineFile,
    MachineProvider,
    MachineSpec,
    PackagePin,
)

RELEASE = "bookworm"
SUDOERS_MODE = 0o440
STARTING_AT_ONCE = 4
BUILDING_AT_ONCE = 3
SECONDS_A_HOST = 1.0
"""As measured on two cores with images in the cache."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lab:
    """The lab."""

    files: LabFiles
    choose: ProviderChoice
    archives: Callable[[str], tuple[ArchiveSource, ...]]
    """Gives the archives of a release, asked only when hosts are built."""
    say: Callable[[str], None]

    def up(self, hosts: int, provider: str) -> tuple[Machine, ...]:
        """Bring up that many hosts; those that are up already are left as they are."""
        if not MIN_HOSTS <= hosts <= MAX_HOSTS:
            raise InputError(
                f"a lab has {MIN_HOSTS} to {MAX_HOSTS} hosts, not {hosts}",
                hint="give --hosts a number in between",
            )
        machines_of = self._choose(provider)
        wanted = deal(hosts)
        _require_no_others(machines_of.names(), wanted)
        self.files.remember_provider(machines_of.name)
        known = {machine.name for machine in machines_of.machines()}
        self._build(machines_of, [host for host in wanted if host.name not in known])
        _in_threads(machines_of.start, [host.name for host in wanted], STARTING_AT_ONCE)
        machines = machines_of.machines()
        self.files.write_access(machines, {host.name: host.role.name for host in wanted})
        return machines

    def down(self) -> int:
        """Remove every machine and file of the lab; return how many machines there were."""
        count = sum(self._provider(name).clear() for name in ("nspawn", "nspawn-btrfs", "chroot"))
        self.files.remove()
        return count

    def status(self) -> tuple[Machine, ...]:
        """Return the machines of the lab."""
        name = self.files.provider()
        return self._provider(name).machines() if name else ()

    def machine(self, name: str) -> Machine:
        """Return a host of the present lab. Raises NotFoundError."""
        machines = {machine.name: machine for machine in self.provider().machines()}
        if name not in machines:
            raise NotFoundError(
                f"the lab has no host {name!r}", hint=f"its hosts are: {', '.join(machines)}"
            )
        return machines[name]

    def provider(self) -> MachineProvider:
        """Return the provider of the present lab."""
        name = self.files.provider()
        if not name:
            raise InputError("there is no lab", hint="`oakum lab up` makes one")
        return self._provider(name)

    def _choose(self, wanted: str) -> MachineProvider:
        """Return the present lab's provider, or choose one for a new lab and say why."""
        present = self.files.provider()
        if not present or not self._provider(present).names():
            chosen, why = self.choose(wanted)
            self.say(why)
            return chosen
        if wanted not in {"auto", present}:
            raise ConflictError(
                f"the lab has {present} machines, not {wanted} ones",
                hint="take it down first: oakum lab down",
            )
        return self._provider(present)

    def _build(self, machines_of: MachineProvider, hosts: Sequence[LabHost]) -> None:
        if not hosts:
            return
        self.say(f"building {len(hosts)} hosts: about {len(hosts) * SECONDS_A_HOST:.0f} s")
        done: list[str] = []
        begun = time.monotonic()

        def build(host: LabHost) -> None:
            machines_of.create(self._spec(host), self.say)
            done.append(host.name)
            left = (len(hosts) - len(done)) * (time.monotonic() - begun) / len(done)
            ahead = f", about {left:.0f} s left" if len(done) < len(hosts) else ""
            self.say(f"{host.name} is built ({len(done)} of {len(hosts)}{ahead})")

        _in_threads(build, hosts, BUILDING_AT_ONCE)

    def _provider(self, name: str) -> MachineProvider:
        return self.choose(f"{name}!")[0]

    def _spec(self, host: LabHost) -> MachineSpec:
        role: LabRole = host.role
        files = (sources_file(self.archives(RELEASE)), SUDOERS, *role.files)
        return MachineSpec(
            name=host.name,
            release=RELEASE,
            packages=tuple(PackagePin(name) for name in role.packages),
            is_exact=False,
            source=None,
            files=tuple(_file(file) for file in files),
            etc_archive=b"",
            setup_script=f"{MAKE_USER}\n{role.setup_script}",
            authorized_key=self.files.authorized_key(),
        )


def _require_no_others(names: Sequence[str], wanted: Sequence[LabHost]) -> None:
    others = sorted(set(names) - {host.name for host in wanted})
    if others:
        raise ConflictError(
            f"the lab has more than {len(wanted)} hosts: also {', '.join(others)}",
            hint="take it down first: oakum lab down",
        )


def _in_threads(work: Callable[[T], object], items: Sequence[T], at_once: int) -> None:
    """Do it for every item; after a failure or an interruption nothing more is begun."""
    threads = ThreadPoolExecutor(at_once)
    try:
        for future in as_completed([threads.submit(work, item) for item in items]):
            future.result()
    finally:
        threads.shutdown(cancel_futures=True)


def _file(file: RoleFile) -> MachineFile:
    mode = SUDOERS_MODE if file.path.startswith("/etc/sudoers.d/") else 0o644
    return MachineFile(file.path, file.content.encode(), mode)
