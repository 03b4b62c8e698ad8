"""Hosts of an Ansible inventory, INI and YAML; groups become labels."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from oakum.core.errors import InputError
from oakum.core.inventory.ssh_config import KnownAddress

RANGE = re.compile(r"\[(?P<first>\w+):(?P<last>\w+)(?::(?P<step>\d+))?\]")
MAX_HOSTS = 100_000
Variables = dict[str, str]


@dataclass
class _Inventory:
    variables: dict[str, Variables] = field(default_factory=dict)
    groups: dict[str, set[str]] = field(default_factory=dict)
    children: dict[str, set[str]] = field(default_factory=dict)
    group_variables: dict[str, Variables] = field(default_factory=dict)


def parse_ini(text: str, place: str, default_user: str) -> tuple[KnownAddress, ...]:
    """Return the hosts of an INI inventory. Raises InputError with the line."""
    inventory, group, kind = _Inventory(), "ungrouped", ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        where = f"{place}:{number}"
        if line.startswith("["):
            group, kind = _heading(line, where)
        elif kind == "vars":
            key, equals, value = line.partition("=")
            if not equals:
                raise InputError(f"{where}: {line!r} is no `key=value`")
            inventory.group_variables.setdefault(group, {})[key.strip()] = value.strip(" \"'")
        elif kind == "children":
            inventory.children.setdefault(group, set()).add(line)
        else:
            _host_line(inventory, group, line, where)
    return _addresses(inventory, place, default_user)


def parse_tree(tree: object, place: str, default_user: str) -> tuple[KnownAddress, ...]:
    """Return the hosts of a YAML inventory that was loaded as plain data."""
    if not isinstance(tree, Mapping):
        raise InputError(f"{place}: an inventory is a mapping of groups")
    inventory = _Inventory()
    for group, content in tree.items():
        _group(inventory, str(group), content, place)
    return _addresses(inventory, place, default_user)


def _heading(line: str, where: str) -> tuple[str, str]:
    if not line.endswith("]"):
        raise InputError(f"{where}: the heading {line!r} is not closed")
    group, _, kind = line[1:-1].partition(":")
    if kind not in {"", "vars", "children"}:
        raise InputError(f"{where}: {kind!r} is neither `vars` nor `children`")
    return group, kind


def _host_line(inventory: _Inventory, group: str, line: str, where: str) -> None:
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    variables = dict(word.partition("=")[::2] for word in words[1:])
    for name in _expand(words[0], where):
        inventory.variables.setdefault(name, {}).update(variables)
        inventory.groups.setdefault(group, set()).add(name)
    if len(inventory.variables) > MAX_HOSTS:
        raise InputError(f"{where}: more than {MAX_HOSTS} hosts")


def _expand(pattern: str, where: str) -> Iterator[str]:
    match = RANGE.search(pattern)
    if match is None:
        yield pattern
        return
    for middle in _range(match, where):
        yield from _expand(pattern[: match.start()] + middle + pattern[match.end() :], where)


def _range(match: re.Match[str], where: str) -> list[str]:
    first, last, step = match["first"], match["last"], int(match["step"] or 1)
    if first.isdecimal() and last.isdecimal():
        numbers = range(int(first), int(last) + 1, max(1, step))
        if len(numbers) > MAX_HOSTS:
            raise InputError(f"{where}: the range {match[0]} holds more than {MAX_HOSTS} hosts")
        return [str(number).zfill(len(first)) for number in numbers]
    if len(first) == len(last) == 1:
        return [chr(code) for code in range(ord(first), ord(last) + 1, max(1, step))]
    raise InputError(f"{where}: {match[0]} is no range")


def _group(inventory: _Inventory, name: str, content: object, place: str) -> None:
    if content is None:
        return
    if not isinstance(content, Mapping):
        raise InputError(f"{place}: group {name!r} is no mapping")
    for host, variables in _mapping(content, "hosts", name, place).items():
        values = variables if isinstance(variables, Mapping) else {}
        for expanded in _expand(str(host), place):
            inventory.variables.setdefault(expanded, {}).update(_texts(values))
            inventory.groups.setdefault(name, set()).add(expanded)
    inventory.group_variables.setdefault(name, {}).update(
        _texts(_mapping(content, "vars", name, place))
    )
    for child, inside in _mapping(content, "children", name, place).items():
        inventory.children.setdefault(name, set()).add(str(child))
        _group(inventory, str(child), inside, place)


def _mapping(
    content: Mapping[object, object], key: str, group: str, place: str
) -> Mapping[object, object]:
    value = content.get(key) or {}
    if not isinstance(value, Mapping):
        raise InputError(f"{place}: `{key}` of group {group!r} is no mapping")
    return value


def _texts(values: Mapping[object, object]) -> Variables:
    return {str(key): str(value) for key, value in values.items()}


def _addresses(inventory: _Inventory, place: str, default_user: str) -> tuple[KnownAddress, ...]:
    groups_of = {name: set[str]() for name in inventory.variables}
    for group in {*inventory.groups, *inventory.children}:
        for name in _members(inventory, group, set()):
            groups_of.setdefault(name, set()).add(group)
    return tuple(
        _address(inventory, name, sorted(groups_of[name]), place, default_user)
        for name in sorted(groups_of)
    )


def _members(inventory: _Inventory, group: str, seen: set[str]) -> set[str]:
    if group in seen:
        return set()
    seen.add(group)
    found = set(inventory.groups.get(group, ()))
    for child in inventory.children.get(group, ()):
        found |= _members(inventory, child, seen)
    return found


def _address(
    inventory: _Inventory, name: str, groups: list[str], place: str, default_user: str
) -> KnownAddress:
    variables: Variables = dict(inventory.group_variables.get("all", {}))
    for group in groups:
        variables |= inventory.group_variables.get(group, {})
    variables |= inventory.variables.get(name, {})
    port = variables.get("ansible_port", "22")
    if not port.isdecimal():
        raise InputError(f"{place}: the ansible_port of {name!r} is {port!r}")
    return KnownAddress(
        name=name,
        address=variables.get("ansible_host", name),
        port=int(port),
        user=variables.get("ansible_user", default_user),
        identity_file=variables.get("ansible_ssh_private_key_file", ""),
        labels=tuple(_label(group) for group in groups if group not in {"all", "ungrouped"}),
    )


def _label(group: str) -> str:
    """Return the label of a group: `role_web` is the label `role=web`, other names stay."""
    return group.replace("role_", "role=", 1) if group.startswith("role_") else group
