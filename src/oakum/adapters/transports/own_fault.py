"""What keeps us from asking a host though nothing is wrong with it."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oakum.core.errors import ControllerError
from oakum.core.inventory.host import Host
from oakum.core.text import one_line

SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
"""What the system answers when this machine has no more files or memory for a connection."""


def identity_unusable(host: Host, why: str) -> ControllerError:
    """Return the error for an identity file that cannot be read here."""
    return ControllerError(
        f"the identity file of {host.name}, {host.identity_file}, cannot be used: {one_line(why)}",
        hint="a key with a passphrase belongs into an ssh agent, with no identity file given",
    )


def no_key(host: Host, why: str) -> ControllerError:
    """Return the error for a machine that has no usable key at all to log in with."""
    return ControllerError(
        f"there is no key here to log in to {host.name} with: {one_line(why)}",
        hint="`ssh-add -l`, in the environment that Oakum runs in, shows what the agent holds; add "
        "the key, or give the host an identity file",
    )


@contextmanager
def done_here(host: Host) -> Iterator[None]:
    """Raise ControllerError for what this machine's system refuses: no host was asked yet."""
    try:
        yield
    except OSError as error:
        raise ControllerError(
            f"no connection to {host.name} can be opened here: {error.strerror or error}",
            hint="is ssh installed, and has Oakum room in /tmp, files (`ulimit -n`) and memory?",
        ) from error


def missing_identity(host: Host) -> ControllerError | None:
    """Return why a login could not but be refused: ssh itself says nothing of a key that is away.

    A public key alone is enough for an agent, and what ssh expands is not expanded here.
    """
    if not host.identity_file or "%" in host.identity_file or "$" in host.identity_file:
        return None
    path = Path(host.identity_file).expanduser()
    first = None
    for file in (path, path.with_name(f"{path.name}.pub")):
        try:
            with file.open("rb"):
                return None
        except OSError as error:
            first = first or error
    return None if first is None else identity_unusable(host, first.strerror or str(first))
