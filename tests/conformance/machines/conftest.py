"""Machines of each kind, in a home of their own, from the images that every test shares."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from oakum.bootstrap.application import Application
from oakum.core.ids import HostId
from oakum.core.inventory.host import Host
from oakum.ports.machines import Machine, MachineFile, MachineProvider, MachineSpec
from oakum.ports.transport import CommandResult
from oakum.services.await_boot import await_boot
from oakum.services.break_lab import lab_host
from oakum.settings import read_settings

MARK = MachineFile("/etc/made-for-a-test", b"as it was built\n", 0o640)


@dataclass(frozen=True, slots=True)
class Place:
    """A provider, and the way into its machines."""

    application: Application
    provider: MachineProvider
    directory: Path

    def spec(self, name: str) -> MachineSpec:
        return MachineSpec(
            name=name,
            release="bookworm",
            packages=(),
            is_exact=False,
            source=None,
            files=(MARK,),
            etc_archive=b"",
            setup_script="echo set up >/root/set-up\n",
            authorized_key=self.application.lab_files.authorized_key(),
        )

    def made(self, name: str) -> Machine:
        return self.provider.create(self.spec(name), lambda _: None)

    def booted(self, name: str) -> Machine:
        machine = self.provider.start(name)
        asyncio.run(await_boot(self.application.ssh, self.host(machine)))
        return machine

    def host(self, machine: Machine) -> Host:
        host = lab_host(machine, str(self.application.lab_files.identity_file))
        assert host.id == HostId(machine.name)
        return host

    def ask(self, machine: Machine, script: str) -> str:
        """Run a script in the machine over SSH, with the key that its provider names."""

        async def run() -> CommandResult:
            async with self.application.ssh.connect(self.host(machine)) as session:
                return await session.run(script, timeout_seconds=60)

        result = asyncio.run(run())
        assert result.exit_status == 0, result.stderr
        return result.stdout.decode()


@pytest.fixture(scope="module", params=["nspawn", "nspawn-btrfs", "chroot"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    home = tmp_path_factory.mktemp(request.param) / "home"
    application = Application(read_settings({**os.environ, "OAKUM_HOME": str(home)}))
    provider, _ = application.lab_machines(request.param)
    try:
        yield Place(application, provider, home / "lab/machines" / request.param)
    finally:
        provider.clear()


@pytest.fixture
def machine(place: Place) -> Iterator[Machine]:
    """Make a machine, and boot it."""
    place.made("one")
    try:
        yield place.booted("one")
    finally:
        place.provider.destroy("one")
