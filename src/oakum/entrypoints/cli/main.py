"""The command line, and the one place that turns errors into words and exit statuses."""

import gc
import os
import sys
import traceback
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from oakum.core.errors import OakumError
from oakum.core.text import harmless
from oakum.entrypoints.cli import (
    advisories,
    audit,
    backtest,
    exceptions,
    explain,
    export,
    findings,
    hosts,
    lab,
    plans,
    queue,
    rehearse,
    rollback,
    rollouts,
    scan,
    snapshots,
    worker,
)

EXIT_INTERRUPTED = 130
EXIT_DEFECT = 70
YOUNG_OBJECTS = 200_000
"""How many new objects make Python look for garbage: a fleet is hundreds of thousands of values
that all stay, and at Python's own 700 a third of the time went into looking at them again."""

app = typer.Typer(
    help="Keep fleets of Linux servers patched, and prove it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    scan, findings, explain, queue, export, rehearse, rollback, backtest, worker,
):  # fmt: skip
    command.register(app)
plans.register(app)
for name, group in (
    ("hosts", hosts.app),
    ("advisories", advisories.app),
    ("exceptions", exceptions.app),
    ("snapshots", snapshots.app),
    ("plan", plans.app),
    ("rollout", rollouts.app),
    ("audit", audit.app),
    ("lab", lab.app),
):
    app.add_typer(group, name=name)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"oakum {metadata.version('oakum')}")  # noqa: T201 (data for programs)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    del version


def main() -> None:
    """Run a command; every failure ends in words, a next step and a status other than 0."""
    gc.set_threshold(YOUNG_OBJECTS)
    try:
        app()
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
