"""What the host's scripts print, read into values. Pure; every line begins with its kind."""

from collections.abc import Iterator
from dataclasses import dataclass

from oakum.core.errors import HostError
from oakum.core.ids import Digest
from oakum.core.planning.change import ChangeKind
from oakum.core.rollout.transaction import (
    DeadmanState,
    JournalEntry,
    KeptConffile,
    TransactionState,
    TransactionStatus,
)
from oakum.core.text import harmless, one_line
from oakum.ports.package_manager import SimulatedChange, Simulation

END = ("end", "ok")
DIFF = "diff\t"
SIMULATED = frozenset({"kept", "conffile", "restart", "reboot", "problem"})
"""Kinds of lines that say one thing each; a change has columns of its own."""
RESULT_STATES = {
    "succeeded": TransactionState.SUCCEEDED,
    "refused": TransactionState.REFUSED,
    "failed": TransactionState.FAILED,
}
JOURNAL_COLUMNS = 4
CHANGE_COLUMNS = 4
FIRST_BEGIN = "begin"
BY_ITSELF = ("deadman", "started")
"""The first entry of a roll-back that a host began by itself. An upgrade that arms its deadman
has an entry of the same name without a reason."""

Line = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RepackedFile:
    """A .deb that a host made of what it has installed."""

    name: str
    size_bytes: int
    sha256: Digest
    how: str
    """`cache`, `dpkg-repack`, or `rebuilt` by our own weaker means."""


@dataclass(frozen=True, slots=True)
class RepackAnswer:
    """Where the host put the files, and what it could not make."""

    directory: str
    files: tuple[RepackedFile, ...]
    missing: tuple[tuple[str, str], ...]
    """(name:architecture, reason)."""


def parse_simulation(output: bytes) -> Simulation:
    """Read the answer of simulate.sh; a line that cannot be read becomes a problem."""
    lines = tuple(_lines(output, "simulation"))
    changes, unreadable = [], []
    for kind, *columns in lines:
        if kind == "change":
            change = _change(columns)
            if change is None:
                unreadable.append(f"apt printed what cannot be read: {' '.join(columns)}")
            else:
                changes.append(change)
        elif kind not in SIMULATED or not columns:
            unreadable.append(f"the host printed what cannot be read: {' '.join((kind, *columns))}")
    return Simulation(
        changes=tuple(sorted(changes, key=lambda change: change.key)),
        kept_back=tuple((column[1], _rest(column, 2)) for column in _of(lines, "kept")),
        conffile_prompts=tuple(_rest(column) for column in _of(lines, "conffile")),
        restarts=tuple(_rest(column) for column in _of(lines, "restart")),
        reboot_reason="; ".join(_rest(column) for column in _of(lines, "reboot")),
        problems=(*(_rest(column) for column in _of(lines, "problem")), *unreadable),
    )


def parse_status(output: bytes) -> TransactionStatus:
    """Read the answer of status.sh."""
    lines = tuple(_lines(output, "transaction status"))
    journal = tuple(_entry(columns[1:]) for columns in _of(lines, "journal"))
    result = [columns[1:] for columns in _of(lines, "result")]
    facts = {columns[0]: _rest(columns) for columns in result}
    return TransactionStatus(
        state=_state(lines, facts.get("state")),
        step=facts.get("step") or (journal[-1].step if journal else ""),
        reason=facts.get("reason", ""),
        journal=journal,
        restarted=tuple(_rest(columns) for columns in result if columns[0] == "restarted"),
        kept=tuple(_kept(columns) for columns in result if columns[0] == "kept"),
        reboot_reason=facts.get("reboot", ""),
        deadman=_deadman(lines),
        begun_by_host=next((e.detail for e in journal if (e.step, e.outcome) == BY_ITSELF), ""),
        starts=sum(entry.step == FIRST_BEGIN and entry.outcome == "started" for entry in journal),
    )


