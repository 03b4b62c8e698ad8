"""Build a twin: a throw-away machine from a production host's own manifest and configuration."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from oakum.core.errors import HostError
from oakum.core.inventory.facts import Facts
from oakum.core.inventory.host import Host
from oakum.ports.machines import MachineProvider, MachineSpec, PackagePin, PackageSource
from oakum.ports.package_manager import SnapshotAccess
from oakum.ports.transport import Transport
from oakum.services.await_boot import await_boot

READ_ETC_SECONDS = 120
MAX_FILE_KIB = 1024

READ_ETC = """
limit=$1
shift
cd / || exit
# A password that stands in /etc/passwd itself does not leave the host.
hidden=/
awk -F : '$2 !~ /^[x*!]*$/ { exit 1 }' etc/passwd || hidden=etc/passwd
list() { # $1: which kinds of file; the others: where
  kinds=$1
  shift
  find etc "$@" -xdev \\( $kinds \\) ! -path "$hidden" \\
    ! -path 'etc/ssl/private*' ! -path 'etc/ssl/certs/*' ! -name '*.key' ! -name '*.keytab' \\
    ! -name '*.p12' ! -name '*.pfx' ! -name '*.jks' ! -name 'ssh_host_*' ! -name '*secrets' \\
    ! -path 'etc/wireguard/*' ! -path 'etc/apt/auth.conf*' ! -name 'shadow*' ! -name 'gshadow*' \\
    ! -name 'passwd-' ! -name 'group-' ! -name 'sub?id*' ! -path 'etc/hostname' \\
    ! -path 'etc/hosts' ! -path 'etc/machine-id' ! -path 'etc/resolv.conf' ! -path 'etc/fstab' \\
    ! -path 'etc/mtab' \\
    -print0
}
{
  list '-type d -o -type l' "$@"
  # What nobody but root may read is taken for a secret.
  list "-type f -size -${limit}k ( ! -uid 0 -o -perm /077 )" "$@" |
    xargs -0 -r grep -L -Z -e 'BEGIN .*PRIVATE KEY' --
} | tar -c -f - --no-recursion --null -T - 2>/dev/null
"""
"""Prints a tar of what a twin may have: no keys, no secrets, nothing that names the host itself."""


@dataclass(frozen=True, slots=True)
class TwinBuilder:
    """Builds twins with a machine provider."""

    provider: MachineProvider
    transport: Transport
    authorized_key: str
    identity_file: str
    copied: tuple[str, ...]
    """Directories beside /etc that a twin gets as well, without the leading slash."""

    @asynccontextmanager
    async def build(
        self, name: str, host: Host, facts: Facts, access: SnapshotAccess
    ) -> AsyncIterator[Host]:
        """Give the twin of a host, booted; it is gone when the context is left."""
        etc = await self._read_etc(host)
        spec = MachineSpec(
            name=name,
            release=facts.distribution.codename,
            packages=tuple(
                PackagePin(p.name, p.architecture, p.version, p.is_automatic, p.is_held)
                for p in facts.packages
            ),
            is_exact=True,
            source=PackageSource(access.url, access.suite, "main", access.public_key),
            files=(),
            etc_archive=etc,
            setup_script="true\n",
            authorized_key=self.authorized_key,
        )
        await asyncio.to_thread(self.provider.destroy, name)
        try:
            machine = await asyncio.to_thread(self.provider.create, spec, lambda _: None)
            await asyncio.to_thread(self.provider.start, name)
            twin = replace(
                host,
                address=machine.address,
                port=machine.port,
                user="root",
                host_key=machine.host_key,
                identity_file=self.identity_file,
                proxy_jump="",
                guard=None,
            )
            await await_boot(self.transport, twin)
            yield twin
        finally:
            await asyncio.to_thread(self.provider.destroy, name)

    async def clear(self) -> None:
        """Remove the twins of a rehearsal that was killed."""
        await asyncio.to_thread(self.provider.clear)

    async def _read_etc(self, host: Host) -> bytes:
        async with self.transport.connect(host) as session:
            result = await session.run(
                READ_ETC, str(MAX_FILE_KIB), *self.copied, timeout_seconds=READ_ETC_SECONDS
            )
        if not result.stdout:
            raise HostError(
                f"{host.name} did not hand over its /etc",
                hint="a twin needs the configuration; may the login read /etc as root?",
            )
        return result.stdout
