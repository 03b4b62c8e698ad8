"""Hooks: what is done around the change of a host, and how that is taken back.

They are part of the plan: a command that was approved is the command that is run.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from oakum.core.canonical import Json
from oakum.core.errors import InputError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Host
from oakum.core.inventory.selector import parse_selector, require_selector
from oakum.core.text import is_plain

MAX_HOOKS: Final = 20
MAX_WORDS: Final = 64
MAX_COMMAND_BYTES: Final = 16 * 1024
"""Far below what a system takes as one argument, and enough for a script that people can read."""
NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,62}[A-Za-z0-9.])?")
SHELL: Final = ("/bin/sh", "-ec")
"""What a script is run by: it ends at the first command that fails."""

Command = tuple[str, ...]


class HookKind(Enum):
    """What a hook is for."""

    DRAIN = "drain"
    """Take the host out of service."""
    SILENCE = "silence"
    """Tell the monitoring."""
    QUIESCE = "quiesce"
    """Bring what runs on it to rest."""
    SMOKE = "smoke"
    """Try whether it does its work."""


class HookMoment(Enum):
    """When."""

    BEFORE = "before"
    """After the checks, before the transaction."""
    AFTER = "after"
    """After the host was verified, also after a reboot."""


class HookPlace(Enum):
    """Where it is run."""

    CONTROLLER = "controller"
    """On the machine that drives the host: the controller, or the worker that took it."""
    HOST = "host"


class UndoWhen(Enum):
    """At which end of a host run a hook is undone."""

    ALWAYS = "always"
    WELL = "well"
    """Only when the host is as it was, or as planned; else it stays as the hook left it."""


@dataclass(frozen=True, slots=True)
class Hook:
    """One command for some hosts of a plan."""

    name: str
    kind: HookKind
    moment: HookMoment
    place: HookPlace
    command: Command
    """A program with its whole path, and its arguments; no shell takes it apart."""
    timeout_seconds: int
    must_pass: bool
    undo: Command
    """Empty: there is nothing to be undone."""
    undo_when: UndoWhen
    hosts: tuple[HostId, ...]
    """Those of the plan that it is for, in the order of the rings."""
    expected_seconds: int = 0
    """How long it and its undo are expected to take; 0 in plans that were stored without it."""

    def to_json(self) -> Json:
        """Return the canonical form, which the digest of the plan is made of."""
        document: dict[str, Json] = {
            "name": self.name,
            "kind": self.kind.value,
            "moment": self.moment.value,
            "place": self.place.value,
            "command": list(self.command),
            "timeout": self.timeout_seconds,
            "must_pass": self.must_pass,
            "undo": list(self.undo),
            "undo_when": self.undo_when.value,
            "hosts": list(self.hosts),
        }
        if self.expected_seconds:
            document["expected"] = self.expected_seconds
        return document

    def in_words(self) -> str:
        """Return when, where and how, as people read it."""
        force = "must pass" if self.must_pass else "best effort"
        return (
            f"{self.kind.value}, {self.moment.value} the change, on the {self.place.value}, "
            f"{force}, {self.timeout_seconds} s"
        )


DEFAULT_MOMENT: Final[Mapping[HookKind, HookMoment]] = {
    HookKind.DRAIN: HookMoment.BEFORE,
    HookKind.SILENCE: HookMoment.BEFORE,
    HookKind.QUIESCE: HookMoment.BEFORE,
    HookKind.SMOKE: HookMoment.AFTER,
}
DEFAULT_UNDO: Final[Mapping[HookKind, UndoWhen]] = {
    HookKind.DRAIN: UndoWhen.WELL,
    HookKind.SILENCE: UndoWhen.ALWAYS,
    HookKind.QUIESCE: UndoWhen.ALWAYS,
    HookKind.SMOKE: UndoWhen.ALWAYS,
}
"""A host that is not well gets no work; but its monitoring speaks, and what was stopped runs."""


@dataclass(frozen=True, slots=True)
class HookRule:
    """A hook as it was declared, for the hosts that a selector names."""

    selector: str
    hook: Hook
    """Without hosts."""


def command_of(words: Command, script: str, where: str) -> Command:
    """Return the command that is written as words or as a script. Raises InputError for both."""
    if words and script:
        raise InputError(f"{where} is given as words and as a script", hint="leave one of them out")
    return (*SHELL, script) if script else words


def require_sense(rules: Sequence[HookRule], place: str) -> None:
    """Raise InputError, naming the place, for hooks that could not be run or told apart."""
    if len(rules) > MAX_HOOKS:
        raise InputError(
            f"{place} declares {len(rules)} hooks, and {MAX_HOOKS} are the most",
            hint="let one script do what belongs together",
        )
    names = set[str]()
    for number, rule in enumerate(rules, 1):
        where = f"{place}: hook {number} ({rule.hook.name!r})"
        if rule.hook.name in names:
            raise InputError(f"{where}: another hook has that name", hint="rename one of them")
        names.add(rule.hook.name)
        _require_sense(rule, where)


def _require_sense(rule: HookRule, where: str) -> None:
    hook = rule.hook
    require_selector(rule.selector, where)
    if NAME.fullmatch(hook.name) is None:
        raise InputError(
            f"{where}: its name must be up to 64 letters, digits, spaces, dots, dashes and "
            "underscores",
            hint='for example: name = "leave the load balancer"',
        )
    _require_command(hook.command, f"{where}: its command")
    if hook.undo:
        _require_command(hook.undo, f"{where}: its undo")
    elif hook.kind is HookKind.DRAIN:
        raise InputError(
            f"{where}: a drain without an undo would leave every host out of service",
            hint="give `undo` (or `undo_script`): the command that puts the host back",
        )


def _require_command(command: Command, where: str) -> None:
    if not command or not command[0].startswith("/") or "=" in command[0]:
        raise InputError(
            f"{where} must begin with the whole path of a program",
            hint='for example: command = ["/usr/local/bin/balancer", "drain"]; or give a `script`',
        )
    if not all(command):
        raise InputError(f"{where} holds an empty word", hint="leave it out, or give a `script`")
    size = sum(len(word.encode("utf-8", "surrogatepass")) for word in command)
    if len(command) > MAX_WORDS or size > MAX_COMMAND_BYTES:
        raise InputError(
            f"{where} is longer than {MAX_WORDS} words or {MAX_COMMAND_BYTES} bytes",
            hint="put the script into a file, and name the file",
        )
    if not all(is_plain(word.replace("\n", "").replace("\t", "")) for word in command):
        raise InputError(
            f"{where} holds control characters",
            hint="people must be able to read what they approve; lines and tabs are allowed",
        )


def hooks_for(rules: Iterable[HookRule], hosts: Sequence[Host]) -> tuple[Hook, ...]:
    """Return the hooks that any of these hosts has, with those hosts, in their order."""
    found = []
    for rule in rules:
        selector, hook = parse_selector(rule.selector), rule.hook
        named = tuple(host.id for host in hosts if selector.matches(host))
        if named:
            found.append(replace(hook, hosts=named))
    return tuple(found)
