"""What people and programs read: data to standard output, talk to standard error."""

# ruff: noqa: PLC0415 (what prints JSON needs nothing of Rich, and must begin quickly)

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from oakum.core.text import harmless

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

PIPE_WIDTH = 240
"""A pipe has no width: lines are not cut for programs that read them."""

ProgressCall = Callable[[str, int, int], None]


def data() -> "Console":
    """Return the console for data; colours only on a terminal, and never under NO_COLOR."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False, emoji=False)


def talk() -> "Console":
    """Return the console for talk."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, emoji=False)


def say(line: str) -> None:
    """Tell a person something."""
    from rich.text import Text

    talk().print(Text(harmless(line)), soft_wrap=not sys.stderr.isatty())


def show(line: str = "", style: str = "") -> None:
    """Print a line of data."""
    from rich.text import Text

    data().print(Text(harmless(line), style=style), soft_wrap=True)


def write(text: str) -> None:
    """Write a part of a document as it is: what reads it wants every character."""
    with _reader():
        sys.stdout.write(text)


class ReaderLeftError(Exception):
    """What reads our output has seen enough: no failure, but nothing more is to be done."""


@contextmanager
def _reader() -> Iterator[None]:
    """Tell a reader that left from other errors: Typer would take it for a failure of ours."""
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderLeftError from error


def print_json(value: object) -> None:
    """Print a value as one JSON document."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
    sys.stdout.flush()


def print_json_list(parts: Iterable[Sequence[object]]) -> int:
    """Print one JSON list, a line for each value, part by part; return how many values.

    Nothing is kept. A list that was broken off lacks its end, so that none is taken for whole.
    """
    out, count = sys.stdout.buffer, 0
    out.write(b"[")
    for part in parts:
        with _reader():
            for value in part:
                out.write((b",\n" if count else b"\n") + _encode(value))
                count += 1
            out.flush()
    with _reader():
        out.write(b"\n]\n")
        out.flush()
    return count


_encode = msgspec.json.Encoder().encode


def print_rows(
    columns: Sequence[tuple[str, int]], parts: Iterable[Sequence[Sequence[object]]]
) -> int:
    """Print rows under their headings, part by part; return how many rows.

    Columns have their width beforehand: what is longer moves the rest of its row, and none is cut.
    """
    count, widths = 0, [width for _, width in columns]
    _print_row(widths, [heading for heading, _ in columns])
    for part in parts:
        with _reader():
            for row in part:
                _print_row(widths, row)
                count += 1
            sys.stdout.flush()
    return count


def _print_row(widths: Sequence[int], row: Sequence[object]) -> None:
    cells = (
        harmless(" ".join(str(cell).split())).ljust(width)
        for cell, width in zip(row, widths, strict=True)
    )
    sys.stdout.write(f"{' '.join(cells).rstrip()}\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> None:
    """Print rows under their headings; readable without colour."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, title=title or None, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(harmless(str(cell))) for cell in row))
    data().print(table)


@contextmanager
def progress_bar() -> Iterator[ProgressCall]:
    """Give a function that shows progress: a bar on a terminal, a few lines elsewhere."""
    if not sys.stderr.isatty():
        yield _sparse_lines()
        return
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=talk(), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(harmless(what), total=total or None)
            bar.update(tasks[what], completed=done, total=total or None)

        yield report


@contextmanager
def progress_beside(what: str, *, is_data_shown: bool) -> Iterator[Callable[[int, int], None]]:
    """Give a function that shows progress, where a person waits and no data would be torn by it.

    That is on a terminal, unless the data goes to one too.
    """
    if not sys.stderr.isatty() or (is_data_shown and sys.stdout.isatty()):
        yield lambda _done, _total: None
        return
    with progress_bar() as report:
        yield lambda done, total: report(what, done, total)


def _sparse_lines() -> ProgressCall:
    told: dict[str, int] = {}

    def report(what: str, done: int, total: int) -> None:
        quarter = 4 * done // total if total else 0
        if told.get(what) != quarter:
            told[what] = quarter
            say(f"{what}: {done} of {total}" if total else what)

    return report


def bytes_in_words(count: int) -> str:
    """Return `12.3 MB`."""
    size, sign = float(abs(count)), "-" if count < 0 else ""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004 (the step between units)
            return f"{sign}{size:.0f} {unit}" if unit == "B" else f"{sign}{size:.1f} {unit}"
        size /= 1000
    return f"{sign}{size:.1f} TB"
