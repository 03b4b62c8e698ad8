"""Wait until a machine that was started answers and has started what it starts at boot."""

import asyncio
import time

from oakum.core.errors import HostError, TransportError
from oakum.core.inventory.host import Host
from oakum.ports.transport import Transport

BOOT_SECONDS = 90
PAUSE_SECONDS = 0.3

WAIT_UNTIL_BOOTED = """
[ -d /run/systemd/system ] || exit 0
systemctl is-system-running --wait >/dev/null 2>&1 && exit 0
systemctl is-system-running
systemctl --failed --plain --no-legend | cut -d ' ' -f 1
"""


async def await_boot(transport: Transport, host: Host) -> tuple[str, ...]:
    """Wait; return what systemd says is wrong, the state first. Nothing is good.

    Raises TransportError when the host does not answer within BOOT_SECONDS.
    """
    end = time.monotonic() + BOOT_SECONDS
    while True:
        try:
            async with transport.connect(host) as session:
                result = await session.run(WAIT_UNTIL_BOOTED, timeout_seconds=BOOT_SECONDS)
        except TransportError:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            return tuple(result.stdout.decode(errors="replace").split())


async def require_booted(transport: Transport, host: Host) -> None:
    """Wait; raise HostError when something of it failed."""
    wrong = await await_boot(transport, host)
    if wrong:
        raise HostError(f"{host.name} has booted, and is not well: {' '.join(wrong)}")
