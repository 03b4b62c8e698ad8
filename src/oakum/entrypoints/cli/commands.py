"""Which commands there are, and in which modules; a module is loaded when its command is asked."""

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

EVERYDAY = {
    **{word: word for word in ("scan", "findings", "explain", "queue", "export", "rehearse")},
    **{word: word for word in ("rollback", "backtest", "worker", "workers", "judge")},
    "approve": "plans",
}
"""The commands that stand at the top, in the order of `oakum --help`, and the modules of each."""
GROUPS = {
    **{word: word for word in ("hosts", "advisories", "exceptions", "snapshots")},
    "plan": "plans",
    "rollout": "rollouts",
    **{word: word for word in ("audit", "lab")},
}
"""The nouns, and the modules of their commands."""


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata  # noqa: PLC0415 (only this option needs it)

        print(f"oakum {metadata.version('oakum')}")  # noqa: T201 (data for programs)
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    del version


def whole() -> typer.Typer:
    """Return all commands."""
    return _with([*EVERYDAY, *GROUPS])


def asked(words: Sequence[str]) -> typer.Typer:
    """Return the command that these words begin with, or all where they begin with none.

    Loading every command takes longer than most of them do.
    """
    first = words[0] if words else ""
    return _with([first]) if first in EVERYDAY or first in GROUPS else whole()


def _with(words: Iterable[str]) -> typer.Typer:
    app = typer.Typer(
        help="Keep fleets of Linux servers patched, and prove it.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for word in words:
        if word in EVERYDAY:
            _module(EVERYDAY[word]).register(app)
        else:
            app.add_typer(_module(GROUPS[word]).app, name=word)
    return app


def _module(name: str) -> Any:  # noqa: ANN401 (a module's names are known when it is loaded)
    return import_module(f"oakum.entrypoints.cli.{name}")
