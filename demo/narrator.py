"""Telling the story: headings, plain words, real output, and a table of facts at the end."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

BOLD, PLAIN = "\033[1m", "\033[0m"


@dataclass
class Narrator:
    """Prints to standard output and keeps times and facts."""

    colour: bool
    facts: list[tuple[str, str]] = field(default_factory=list)
    times: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def chapter(self, title: str) -> Iterator[None]:
        """Tell one part of the story, and time it."""
        heading = f"\n== {title}"
        print(f"{BOLD}{heading}{PLAIN}" if self.colour else heading, flush=True)  # noqa: T201 (this is the story)
        begun = time.monotonic()
        yield
        self.times.append((title, time.monotonic() - begun))

    def say(self, words: str) -> None:
        """Say something in plain language."""
        print(f"\n{words}", flush=True)  # noqa: T201 (as above)

    def echo(self, line: str) -> None:
        """Show a line that a command printed."""
        print(f"    {line}", flush=True)  # noqa: T201 (as above)

    def fact(self, what: str, value: str) -> None:
        """Keep a fact, and say it."""
        self.facts.append((what, value))
        self.say(f"-> {what}: {value}")

    def end(self) -> None:
        """Print the table of times and facts."""
        rows = [(title, f"{seconds:.0f} s") for title, seconds in self.times]
        total = sum(seconds for _, seconds in self.times)
        rows += [("in all", f"{total:.0f} s"), ("", ""), *self.facts]
        width = max(len(what) for what, _ in rows)
        sys.stdout.write("\n== Times and facts\n")
        sys.stdout.writelines(f"  {what:<{width}}  {value}\n" for what, value in rows)
