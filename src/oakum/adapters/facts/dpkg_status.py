"""dpkg's own list of packages, `/var/lib/dpkg/status`: enough to judge a host that nobody asks.

The format is deb822 (dpkg(1), deb-control(5)): a stanza a package, a field a line.
"""

import os
import re
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from pathlib import Path

from oakum.adapters.facts.dpkg_words import ARCHITECTURE, NOT_ON_DISK, PACKAGE_NAME
from oakum.core.errors import InputError
from oakum.core.inventory.distribution import system_by_base_files
from oakum.core.inventory.facts import Facts, RunningKernel, UnreadableLine
from oakum.core.inventory.package import InstalledPackage
from oakum.core.text import is_plain, one_line
from oakum.core.versions.deb import is_version

FIELD = re.compile(rb"\n(Package|Status|Architecture|Source|Version|Built-Using): ?([^\n]*)")
"""Begins with a character that can be searched for: a `^` would be tried at each one."""
SOURCE = re.compile(r"(?P<name>\S+)(?: \((?P<version>\S+)\))?")
WANTED = {"unknown": "u", "install": "i", "deinstall": "r", "hold": "h", "purge": "p"}
ACTUAL = {
    "not-installed": "n", "config-files": "c", "half-installed": "H", "unpacked": "U",
    "half-configured": "F", "triggers-awaited": "W", "triggers-pending": "t", "installed": "i",
}  # fmt: skip
ERROR = {"ok": "", "reinstreq": "R"}


MAX_BYTES = 64 * 1024 * 1024
BEGIN = b"\n\nPackage: "
"""How stanzas begin; a search for it is quicker than one for any empty line."""
USUAL_BYTES = 4096
"""Stanzas are seldom longer; those that are, are not remembered."""
REMEMBERED = 1 << 14
IN_ORDER = attrgetter("name", "architecture")


def read_dpkg_status(path: Path, now: datetime) -> Facts:
    """Return what a copy of the file tells of a host, which is called as the path.

    Raises InputError when it cannot be read, or names no package.
    """
    name = one_line(str(path), 200)
    try:
        with path.open("rb") as file:
            # Room for the largest that may come takes longer to get than a file takes to be read.
            size = os.fstat(file.fileno()).st_size
            content = file.read(min(size, MAX_BYTES) + 1)
            if len(content) > size:
                content += file.read(MAX_BYTES + 1 - len(content))
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}", hint=HINT) from error
    if len(content) > MAX_BYTES:
        raise InputError(f"{name} is larger than {MAX_BYTES >> 20} MiB", hint=HINT)
    return parse_dpkg_status(content, name, now)


HINT = "give a copy of the host's /var/lib/dpkg/status"


def parse_dpkg_status(content: bytes, name: str, now: datetime) -> Facts:
    """Return what the list tells of a host. What it cannot tell is marked as not seen.

    That is the booted kernel, what processes still run, and from which archive packages come.
    Raises InputError when nothing in it is a package.
    """
    packages: dict[tuple[str, str, str], InstalledPackage] = {}
    unreadable = []
    first, *others = (b"\n\n" + content).split(BEGIN)
    for text in (first, *(BEGIN + other for other in others)):
        known = _known_packages(text) if len(text) < USUAL_BYTES else _packages(text)
        for number, package in enumerate(known):
            if package is not None:
                key = (package.name, package.architecture, package.version)
                if key not in packages:
                    if package.status[1] not in NOT_ON_DISK:
                        packages[key] = package
                    continue
            unreadable.append(_unreadable(_stanzas(text)[number]))
    if not packages:
        raise InputError(f"{one_line(name, 200)} names no installed package", hint=HINT)
    base = next((p.version for p in packages.values() if p.name == "base-files"), "")
    return Facts(
        now, name, "", "", "", system_by_base_files(base), RunningKernel("", ""), has_systemd=False,
        is_container=False,
        packages=tuple(sorted(packages.values(), key=IN_ORDER)),
        saw_all_processes=False, has_package_indices=False, unreadable=tuple(unreadable),
    )  # fmt: skip


def _unreadable(stanza: bytes) -> UnreadableLine:
    return UnreadableLine("packages", one_line(stanza.decode(errors="replace")))


def _packages(text: bytes) -> tuple[InstalledPackage | None, ...]:
    """Return what these stanzas tell, which is nearly always one; None for what is unreadable."""
    return tuple(_package(stanza) for stanza in _stanzas(text))


_known_packages = lru_cache(REMEMBERED)(_packages)
"""Hosts of one release have most stanzas in common, to the last letter."""


def _stanzas(text: bytes) -> list[bytes]:
    return [stanza for stanza in text.split(b"\n\n") if stanza.strip()]


def _package(stanza: bytes) -> InstalledPackage | None:
    found = FIELD.findall(b"\n" + stanza)
    fields = {name.decode(): value.decode(errors="replace") for name, value in found}
    name, version = fields.get("Package", ""), fields.get("Version", "").strip()
    architecture, status = fields.get("Architecture", ""), _status(fields.get("Status", ""))
    source = SOURCE.fullmatch(fields.get("Source") or name)
    if source is None or status is None or not PACKAGE_NAME.fullmatch(name):
        return None
    if status[1] in NOT_ON_DISK:
        return InstalledPackage(name, version, architecture, name, version, status)
    source_version = source["version"] or version
    readable = (
        PACKAGE_NAME.fullmatch(source["name"])
        and ARCHITECTURE.fullmatch(architecture)
        and is_version(version)
        and is_version(source_version)
    )
    built_using = fields.get("Built-Using", "")
    if not readable or not is_plain(built_using):
        return None
    return InstalledPackage(
        name, version, architecture, source["name"], source_version, status,
        built_using=built_using,
    )  # fmt: skip


@lru_cache(REMEMBERED)
def _status(text: str) -> str | None:
    """Return `hi` for `hold ok installed`, as dpkg abbreviates it; None for no such words."""
    words = text.split()
    if len(words) != len(("wanted", "error", "actual")):
        return None
    wanted, error, actual = WANTED.get(words[0]), ERROR.get(words[1]), ACTUAL.get(words[2])
    return None if None in {wanted, error, actual} else f"{wanted}{actual}{error}"
