"""What an input showed: nothing, or a finding that is kept, as small as it can be made."""

import hashlib
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from tests.fuzz.target import Target

from oakum.core.errors import OakumError

CASES = Path(__file__).parent / "cases"
HANG_SECONDS = 20
"""No input of MAX_BYTES may take a parser as long, on whatever machine."""
TRIES = 3000
"""How often an input is cut on its way to a smaller one that shows the same."""


class HangError(BaseException):
    """A parser is still at work. No `except Exception` of its own shall hold this up."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An input, and what came out of a parser that may not."""

    target: str
    kind: str
    place: str
    """The innermost line of Oakum's: one place is one finding, whatever shows it."""
    words: str
    content: bytes

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what makes two findings one."""
        return (self.target, self.kind, self.place)


def judge(target: Target, content: bytes) -> Finding | None:
    """Give a parser an input; return what is wrong with its answer, if anything."""
    try:
        target.read(content)
    except OakumError:
        return None
    except (Exception, HangError) as error:  # noqa: BLE001 (whatever it is, it is the finding)
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if "/oakum/" in frame.filename] or frames
        place = f"{Path(ours[-1].filename).name}:{ours[-1].name}"
        return Finding(target.name, type(error).__name__, place, str(error)[:200], content)
    return None


@contextmanager
def no_hang(seconds: float = HANG_SECONDS) -> Iterator[None]:
    """Raise HangError inside, where it takes longer; only in the main thread."""

    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise HangError(f"still at work after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def minimised(target: Target, finding: Finding) -> Finding:
    """Return a smaller input that shows the same: parts are left out, from halves to bytes."""
    smallest, size, tries = finding, max(1, len(finding.content) // 2), 0
    while tries < TRIES:
        begin, before = 0, len(smallest.content)
        while begin < len(smallest.content) and tries < TRIES:
            content = smallest.content
            tries += 1
            with no_hang():
                shown = judge(target, content[:begin] + content[begin + size :])
            if shown is not None and shown.key == finding.key:
                smallest = shown
            else:
                begin += size
        if size == 1 and len(smallest.content) == before:
            break
        size = max(1, size // 2)
    return smallest


def keep(finding: Finding) -> Path:
    """Keep an input as a case under its own digest; return where."""
    path = CASES / finding.target / hashlib.sha256(finding.content).hexdigest()[:16]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(finding.content)
    return path


def cases_of(target: Target) -> tuple[bytes, ...]:
    """Return the kept cases of a target, in the order of their names."""
    return tuple(path.read_bytes() for path in sorted((CASES / target.name).glob("*")))
