"""What is put on a host so that its root obeys signed orders only: every file, line by line."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff

from oakum.core.errors import InputError
from oakum.core.ids import HostId
from oakum.core.orders.order import MAX_SIGNATURES
from oakum.core.text import harmless, one_line

PROGRAMS = "/usr/lib/oakum"
VERIFIER = f"{PROGRAMS}/verifier"
CONFIGURATION = "/etc/oakum"
PROGRAM_MODE, READABLE, SUDOERS_MODE = 0o755, 0o644, 0o440
SETTINGS = 'env_reset, !env_keep, !env_check, !setenv, secure_path="/usr/sbin:/usr/bin:/sbin:/bin"'
"""For the verifier alone: its environment is root's, whatever sudo keeps for others."""
KEY_KINDS = ("ssh-ed25519", "sk-ssh-ed25519@openssh.com")
USER = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
URL = re.compile(r"https?://[A-Za-z0-9._~:/@%+-]+")
"""As verifier.sh has it: what is written otherwise, hosts would refuse."""
BLOB = re.compile(r"[A-Za-z0-9+/]+={0,2}")


@dataclass(frozen=True, slots=True)
class HostFile:
    """A file as it shall be on a host; root's, and nobody else may write it."""

    path: str
    mode: int
    content: str


@dataclass(frozen=True, slots=True)
class Preparation:
    """What a host shall obey, and who logs in to say it."""

    host: HostId
    user: str
    """The ordinary account that the controller logs in as."""
    approvers: tuple[str, ...]
    """Public keys, `ssh-ed25519 AAAA… name`, sorted, each once."""
    threshold: int
    login_keys: tuple[str, ...]
    """Public keys that may log in as the account."""
    snapshots: str
    """The URL that every snapshot is below, by its id: root reads the index of no other."""


def read_approvers(text: str) -> tuple[str, ...]:
    """Return the keys of a file with one public key a line, each once, sorted.

    Raises InputError for any other kind of key: a line that is skipped would be an approver lost.
    """
    found: dict[tuple[str, str], str] = {}
    for line in text.splitlines():
        kind, blob, name = (*line.split(maxsplit=2), "", "", "")[:3]
        if not kind or kind.startswith("#"):
            continue
        if kind not in KEY_KINDS or BLOB.fullmatch(blob) is None or not name.isascii():
            raise InputError(
                f"{one_line(line, 80)!r} is no approver's key",
                hint="write one public key a line as `ssh-keygen -t ed25519` makes it: "
                "ssh-ed25519 AAAA… name",
            )
        found.setdefault((kind, blob), " ".join((kind, blob, *harmless(name).split())))
    return tuple(sorted(found.values()))


def require_sense(preparation: Preparation) -> None:
    """Raise InputError for a preparation that could never be obeyed, or that would be no guard."""
    known = len(preparation.approvers)
    if not 1 <= preparation.threshold <= min(known, MAX_SIGNATURES):
        raise InputError(
            f"{preparation.threshold} of {known} approvers cannot be asked for",
            hint=f"give --threshold from 1 to the number of keys, {MAX_SIGNATURES} at most",
        )
    if USER.fullmatch(preparation.user) is None or preparation.user == "root":
        raise InputError(
            f"{one_line(preparation.user)!r} cannot be the account",
            hint="an ordinary account of its own, for example: oakum",
        )
    if not preparation.login_keys:
        raise InputError("nobody could log in: no login key is given", hint="give --login-key FILE")
    if URL.fullmatch(preparation.snapshots) is None:
        raise InputError(
            f"{one_line(preparation.snapshots)!r} is no address that a prepared host would read",
            hint="give [snapshots] url in oakum.toml as http:// or https:// and a name",
        )


def host_files(preparation: Preparation, programs: Mapping[str, str]) -> tuple[HostFile, ...]:
    """Return the files in the order in which they are put there: what grants a right comes last.

    `programs` maps the name of each program in PROGRAMS to its text.
    """
    return (
        *(
            HostFile(
                f"{PROGRAMS}/{name}",
                PROGRAM_MODE if f"{PROGRAMS}/{name}" == VERIFIER else READABLE,
                text,
            )
            for name, text in sorted(programs.items())
        ),
        HostFile(f"{CONFIGURATION}/approvers", READABLE, _lines(preparation.approvers)),
        HostFile(
            f"{CONFIGURATION}/verifier.conf",
            READABLE,
            _lines(
                (
                    f"host {preparation.host}",
                    f"threshold {preparation.threshold}",
                    f"snapshots {preparation.snapshots}",
                )
            ),
        ),
        HostFile(login_keys_file(preparation.user), READABLE, _lines(preparation.login_keys)),
        HostFile(sudoers_file(preparation.user), SUDOERS_MODE, _sudoers(preparation.user)),
    )


def login_keys_file(user: str) -> str:
    """Return where the account's keys are. File and home are root's: the account adds none."""
    return f"/home/{user}/.ssh/authorized_keys"


def sudoers_file(user: str) -> str:
    """Return what grants the account its one program."""
    return f"/etc/sudoers.d/{user}"


def describe(present: Mapping[str, HostFile], wanted: Sequence[HostFile]) -> tuple[str, ...]:
    """Return every line that would change there, as a unified diff; nothing when none does."""
    return tuple(harmless(line) for file in wanted for line in _difference(present, file))


def _difference(present: Mapping[str, HostFile], file: HostFile) -> Iterator[str]:
    before = present.get(file.path)
    if before is not None and before.mode != file.mode:
        yield f"mode of {file.path}: {before.mode:04o} becomes {file.mode:04o}"
    yield from unified_diff(
        before.content.splitlines() if before else [],
        file.content.splitlines(),
        file.path if before else "nothing yet",
        f"{file.path} (mode {file.mode:04o})",
        lineterm="",
    )


def _sudoers(user: str) -> str:
    """Return the rule; settings of a command are read after everybody's, wherever those stand."""
    return _lines(
        (
            f"# Oakum logs in as {user}, which may run this program as root and no other.",
            f"Defaults!{VERIFIER} {SETTINGS}",
            f"{user} ALL=(root) NOPASSWD: {VERIFIER}",
        )
    )


def _lines(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
