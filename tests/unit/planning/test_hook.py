"""Declared hooks: what they may say, and what of it a plan holds."""

from dataclasses import fields, replace

import pytest
from tests.plans import DRAIN, NOW, PLAN

from oakum.core.errors import InputError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Host
from oakum.core.planning.diff import diff
from oakum.core.planning.hook import (
    SHELL,
    Hook,
    HookKind,
    HookMoment,
    HookPlace,
    HookRule,
    UndoWhen,
    command_of,
    hooks_for,
    require_sense,
)

RULE = HookRule("role:web", replace(DRAIN, hosts=()))


def host(name: str, *labels: str) -> Host:
    return Host(HostId(name), name, name, 22, "root", "ssh-ed25519 AAAA", NOW, labels)


def test_a_plan_holds_the_hooks_of_its_hosts() -> None:
    """In the order in which they were declared; one that no host has is not in it."""
    hosts = [host("b", "role=web"), host("db"), host("a", "role=web")]
    nobody = HookRule("role:mail", replace(DRAIN, name="nobody", hosts=()))
    every = HookRule("*", replace(DRAIN, name="every", hosts=()))
    found = hooks_for([RULE, nobody, every], hosts)
    assert [(hook.name, hook.hosts) for hook in found] == [
        (DRAIN.name, ("b", "a")),
        ("every", ("b", "db", "a")),
    ]
    assert replace(found[0], hosts=()) == RULE.hook


def test_a_plan_without_hooks_has_the_digest_that_it_had() -> None:
    """What was approved before there were any stays approved."""
    without = replace(PLAN, hooks=())
    document = without.to_json()
    assert isinstance(document, dict)
    assert "hooks" not in document
    assert without.digest != PLAN.digest


def test_each_field_is_in_the_document() -> None:
    """Nothing of a hook could be changed after the approval."""
    document = replace(DRAIN, expected_seconds=5).to_json()
    assert isinstance(document, dict)
    assert len(document) == len(fields(Hook))


WHOLE = (
    "leave the balancer: drain, before the change, on the controller, must pass, 60 s: "
    "/bin/echo drain; undo (well): /bin/echo back"
)


@pytest.mark.parametrize(
    ("change", "words", "others"),
    [
        ({"command": ("/bin/echo", "a b")}, "/bin/echo drain", "/bin/echo 'a b'"),
        ({"undo": ()}, "; undo (well): /bin/echo back", ""),
        ({"undo_when": UndoWhen.ALWAYS}, "(well)", "(always)"),
        ({"timeout_seconds": 90}, "60 s", "90 s"),
        ({"must_pass": False}, "must pass", "best effort"),
        ({"place": HookPlace.HOST}, "on the controller", "on the host"),
        ({"moment": HookMoment.AFTER}, "before the change", "after the change"),
        ({"kind": HookKind.SILENCE}, "drain, before", "silence, before"),
    ],
)
def test_a_changed_hook_is_a_difference(change: dict[str, object], words: str, others: str) -> None:
    """Host by host, in the words of the plan."""
    other = replace(PLAN, hooks=(replace(DRAIN, **change),))  # type: ignore[arg-type]
    assert words in WHOLE
    new = WHOLE.replace(words, others)
    assert set(diff(PLAN, other)) == {f"- web-2: hook {WHOLE}", f"+ web-2: hook {new}"}


def test_a_script_ends_at_the_first_command_that_fails() -> None:
    """So a smoke test whose first half failed does not pass by its second."""
    assert command_of((), "false\ntrue", "here") == (*SHELL, "false\ntrue")
    assert command_of(("/bin/true",), "", "here") == ("/bin/true",)
    assert command_of((), "", "here") == ()
    with pytest.raises(InputError, match="here is given as words and as a script"):
        command_of(("/bin/true",), "true", "here")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"command": ()}, "its command must begin with the whole path"),
        ({"command": ("balancer", "drain")}, "its command must begin with the whole path"),
        ({"command": ("/bin/a=b",)}, "its command must begin with the whole path"),
        ({"undo": ("enable",)}, "its undo must begin with the whole path"),
        ({"undo": ()}, "a drain without an undo"),
        ({"command": ("/bin/x", "")}, "its command holds an empty word"),
        ({"command": ("/bin/x", "\x1b[31m")}, "its command holds control characters"),
        ({"command": ("/bin/x", "a\0b")}, "its command holds control characters"),
        ({"command": ("/bin/x", "\udc80")}, "its command holds control characters"),
        ({"command": ("/bin/x", *"a" * 64)}, "is longer than 64 words or 16384 bytes"),
        ({"command": ("/bin/x", "a" * 16384)}, "is longer than 64 words or 16384 bytes"),
        ({"name": ""}, "its name must be"),
        ({"name": "a\nb"}, "its name must be"),
        ({"name": "a" * 65}, "its name must be"),
        ({"name": "über"}, "its name must be"),
    ],
)
def test_a_hook_without_sense_is_refused_by_name(change: dict[str, object], said: str) -> None:
    """Before anybody approves it, with the place where it stands."""
    rule = replace(RULE, hook=replace(RULE.hook, **change))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=rf"oakum.toml: hook 1.*{said}"):
        require_sense([rule], "oakum.toml")


def test_hooks_are_told_apart_and_few() -> None:
    """By their names."""
    require_sense([RULE], "oakum.toml")
    with pytest.raises(InputError, match=r"hook 2 .*another hook has that name"):
        require_sense([RULE, RULE], "oakum.toml")
    many = [replace(RULE, hook=replace(RULE.hook, name=f"hook {n}")) for n in range(21)]
    require_sense(many[:20], "oakum.toml")
    with pytest.raises(InputError, match="21 hooks, and 20 are the most"):
        require_sense(many, "oakum.toml")
    with pytest.raises(InputError, match="no condition"):
        require_sense([replace(RULE, selector="role:")], "oakum.toml")


def test_what_is_left_out_follows_from_the_kind() -> None:
    """A silence may end by itself and needs no undo."""
    silence = replace(RULE.hook, kind=HookKind.SILENCE, undo=(), undo_when=UndoWhen.ALWAYS)
    require_sense([replace(RULE, hook=silence)], "oakum.toml")
