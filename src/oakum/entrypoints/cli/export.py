"""oakum export: findings in the formats of other programs."""

import os
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated

import typer

from oakum.core.errors import InputError
from oakum.core.text import counted, one_line
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import application
from oakum.ports.exports import ExportFormat
from oakum.services.choose import choose_hosts
from oakum.services.export_findings import export_findings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(export)


def export(
    form: Annotated[ExportFormat, typer.Option("--format", help="What other programs read.")],
    to: Annotated[
        Path | None, typer.Option("--output", help="A file; standard output if not given.")
    ] = None,
    host: Annotated[str, typer.Option(help="Only hosts that this selects.")] = "",
    every: Annotated[
        bool, typer.Option("--all", help="Also what is fixed, not affected or unimportant.")
    ] = False,
) -> None:
    """Write findings for other programs; open ones, without those called unimportant."""
    chosen = application()
    with chosen.reading() as work:
        hosts = choose_hosts(host, work)
    made = (chosen.clock.now(), metadata.version("oakum"))
    with output.progress_beside("hosts written", is_data_shown=to is None) as report:
        parts = export_findings(
            chosen.begin, chosen.exporter(form), hosts, made, every=every, report=report
        )
        if to is None:
            for part in parts:
                output.write(part)
        else:
            _write(to, parts)
    output.say(f"findings of {counted(len(hosts), 'host')} written as {form.value}")


def _write(to: Path, parts: Iterable[str]) -> None:
    """Write a file whole or not at all."""
    try:
        with NamedTemporaryFile(
            "w", encoding="utf-8", newline="", dir=to.parent, delete=False
        ) as draft:
            try:
                draft.writelines(parts)
            except BaseException:
                Path(draft.name).unlink()
                raise
        os.chmod(draft.name, 0o644)  # noqa: PTH101 (a draft is private until it is whole)
        Path(draft.name).replace(to)
    except OSError as error:
        raise InputError(
            f"{one_line(str(to))} cannot be written: {error.strerror}", hint="is there room?"
        ) from error
