"""Hosts of an OpenSSH client configuration (ssh_config(5))."""

import re
import shlex
from dataclasses import dataclass

from oakum.core.errors import InputError


@dataclass(frozen=True, slots=True)
class KnownAddress:
    """A host as another program's files describe it."""

    name: str
    address: str
    port: int
    user: str
    identity_file: str = ""
    proxy_jump: str = ""
    labels: tuple[str, ...] = ()


SPLIT = re.compile(r"\s*=\s*|\s+")
Options = dict[str, str]


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
        keyword, _, value = _option(words, f"{place}:{number}")
        if keyword == "host":
            blocks.append((tuple(value.split()), {}))
        elif keyword in {"match", "include"}:
            raise InputError(
                f"{place}:{number}: `{keyword}` is not understood",
                hint="write the hosts out, or import them from an Ansible inventory",
            )
        else:
            blocks[-1][1].setdefault(keyword, value)
    names = [name for patterns, _ in blocks for name in patterns if not set(name) & set("*?!")]
    return tuple(_address(name, blocks, place, default_user) for name in dict.fromkeys(names))


def _option(line: str, place: str) -> tuple[str, str, str]:
    parts = SPLIT.split(line, maxsplit=1)
    if len(parts) != len(("keyword", "value")):
        raise InputError(f"{place}: {line!r} has no value")
    try:
        value = " ".join(shlex.split(parts[1]))
    except ValueError as error:
        raise InputError(f"{place}: {error}") from error
    return parts[0].lower(), "", value


def _address(
    name: str, blocks: list[tuple[tuple[str, ...], Options]], place: str, default_user: str
) -> KnownAddress:
    options: Options = {}
    for patterns, values in blocks:
        if _applies(name, patterns):
            for keyword, value in values.items():
                options.setdefault(keyword, value)
    port = options.get("port", "22")
    if not port.isdecimal():
        raise InputError(f"{place}: the port of {name!r} is {port!r}")
    return KnownAddress(
        name=name,
        address=options.get("hostname", name).replace("%h", name),
        port=int(port),
        user=options.get("user", default_user),
        identity_file=options.get("identityfile", ""),
        proxy_jump=options.get("proxyjump", "").replace("none", ""),
    )


def _applies(name: str, patterns: tuple[str, ...]) -> bool:
    negated = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    positive = [pattern for pattern in patterns if not pattern.startswith("!")]
    return any(_glob(p, name) for p in positive) and not any(_glob(p, name) for p in negated)


def _glob(pattern: str, name: str) -> bool:
    inside = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(inside, name) is not None
