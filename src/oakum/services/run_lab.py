"""Run the lab: real hosts on this machine, up and down, broken and mended."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from oakum.core.errors import InputError
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
            raise InputError(f"a lab has {MIN_HOSTS} to {MAX_HOSTS} hosts, not {hosts}")
        machines_of, why = self.choose(self.files.provider() or provider)
        self.say(why)
        self.files.remember_provider(machines_of.name)
        known = {machine.name for machine in machines_of.machines()}
        wanted = deal(hosts)
        for host in wanted:
            if host.name not in known:
                self.say(f"building {host.name} ({host.role.name})")
                machines_of.create(self._spec(host), self.say)
        with ThreadPoolExecutor(STARTING_AT_ONCE) as threads:
            list(threads.map(machines_of.start, [host.name for host in wanted]))
        machines = machines_of.machines()
        place = self.files.write_access(machines, {host.name: host.role.name for host in wanted})
        self.say(f"{len(machines)} hosts; reach them with: ssh -F {place}/ssh_config web-1")
        return machines

    def down(self) -> int:
        """Remove every machine and file of the lab; return how many machines there were."""
        count = 0
        for name in ("nspawn", "chroot"):
            provider = self._provider(name)
            for machine in provider.names():
                provider.destroy(machine)
                count += 1
        self.files.remove()
        return count

    def status(self) -> tuple[Machine, ...]:
        """Return the machines of the lab."""
        name = self.files.provider()
        return self._provider(name).machines() if name else ()

    def provider(self) -> MachineProvider:
        """Return the provider of the present lab."""
        name = self.files.provider()
        if not name:
            raise InputError("there is no lab", hint="`oakum lab up` makes one")
        return self._provider(name)

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


def _file(file: RoleFile) -> MachineFile:
    mode = SUDOERS_MODE if file.path.startswith("/etc/sudoers.d/") else 0o644
    return MachineFile(file.path, file.content.encode(), mode)
