"""Hosts of an OpenSSH client configuration (ssh_config(5))."""

import re
import shlex
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import takewhile

from oakum.core.errors import InputError
from oakum.core.inventory.known_address import KnownAddress, read_port
from oakum.core.text import is_plain, one_line

SPLIT = re.compile(r"\s*=\s*|\s+")
Options = dict[str, str]
_Block = tuple[tuple[str, ...], Options]
"""Patterns, and the options that hold for hosts that they fit."""
NOT_CARRIED_OUT = {
    "bindaddress": "BindAddress",
    "bindinterface": "BindInterface",
    "canonicalizehostname": "CanonicalizeHostname",
    "certificatefile": "CertificateFile",
    "hostkeyalias": "HostKeyAlias",
    "pkcs11provider": "PKCS11Provider",
    "proxycommand": "ProxyCommand",
    "securitykeyprovider": "SecurityKeyProvider",
}
"""Without these ssh would come to another machine, by another way, or as somebody else."""
OFF = {"none", "no"}
WILD = frozenset("*?!")
MAX_COMPARISONS = 10_000_000
"""Of a host with a block: no configuration that people keep comes near it."""


def parse_ssh_config(text: str, place: str, default_user: str) -> tuple[KnownAddress, ...]:
    """Return every host that is named without wildcards.

    Options of `Host` blocks with wildcards are applied as ssh does: the first value found wins.
    `Match` and `Include` are refused, with their line: to guess at them could reach a wrong host.
    """
    blocks: list[_Block] = [(("*",), {})]
    for number, line in enumerate(text.splitlines(), 1):
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        where = f"{place}:{number}"
        keyword, values = _option(words, where)
        if keyword == "host":
            blocks.append((values, {}))
        elif keyword in {"match", "include"}:
            raise InputError(
                f"{where}: `{keyword}` is not understood",
                hint="write the hosts out, or import them from an Ansible inventory",
            )
        else:
            if keyword == "port":
                read_port(" ".join(values), f"{where}: the port")
            blocks[-1][1].setdefault(keyword, " ".join(values))
    return tuple(_addresses(blocks, place, default_user))


def _addresses(blocks: list[_Block], place: str, default_user: str) -> Iterator[KnownAddress]:
    """Give each host; only blocks that name it, and those with wildcards, are held against it."""
    named, general = dict[str, list[int]](), list[int]()
    for number, (patterns, _) in enumerate(blocks):
        if any(set(pattern) & WILD for pattern in patterns):
            general.append(number)
        for name in patterns:
            if not set(name) & WILD:
                named.setdefault(name, []).append(number)
    if len(named) * len(general) > MAX_COMPARISONS:
        raise InputError(
            f"{place}: {len(general)} blocks with wildcards are too many for {len(named)} hosts"
        )
    for name, numbers in named.items():
        own = [blocks[number] for number in sorted({*numbers, *general})]
        yield _address(name, own, default_user)


def _option(line: str, where: str) -> tuple[str, tuple[str, ...]]:
    """Return the keyword and its values; a word that begins with `#` begins a comment."""
    keyword, *rest = SPLIT.split(line, maxsplit=1)
    try:
        words = shlex.split(" ".join(rest))
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    values = tuple(takewhile(lambda word: not word.startswith("#"), words))
    if not values:
        raise InputError(f"{where}: {one_line(line)!r} has no value")
    if not is_plain("".join(values)):
        raise InputError(f"{where}: {one_line(line)!r} holds control characters")
    return keyword.lower(), values


def _address(name: str, blocks: list[_Block], default_user: str) -> KnownAddress:
    options: Options = {}
    for patterns, values in blocks:
        if _applies(name, patterns):
            for keyword, value in values.items():
                options.setdefault(keyword, value)
    jump = options.get("proxyjump", "none")
    return KnownAddress(
        name=name,
        address=options.get("hostname", name).replace("%h", name),
        port=int(options.get("port", "22")),
        user=options.get("user", default_user),
        identity_file=options.get("identityfile", ""),
        proxy_jump="" if jump.lower() == "none" else jump,
        not_carried_out=tuple(
            spelled
            for keyword, spelled in NOT_CARRIED_OUT.items()
            if options.get(keyword, "none").lower() not in OFF
        ),
    )


def _applies(name: str, patterns: tuple[str, ...]) -> bool:
    negated = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    positive = [pattern for pattern in patterns if not pattern.startswith("!")]
    return any(_glob(p, name) for p in positive) and not any(_glob(p, name) for p in negated)


def _glob(pattern: str, name: str) -> bool:
    # In ssh a bracket is a character like others. fnmatch goes back over nothing that it matched.
    return fnmatchcase(name, pattern.replace("[", "[[]"))
