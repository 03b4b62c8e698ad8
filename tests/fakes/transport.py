"""A host that answers from a script."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from oakum.core.errors import OakumError
from oakum.core.inventory.host import Host
from oakum.ports.transport import CommandResult, Session

Answer = CommandResult | OakumError


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to the fake."""

    script: str
    arguments: tuple[str, ...]
    stdin: bytes


@dataclass
class FakeSession:
    """Answers every question by a function of it, and remembers what was asked."""

    answer: Callable[[Asked], Answer]
    asked: list[Asked] = field(default_factory=list)

    async def run(
        self, script: str, *arguments: str, stdin: bytes = b"", timeout_seconds: float
    ) -> CommandResult:
        assert timeout_seconds > 0
        question = Asked(script, arguments, stdin)
        self.asked.append(question)
        answer = self.answer(question)
        if isinstance(answer, OakumError):
            raise answer
        return answer


@dataclass
class FakeTransport:
    """Opens one session for each host that it knows, and refuses the others as it is told."""

    sessions: dict[str, FakeSession] = field(default_factory=dict)
    refusals: dict[str, OakumError] = field(default_factory=dict)

    def connect(self, host: Host) -> AbstractAsyncContextManager[Session]:
        return self._connect(host)

    @asynccontextmanager
    async def _connect(self, host: Host) -> AsyncIterator[Session]:
        if host.name in self.refusals:
            raise self.refusals[host.name]
        yield self.sessions[host.name]
