"""What holds for every command."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from oakum.entrypoints.cli.commands import EVERYDAY, GROUPS, asked, whole

WITHOUT_JSON = {
    "export": "is asked for a format, JSON among them",
    "lab checks": "prints TOML",
    "plan sign-request": "prints what is signed, byte for byte",
    "snapshots serve": "runs until it is ended, and prints no data",
    "worker": "runs until it is ended, and prints no data",
}


def commands(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 (Typer keeps its own copy of Click)
    inside = getattr(command, "commands", {})
    for name, found in inside.items():
        yield from commands(found, f"{path} {name}".strip())
    if path and (not inside or command.invoke_without_command):
        yield path, command


EVERY = dict(commands(typer.main.get_command(whole())))


@pytest.mark.parametrize("path", sorted(EVERY))
def test_programs_can_read_every_answer(path: str) -> None:
    """Each command has --json, or there is a reason why not."""
    options = {option for parameter in EVERY[path].params for option in parameter.opts}
    assert ("--json" in options) is (path not in WITHOUT_JSON)


@pytest.mark.parametrize("path", sorted(EVERY))
def test_every_command_and_option_is_explained(path: str) -> None:
    """`--help` says what it does, and no default in it is a number with a hidden meaning."""
    command = EVERY[path]
    assert command.help
    for parameter in command.params:
        assert parameter.default not in {-1, "-1"}, parameter.name


@pytest.mark.parametrize("word", [*EVERYDAY, *GROUPS])
def test_a_command_is_loaded_alone(word: str) -> None:
    """What is typed finds its command without the others, and the same as among all of them."""
    alone = dict(commands(typer.main.get_command(asked([word, "--help"]))))
    assert set(alone) == {path for path in EVERY if path.split()[0] == word}


@pytest.mark.parametrize("words", [[], ["--help"], ["--version"], ["nonsense"]])
def test_anything_else_is_answered_by_all(words: list[str]) -> None:
    """Help and wrong words need every command: to list them, or to name the nearest."""
    assert set(dict(commands(typer.main.get_command(asked(words))))) == set(EVERY)
