"""Finding things by the beginning of their id."""

from collections.abc import Iterable
from difflib import get_close_matches

from oakum.core.errors import InputError, NotFoundError

SHOWN = 5
FIRST_STEPS = {
    "host": "`oakum hosts add` or `oakum hosts import` adds some",
    "snapshot": "`oakum snapshots create` freezes one",
    "plan": "`oakum plan create` makes one",
    "rollout": "`oakum rollout start` starts one, of an approved plan",
}
LISTS = {
    "host": "`oakum hosts list` shows every host",
    "snapshot": "`oakum snapshots list` shows every snapshot",
    "plan": "`oakum plan list` shows every plan",
    "rollout": "`oakum rollout list` shows every rollout",
}


def resolve(wanted: str, ids: Iterable[str], noun: str) -> str:
    """Return the one id that is, or begins with, what a person typed; `latest` is the last one."""
    known = list(ids)
    if wanted == "latest" and known:
        return known[-1]
    if wanted in known:
        return wanted
    matches = [found for found in known if wanted and found.startswith(wanted)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise InputError(
            f"{wanted!r} is the beginning of {len(matches)} {noun}s: {', '.join(matches[:SHOWN])}",
            hint="type more of the id",
        )
    raise not_found(wanted, known, noun)


def not_found(wanted: str, ids: Iterable[str], noun: str) -> NotFoundError:
    """Return the error that names what was probably meant."""
    known = list(ids)
    if not known:
        return NotFoundError(f"there is no {noun} yet", hint=FIRST_STEPS[noun])
    near = get_close_matches(wanted, known, SHOWN)
    return NotFoundError(
        f"there is no {noun} {wanted!r}",
        hint=f"did you mean {', '.join(near)}?" if near else LISTS[noun],
    )