def parse_diffs(output: bytes) -> str:
    """Read the answer of conffiles.sh: unified diffs, made harmless."""
    *lines, end = output.decode("utf-8", errors="replace").removesuffix("\n").split("\n")
    if end != "\t".join(END):
        raise _cut_off("differences of configuration files", end)
    return "".join(f"{harmless(line.removeprefix(DIFF))}\n" for line in lines)


def parse_confirmation(output: bytes) -> DeadmanState:
    """Read the answer of confirm.sh."""
    return _deadman(tuple(_lines(output, "confirmation")))


def parse_repacked(output: bytes) -> RepackAnswer:
    """Read the answer of repack.sh."""
    lines = tuple(_lines(output, "repacked packages"))
    return RepackAnswer(
        directory=next((_rest(columns) for columns in _of(lines, "scratch")), ""),
        files=tuple(_file(columns) for columns in _of(lines, "deb")),
        missing=tuple((columns[1], _rest(columns, 2)) for columns in _of(lines, "missing")),
    )


def _lines(output: bytes, what: str) -> Iterator[Line]:
    text = output.decode("utf-8", errors="replace")
    lines = [
        tuple(one_line(column, 700) for column in line.split("\t"))
        for line in text.split("\n")
        if line
    ]
    if not lines or lines[-1] != END:
        raise _cut_off(what, text[-200:])
    return iter(lines[:-1])


def _cut_off(what: str, end: str) -> HostError:
    return HostError(
        f"the host's answer ({what}) is cut off or is not ours: {one_line(end)!r}",
        hint="look at the host's disk and shell start-up files, then ask again",
    )


def _of(lines: tuple[Line, ...], kind: str) -> Iterator[Line]:
    return (columns for columns in lines if columns[0] == kind and len(columns) > 1)


def _rest(columns: Line, start: int = 1) -> str:
    return " ".join(columns[start:])


def _change(columns: list[str]) -> SimulatedChange | None:
    if len(columns) != CHANGE_COLUMNS:
        return None
    kind, key, old, new = columns
    name, separator, architecture = key.rpartition(":")
    known = {member.value: member for member in ChangeKind}
    if kind not in known or not (separator and name and architecture):
        return None
    return SimulatedChange(
        kind=known[kind],
        name=name,
        architecture=architecture,
        old_version="" if old == "-" else old,
        new_version="" if new == "-" else new,
    )


def _kept(columns: Line) -> KeptConffile:
    number = columns[1] if len(columns) > 1 else ""
    is_number = number.isascii() and number.isdecimal()
    return KeptConffile(_rest(columns, 2), int(number) if is_number else 0)


def _entry(columns: Line) -> JournalEntry:
    at, step, outcome, detail = (*columns, *("",) * JOURNAL_COLUMNS)[:JOURNAL_COLUMNS]
    return JournalEntry(at=at, step=step, outcome=outcome, detail=detail)


def _state(lines: tuple[Line, ...], result: str | None) -> TransactionState:
    if any(columns[0] == "absent" for columns in lines):
        return TransactionState.ABSENT
    if result is not None:
        state = RESULT_STATES.get(result)
        if state is None:
            raise HostError(
                f"the host's journal ends with an unknown result {result!r}",
                hint="was the transaction directory changed by hand?",
            )
        return state
    if ("running", "yes") in lines:
        return TransactionState.RUNNING
    return TransactionState.INTERRUPTED


def _deadman(lines: tuple[Line, ...]) -> DeadmanState:
    said = next((_rest(columns) for columns in _of(lines, "deadman")), DeadmanState.OFF.value)
    known = {state.value: state for state in DeadmanState}
    if said not in known:
        raise HostError(
            f"the host's deadman is in an unknown state {said!r}",
            hint="was it prepared with a newer Oakum? upgrade this one",
        )
    return known[said]


def _file(columns: Line) -> RepackedFile:
    match columns:
        case (_, name, size, digest, how) if size.isdecimal():
            return RepackedFile(name, int(size), Digest(digest), how)
        case _:
            raise HostError(
                f"the host's list of repacked packages cannot be read: {_rest(columns)!r}",
                hint="look at what the host's dpkg-deb says",
            )
