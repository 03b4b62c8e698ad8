"""What a hook is run from, and what its record says."""

from importlib import resources
from typing import Final

from oakum.core.errors import HostError
from oakum.core.orders.order import octal
from oakum.core.rollout.hooks import HookStatus, Progress
from oakum.core.text import one_line
from oakum.ports.hooks import HookJob

SCRIPT: Final = (resources.files(__package__) / "hook.sh").read_text("utf-8")
ANOTHER = 4
END = "end\tok"
STATES = {
    "ended": Progress.ENDED,
    "timed-out": Progress.TIMED_OUT,
    "not-started": Progress.NOT_STARTED,
}


def files_of(job: HookJob) -> dict[str, str]:
    """Return the files that it is run from; words are lines, whatever they hold."""
    return {
        "hook.sh": SCRIPT,
        "command": "".join(f"{octal(word)}\n" for word in job.command),
        "environment": "".join(f"{octal(f'{name}={value}')}\n" for name, value in job.environment),
        "seconds": f"{job.timeout_seconds}\n",
    }


def parse_status(output: bytes) -> HookStatus:
    """Read what the script says of a record. Raises HostError for what is not its answer."""
    lines = output.decode("utf-8", errors="replace").removesuffix("\n").split("\n")
    if lines[-1] != END:
        raise HostError(
            f"the record of a hook is cut off or is not ours: {one_line(lines[-1])!r}",
            hint="look at the disk, and at the shell's start-up files",
        )
    if lines[0] == "absent":
        return HookStatus(Progress.ABSENT)
    columns = [line.split("\t", 2) for line in lines[:-1]]
    result = {words[1]: words[2] for words in columns if words[0] == "result" and len(words) > 2}  # noqa: PLR2004 (three columns)
    said = "\n".join(line.partition("\t")[2] for line in lines if line.startswith("output\t"))
    if "state" in result:
        return HookStatus(
            STATES.get(result["state"], Progress.INTERRUPTED),
            _number(result.get("exit", "")),
            _number(result.get("seconds", "")),
            said,
        )
    is_running = ["running", "yes"] in columns
    return HookStatus(Progress.RUNNING if is_running else Progress.INTERRUPTED, said=said)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() else None
