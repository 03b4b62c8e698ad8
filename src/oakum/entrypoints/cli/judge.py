"""oakum judge: hosts that nobody asks, by copies of their lists of packages."""

from pathlib import Path
from typing import Annotated

import typer

from oakum.entrypoints.cli.judging import judge_files


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("judge")(judge)


def judge(
    files: Annotated[list[Path], typer.Argument(help="Copies of /var/lib/dpkg/status.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Judge hosts by copies of dpkg's list, with the shipped advisories; none of them is asked.

    What only the host itself knows is named as not judged: its booted kernel, what its processes
    still run, and from which archive a package comes.
    """
    raise typer.Exit(judge_files(files, as_json=json))
