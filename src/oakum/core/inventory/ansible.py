"""Hosts of an Ansible inventory, INI and YAML; groups become labels."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from oakum.core.errors import InputError
from oakum.core.inventory.known_address import KnownAddress, read_port
from oakum.core.text import is_plain, one_line

HEADING = re.compile(r"\[(?P<group>[^:\]\s]+)(?::(?P<kind>\w+))?\]\s*(?:#.*)?")
CHILD = re.compile(r"(?P<group>[^:\]\s]+)\s*(?:#.*)?")
RANGE = re.compile(r"\[(?P<first>[0-9A-Za-z]+):(?P<last>[0-9A-Za-z]+)(?::(?P<step>[0-9]{1,6}))?\]")
NUMBER = re.compile(r"[0-9]{1,9}")
HOST_AND_PORT = re.compile(r"(?P<host>[^:]+):(?P<port>[0-9]+)")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*")
MAX_HOSTS = 100_000
MAX_NAMINGS = 10 * MAX_HOSTS
"""A host may stand in many groups."""
MAX_STEPS = 10_000_000
"""From hosts to the groups above them."""
MAX_RANGES = 10
"""In one name."""
MAX_DEPTH = 100
"""Groups nest some five deep; rings of them are held at this."""
UNDERSTOOD = {
    "ansible_host": "ansible_host",
    "ansible_ssh_host": "ansible_host",
    "ansible_port": "ansible_port",
    "ansible_ssh_port": "ansible_port",
    "ansible_user": "ansible_user",
    "ansible_ssh_user": "ansible_user",
    "ansible_ssh_private_key_file": "ansible_ssh_private_key_file",
    "ansible_private_key_file": "ansible_ssh_private_key_file",
}
"""With the older names that Ansible still takes, and what they mean."""
NOT_CARRIED_OUT = {
    "ansible_connection": {"ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh"},
    "ansible_ssh_args": {""},
    "ansible_ssh_common_args": {""},
    "ansible_ssh_extra_args": {""},
    "ansible_ssh_executable": {"", "ssh", "/usr/bin/ssh"},
    "ansible_become_method": {"sudo", "ansible.builtin.sudo"},
    "ansible_become_exe": {"", "sudo", "/usr/bin/sudo"},
}
"""What decides how a host is reached, with the values that change nothing for us."""
Variables = dict[str, str]


@dataclass
class _Inventory:
    variables: dict[str, Variables] = field(default_factory=dict)
    groups: dict[str, set[str]] = field(default_factory=dict)
    known_groups: set[str] = field(default_factory=set)
    children: dict[str, dict[str, str]] = field(default_factory=dict)
    """Group → child → the place that says so."""
    group_variables: dict[str, Variables] = field(default_factory=dict)
    namings: int = 0
    """How often a host was named, in whatever group."""


def parse_ini(text: str, place: str, default_user: str) -> tuple[KnownAddress, ...]:
    """Return the hosts of an INI inventory. Raises InputError with the line."""
    inventory, group, kind = _Inventory(), "ungrouped", ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith(("#", ";")):
            continue
        where = f"{place}:{number}"
        if line.startswith("["):
            group, kind = _heading(line, where)
            inventory.known_groups.add(group)
        elif kind == "vars":
            key, equals, value = line.partition("=")
            if not equals:
                raise InputError(f"{where}: {one_line(line)!r} is no `key=value`")
            said = {key.strip(): value.strip(" \"'")}
            inventory.group_variables.setdefault(group, {}).update(_used(said))
        elif kind == "children":
            inventory.children.setdefault(group, {})[_child(line, where)] = where
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
    match = HEADING.fullmatch(line)
    if match is None:
        raise InputError(f"{where}: {one_line(line)!r} is no heading `[group]`")
    kind = match["kind"] or ""
    if kind not in {"", "vars", "children"}:
        raise InputError(f"{where}: {kind!r} is neither `vars` nor `children`")
    return match["group"], kind


def _child(line: str, where: str) -> str:
    match = CHILD.fullmatch(line)
    if match is None:
        raise InputError(f"{where}: {one_line(line)!r} is no name of a group")
    return match["group"]


def _host_line(inventory: _Inventory, group: str, line: str, where: str) -> None:
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    variables = dict(word.partition("=")[::2] for word in words[1:])
    pattern = words[0]
    if match := HOST_AND_PORT.fullmatch(pattern):
        pattern, variables = match["host"], {"ansible_port": match["port"], **variables}
    _add_hosts(inventory, group, pattern, variables, where)


def _add_hosts(
    inventory: _Inventory, group: str, pattern: str, variables: Variables, where: str
) -> None:
    if pattern.count("[") > MAX_RANGES:
        raise InputError(f"{where}: {one_line(pattern, 80)!r} has more than {MAX_RANGES} ranges")
    for name in _expand(pattern, where):
        if not NAME.fullmatch(name):
            raise InputError(f"{where}: {one_line(name)!r} is no name of a host")
        inventory.variables.setdefault(name, {}).update(_used(variables))
        inventory.groups.setdefault(group, set()).add(name)
        inventory.namings += 1
        if len(inventory.variables) > MAX_HOSTS or inventory.namings > MAX_NAMINGS:
            raise InputError(f"{where}: more than {MAX_HOSTS} hosts, or too often named")


def _expand(pattern: str, where: str) -> Iterator[str]:
    match = RANGE.search(pattern)
    if match is None:
        yield pattern
        return
    for middle in _range(match, where):
        yield from _expand(pattern[: match.start()] + middle + pattern[match.end() :], where)


def _range(match: re.Match[str], where: str) -> list[str]:
    first, last, step = match["first"], match["last"], max(1, int(match["step"] or 1))
    if NUMBER.fullmatch(first) and NUMBER.fullmatch(last):
        numbers = range(int(first), int(last) + 1, step)
        names = [str(number).zfill(len(first)) for number in numbers[: MAX_HOSTS + 1]]
    elif len(first) == len(last) == 1 and first.isalpha() and last.isalpha():
        names = [chr(code) for code in range(ord(first), ord(last) + 1, step)]
    else:
        raise InputError(f"{where}: {match[0]} is no range")
    if not names:
        raise InputError(f"{where}: the range {match[0]} ends before it begins")
    return names


def _group(inventory: _Inventory, name: str, content: object, place: str) -> None:
    inventory.known_groups.add(name)
    if content is None:
        return
    if not isinstance(content, Mapping):
        raise InputError(f"{place}: group {name!r} is no mapping")
    for host, variables in _mapping(content, "hosts", name, place).items():
        values = variables if isinstance(variables, Mapping) else {}
        _add_hosts(inventory, name, str(host), _texts(values), place)
    inventory.group_variables.setdefault(name, {}).update(
        _used(_texts(_mapping(content, "vars", name, place)))
    )
    for child, inside in _mapping(content, "children", name, place).items():
        inventory.children.setdefault(name, {})[str(child)] = place
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


def _used(variables: Variables) -> Variables:
    """Return those that mean something here: a host has any number of others."""
    return {
        key: value
        for key, value in variables.items()
        if key in UNDERSTOOD or key in NOT_CARRIED_OUT
    }


def _addresses(inventory: _Inventory, place: str, default_user: str) -> tuple[KnownAddress, ...]:
    _require_known_children(inventory)
    groups_of = _groups_of(inventory, place)
    depths = _depths(inventory)
    return tuple(
        _address(
            inventory,
            name,
            sorted(groups_of[name], key=lambda group: (depths[group], group)),
            place,
            default_user,
        )
        for name in sorted(groups_of)
    )


def _require_known_children(inventory: _Inventory) -> None:
    """Refuse a child that no other line names: a slip there would lose its hosts from the group."""
    for children in inventory.children.values():
        for child, where in children.items():
            if child not in inventory.known_groups:
                raise InputError(f"{where}: there is no group {child!r}")


def _depths(inventory: _Inventory) -> dict[str, int]:
    """Return how far below the top each group is: variables of deeper groups win, as in Ansible."""
    depths = dict.fromkeys(inventory.known_groups | set(inventory.groups), 1)
    depths["all"] = 0
    deepest, before = min(len(depths), MAX_DEPTH), dict[str, int]()
    while depths != before:
        before = dict(depths)
        for group, children in inventory.children.items():
            for child in children:
                depths[child] = max(depths[child], min(depths[group] + 1, deepest))
    return depths


def _groups_of(inventory: _Inventory, place: str) -> dict[str, set[str]]:
    """Return the groups of each host: those that name it, and all above these."""
    parents: dict[str, list[str]] = {}
    for group, children in inventory.children.items():
        for child in children:
            parents.setdefault(child, []).append(group)
    found, steps = {name: set[str]() for name in inventory.variables}, 0
    for group, names in inventory.groups.items():
        above, waiting = {group}, [group]
        while waiting:
            next_up = parents.get(waiting.pop(), [])
            steps += len(next_up)
            waiting += [parent for parent in next_up if parent not in above]
            above.update(next_up)
        steps += len(above) * len(names)
        if steps > MAX_STEPS:
            raise InputError(f"{place}: its groups are nested too much to be followed")
        for name in names:
            found[name] |= above
    return found


def _address(
    inventory: _Inventory, name: str, groups: list[str], place: str, default_user: str
) -> KnownAddress:
    variables: Variables = dict(inventory.group_variables.get("all", {}))
    for group in groups:
        variables |= inventory.group_variables.get(group, {})
    variables |= inventory.variables.get(name, {})
    used = {UNDERSTOOD[key]: value for key, value in variables.items() if key in UNDERSTOOD}
    for key, value in used.items():
        if "{{" in value or not is_plain(value):
            raise InputError(
                f"{place}: the {key} of {name!r} is {one_line(value)!r}",
                hint="templates are not evaluated: write the value out",
            )
    return KnownAddress(
        name=name,
        address=used.get("ansible_host", name),
        port=read_port(used.get("ansible_port", "22"), f"{place}: the ansible_port of {name!r}"),
        user=used.get("ansible_user", default_user),
        identity_file=used.get("ansible_ssh_private_key_file", ""),
        not_carried_out=tuple(
            key
            for key, harmless in NOT_CARRIED_OUT.items()
            if key in variables and variables[key] not in harmless
        ),
        labels=tuple(sorted(_label(g) for g in groups if g not in {"all", "ungrouped"})),
    )


def _label(group: str) -> str:
    """Return the label of a group: `role_web` is the label `role=web`, other names stay."""
    return group.replace("role_", "role=", 1) if group.startswith("role_") else group
