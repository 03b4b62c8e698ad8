"""What a host, its address and its user may be called.

These words become arguments of ssh, file names, unit names on hosts and lines of the audit log.
"""

import re

from oakum.core.errors import InputError
from oakum.core.text import is_plain, one_line

HOST_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
RESERVED = re.compile(r"latest|local|(?:plan|rollout)-.*")
"""Commands take these for something else than a host."""
ADDRESS = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9_.:%-]{0,254}")
LABEL = re.compile(r"[\w.@/+-]+(?:=[\w.@/+-]+)?")


def require_host_name(name: str) -> None:
    """Raise InputError unless a host may have this name."""
    if HOST_NAME.fullmatch(name) is None:
        raise InputError(
            f"{_shown(name)} cannot be a host's name",
            hint="up to 100 letters, digits, '.', '_' and '-', the first of them no '.' or '-'; "
            "give the host a name, and its address apart",
        )
    if RESERVED.fullmatch(name):
        raise InputError(
            f"{_shown(name)} cannot be a host's name: commands take it for something else",
            hint="choose another, and give the host's address apart",
        )


def require_address(address: str) -> None:
    """Raise InputError unless this can be a name in DNS or an IP address."""
    if ADDRESS.fullmatch(address) is None:
        raise InputError(f"{_shown(address)} is no address", hint="a name in DNS or an IP address")


def require_argument(word: str, what: str) -> None:
    """Raise InputError for what a program could take for an option, or a terminal for orders."""
    if word.startswith("-") or not is_plain(word):
        raise InputError(f"{_shown(word)} cannot be the {what} of a host")


def require_label(label: str) -> None:
    """Raise InputError for a label that no `--limit` could name."""
    if LABEL.fullmatch(label) is None:
        raise InputError(
            f"{_shown(label)} cannot be a label",
            hint="a word, or key=value: letters, digits, '_', '.', '@', '/', '+' and '-'",
        )


def _shown(word: str) -> str:
    return repr(one_line(word, 60))
