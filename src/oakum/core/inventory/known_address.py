"""A host as another program's files describe it: an ssh_config, an Ansible inventory."""

import re
from dataclasses import dataclass

from oakum.core.errors import InputError
from oakum.core.text import one_line

PORT = re.compile(r"[0-9]{1,5}")
MAX_PORT = 65_535


@dataclass(frozen=True, slots=True)
class KnownAddress:
    """Where a host is, who logs in, and how it is reached."""

    name: str
    address: str
    port: int
    user: str
    identity_file: str = ""
    proxy_jump: str = ""
    labels: tuple[str, ...] = ()
    not_carried_out: tuple[str, ...] = ()
    """Settings that decide how the host is reached, and that Oakum does not carry out."""


def read_port(text: str, what: str) -> int:
    """Return a port. Raises InputError, which says what has it."""
    if not PORT.fullmatch(text) or not 0 < int(text) <= MAX_PORT:
        raise InputError(f"{what} is {one_line(text, 60)!r}, which is no port")
    return int(text)
