"""Sessions with prepared hosts are told apart from the others, whatever transport opens them."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from oakum.core.inventory.host import Host
from oakum.ports.transport import GuardedSession, Session, Transport


class GuardedTransport:
    """Opens sessions with another transport, and guarded ones with hosts that have a guard."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    def connect(self, host: Host) -> AbstractAsyncContextManager[Session]:
        """Open a session."""
        return self._inner.connect(host) if host.guard is None else self._connect(host)

    @asynccontextmanager
    async def _connect(self, host: Host) -> AsyncIterator[Session]:
        async with self._inner.connect(host) as session:
            yield GuardedSession(session)
