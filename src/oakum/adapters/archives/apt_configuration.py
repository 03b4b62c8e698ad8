"""The archives that this machine's own apt is configured with, a company's mirror included."""

import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from oakum.core.errors import InputError
from oakum.core.repositories.archive import ArchiveSource
from oakum.core.text import one_line

TIMEOUT_SECONDS = 30
FIELDS = ("SOURCESENTRY", "REPO_URI", "RELEASE", "COMPONENT")
COMMAND = (
    "apt-get", "indextargets", "--no-release-info", "Created-By: Packages",
    "--format", "\t".join(f"$({field})" for field in FIELDS),
)  # fmt: skip
"""Without release information, apt answers from its sources alone: no lists need be there."""

SUITES = ("{release}", "{release}-updates", "{release}-security")
COMPONENTS = frozenset({"main", "contrib", "non-free", "non-free-firmware"})
SCHEMES = ("http:", "https:", "file:")
ENTRY = re.compile(r"[0-9]{1,6}")
KEYRING = "debian-archive-keyring.gpg"
DEBIAN_KEYRINGS = "debian-archive-"
HINT = (
    "name them in oakum.toml, one [[archives]] table a suite ({release}, {release}-updates, "
    '{release}-security), each with: uri = "http://MIRROR/debian", suite = "{release}", '
    'release = "{release}"'
)

SignedBy = Callable[[str], str]
"""Gives what a sources entry (`FILE:NUMBER`) says of its keys; empty when it says nothing."""


@dataclass(frozen=True, slots=True)
class Target:
    """One component of a suite, as apt would fetch it."""

    entry: str
    uri: str
    suite: str
    component: str


def apt_sources(release: str) -> tuple[ArchiveSource, ...]:
    """Return the Debian suites of a release that apt uses here. Raises InputError."""
    found = debian_sources(parse_targets(_ask_apt(release)), release, _read_signed_by)
    if not found:
        raise InputError(
            f"this machine's apt has no Debian archive of {release}",
            hint=HINT.format(release=release),
        )
    return found


def parse_targets(text: str) -> tuple[Target, ...]:
    """Return the targets that apt printed; each architecture has its own line."""
    rows = (line.split("\t") for line in text.splitlines())
    return tuple(dict.fromkeys(Target(*row) for row in rows if len(row) == len(FIELDS)))


def debian_sources(
    targets: tuple[Target, ...], release: str, signed_by: SignedBy
) -> tuple[ArchiveSource, ...]:
    """Return what is Debian's own: third parties use the names of its suites as well.

    A suite that several mirrors offer is taken from the first, as apt does.
    """
    found: list[ArchiveSource] = []
    for suite in (pattern.format(release=release) for pattern in SUITES):
        own = [t for t in targets if t.suite == suite and _is_debian(t, signed_by(t.entry))]
        components = dict.fromkeys(t.component for t in own if t.uri == own[0].uri)
        if own:
            found.append(ArchiveSource(own[0].uri.rstrip("/"), suite, tuple(components), KEYRING))
    return tuple(found)


def parse_signed_by(text: str, path: str, number: int) -> str:
    """Return the keys that one entry of a sources file names (sources.list(5)).

    Raises InputError when the file has no such entry: silence would pass for Debian's own keys.
    """
    is_list = not path.endswith(".sources")
    entries = [[line] for line in text.splitlines()] if is_list else list(_stanzas(text))
    if not 0 < number <= len(entries):
        raise InputError(
            f"{path} has no entry {number}", hint="was it changed just now? run the command again"
        )
    entry = entries[number - 1]
    if not is_list:
        return _field(entry, "signed-by")
    options = entry[0].partition("[")[2].partition("]")[0].split()
    return next((o.partition("=")[2] for o in options if o.startswith("signed-by=")), "")


def _is_debian(target: Target, keys: str) -> bool:
    names = [Path(word).name for word in keys.replace(",", " ").split()]
    return (
        target.component in COMPONENTS
        and target.uri.startswith(SCHEMES)
        and all(name.startswith(DEBIAN_KEYRINGS) for name in names)
    )


def _stanzas(text: str) -> Iterator[list[str]]:
    stanza: list[str] = []
    for line in (*text.splitlines(), ""):
        if line.strip():
            if not line.startswith("#"):
                stanza.append(line)
        elif stanza:
            yield stanza
            stanza = []


def _field(stanza: list[str], wanted: str) -> str:
    lines: list[str] = []
    is_inside = False
    for line in stanza:
        if not line[0].isspace():
            name, _, value = line.partition(":")
            is_inside = name.strip().lower() == wanted
            line = value  # noqa: PLW2901 (the rest of it is like the lines that go on)
        if is_inside:
            lines.append(line.strip())
    return " ".join(lines).strip()


def _read_signed_by(entry: str) -> str:
    path, _, number = entry.rpartition(":")
    if not ENTRY.fullmatch(number):
        raise InputError(f"apt names {one_line(entry, 80)!r} as the place of an entry")
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError) as error:
        raise InputError(f"{one_line(path)} cannot be read: {error}") from error
    return parse_signed_by(text, path, int(number))


def _ask_apt(release: str) -> str:
    hint = HINT.format(release=release)
    try:
        done = subprocess.run(
            COMMAND,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(
            f"this machine's apt did not answer within {TIMEOUT_SECONDS} s", hint=hint
        ) from error
    except FileNotFoundError as error:
        raise InputError(
            "this machine has no apt that could say where the Debian archives are", hint=hint
        ) from error
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
        raise InputError(f"apt cannot read this machine's sources: {last[0]}", hint=hint)
    return done.stdout
