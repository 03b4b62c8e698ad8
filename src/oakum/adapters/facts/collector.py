"""The collector: one script, one round trip."""

import secrets
from datetime import datetime
from importlib.resources import files

from oakum.adapters.facts.parse import parse_facts
from oakum.core.errors import HostError
from oakum.core.inventory.facts import Facts
from oakum.core.text import one_line
from oakum.ports.transport import GuardedSession, Session

SCRIPT = (files(__package__) / "facts.sh").read_text()
TIMEOUT_SECONDS = 120
PREPARE_AGAIN = "if Oakum was upgraded since, prepare the host again: oakum hosts prepare"
"""A prepared host answers with the script that lies there, which may be an older one."""


class ShellFactCollector:
    """Runs facts.sh."""

    async def collect(self, session: Session, *, now: datetime) -> Facts:
        """Return the host's facts."""
        token = secrets.token_hex(16)
        if isinstance(session, GuardedSession):
            result = await session.ask("facts", token, timeout_seconds=TIMEOUT_SECONDS)
        else:
            result = await session.run(SCRIPT, token, timeout_seconds=TIMEOUT_SECONDS)
        try:
            return parse_facts(result.stdout, token, now)
        except HostError as error:
            said = one_line(result.stderr.decode(errors="replace"))
            hint = PREPARE_AGAIN if isinstance(session, GuardedSession) else error.hint
            raise HostError(
                f"{error.message}" + (f" (it also said: {said})" if said else ""), hint=hint
            ) from error
