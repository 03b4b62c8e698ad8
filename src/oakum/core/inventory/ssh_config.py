"""Hosts of an OpenSSH client configuration (ssh_config(5))."""

import re
import shlex
from itertools import takewhile

from oakum.core.errors import InputError
from oakum.core.inventory.known_address import KnownAddress, read_port
from oakum.core.text import is_plain, one_line

SPLIT = re.compile(r"\s*=\s*|\s+")
Options = dict[str, str]
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


def parse_ssh_config(text: str, place: str, default_user: str) -> tuple[KnownAddress, ...]:
    """Return every host that is named without wildcards.

    Options of `Host` blocks with wildcards are applied as ssh does: the first value found wins.
    `Match` and `Include` are refused, with their line: to guess at them could reach a wrong host.
    """
    blocks: list[tuple[tuple[str, ...], Options]] = [(("*",), {})]
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
                read_port(values[0], f"{where}: the port")
            blocks[-1][1].setdefault(keyword, " ".join(values))
    names = [name for patterns, _ in blocks for name in patterns if not set(name) & set("*?!")]
    return tuple(_address(name, blocks, default_user) for name in dict.fromkeys(names))


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


def _address(
    name: str, blocks: list[tuple[tuple[str, ...], Options]], default_user: str
) -> KnownAddress:
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
    inside = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(inside, name) is not None
