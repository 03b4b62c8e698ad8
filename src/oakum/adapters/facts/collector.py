"""The collector: one script, one round trip."""

import hashlib
import secrets
from datetime import datetime
from importlib.resources import files

from oakum.adapters.facts.parse import parse_facts
from oakum.core.errors import HostError
from oakum.core.inventory.facts import Facts, IndexReading
from oakum.core.text import one_line
from oakum.ports.transport import GuardedSession, Session

SCRIPT = (files(__package__) / "facts.sh").read_text()
EDITION = hashlib.sha256(
    b"".join(
        (files(__package__) / name).read_bytes()
        for name in ("facts.sh", "parse.py", "dpkg_words.py")
    )
).hexdigest()
"""An answer is kept for as long as who asks and who reads it are the same."""
TIMEOUT_SECONDS = 120
PREPARE_AGAIN = "if Oakum was upgraded since, prepare the host again: oakum hosts prepare"
"""A prepared host answers with the script that lies there, which may be an older one."""


class ShellFactCollector:
    """Runs facts.sh."""

    async def collect(
        self, session: Session, *, now: datetime, last: IndexReading | None = None
    ) -> Facts:
        """Return the host's facts. A prepared host tells all each time: it takes no digest."""
        token = secrets.token_hex(16)
        if isinstance(session, GuardedSession):
            result = await session.ask("facts", token, timeout_seconds=TIMEOUT_SECONDS)
        else:
            kept = last.indices_digest if last else ""
            words = (token, EDITION, kept)
            result = await session.run(SCRIPT, *words, timeout_seconds=TIMEOUT_SECONDS)
        try:
            return parse_facts(result.stdout, token, now, last)
        except HostError as error:
            said = one_line(result.stderr.decode(errors="replace"))
            hint = PREPARE_AGAIN if isinstance(session, GuardedSession) else error.hint
            raise HostError(
                f"{error.message}" + (f" (it also said: {said})" if said else ""), hint=hint
            ) from error
