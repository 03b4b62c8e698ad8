"""The command line, and the one place that turns errors into words and exit statuses."""

import gc
import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from oakum.core.errors import OakumError
from oakum.core.text import harmless

EXIT_INTERRUPTED = 130
EXIT_DEFECT = 70
YOUNG_OBJECTS = 200_000
"""How many new objects make Python look for garbage: a fleet is hundreds of thousands of values
that all stay, and at Python's own 700 a third of the time went into looking at them again."""

EVERYDAY = {
    **{word: word for word in ("scan", "findings", "explain", "queue", "export", "rehearse")},
    **{word: word for word in ("rollback", "backtest")},
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


def _asked(words: Sequence[str]) -> typer.Typer:
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


def main() -> None:
    """Run a command; every failure ends in words, a next step and a status other than 0."""
    gc.set_threshold(YOUNG_OBJECTS)
    try:
        _asked(sys.argv[1:])()
    except OakumError as error:
        _tell(f"error: {error.message}")
        if error.hint:
            _tell(f"hint: {error.hint}")
        sys.exit(error.exit_status)
    except SystemExit as ended:
        if ended.code == EXIT_INTERRUPTED:  # Typer's own word for Ctrl-C
            _tell("interrupted; what was stored before stays, and the command can be run again")
        raise
    except BrokenPipeError:
        # The reader of our output has seen enough; Python must not complain at its end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 (the last resort: a defect of ours, never a traceback)
        _tell(f"error: a defect in Oakum: {type(error).__name__}: {error}")
        _tell(f"hint: {_keep_report()}")
        sys.exit(EXIT_DEFECT)


def _tell(line: str) -> None:
    print(harmless(line), file=sys.stderr)  # noqa: T201 (works when nothing else does)


def _keep_report() -> str:
    from oakum.settings import read_settings  # noqa: PLC0415 (its own errors must not hide the first)

    try:
        directory = read_settings().home / "log"
        directory.mkdir(parents=True, exist_ok=True)
        report = directory / f"defect-{os.getpid()}.txt"
        report.write_text(traceback.format_exc())
    except (OSError, OakumError):
        return "the report could not be written; run again with OAKUM_HOME set to a writable place"
    return f"please report it with {_short(report)}"


def _short(path: Path) -> str:
    return str(path).replace(str(Path.home()), "~", 1)
