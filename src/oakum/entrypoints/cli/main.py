"""The one place that begins a command, and turns errors into words and exit statuses."""

# ruff: noqa: PLC0415 (loading Typer and commands takes longer than some commands do)

import gc
import os
import sys
from pathlib import Path

from oakum.core.errors import OakumError
from oakum.core.text import harmless
from oakum.entrypoints.cli.output import ReaderLeftError

EXIT_INTERRUPTED = 130
EXIT_DEFECT = 70
YOUNG_OBJECTS = 200_000
"""How many new objects make Python look for garbage: a fleet is hundreds of thousands of values
that all stay, and at Python's own 700 a third of the time went into looking at them again."""


def main() -> None:
    """Run a command; every failure ends in words, a next step and a status other than 0."""
    gc.set_threshold(YOUNG_OBJECTS)
    try:
        _run(sys.argv[1:])
    except OakumError as error:
        _tell(f"error: {error.message}")
        if error.hint:
            _tell(f"hint: {error.hint}")
        sys.exit(error.exit_status)
    except SystemExit as ended:
        if ended.code == EXIT_INTERRUPTED:  # Typer's own word for Ctrl-C
            _tell("interrupted; what was stored before stays, and the command can be run again")
        raise
    except (BrokenPipeError, ReaderLeftError):
        # The reader of our output has seen enough; Python must not complain at its end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 (the last resort: a defect of ours, never a traceback)
        _tell(f"error: a defect in Oakum: {type(error).__name__}: {error}")
        _tell(f"hint: {_keep_report()}")
        sys.exit(EXIT_DEFECT)


def _run(words: list[str]) -> None:
    """Run a command; one that must be as quick as a scanner is known before Typer is loaded."""
    if words[:1] == ["judge"]:
        from oakum.entrypoints.cli.judging import judge_at_once

        status = judge_at_once(words[1:])
        if status is not None:
            sys.exit(status)
    from oakum.entrypoints.cli.commands import asked

    asked(words)()


def _tell(line: str) -> None:
    print(harmless(line), file=sys.stderr)  # noqa: T201 (works when nothing else does)


def _keep_report() -> str:
    import traceback

    from oakum.settings import read_settings

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
