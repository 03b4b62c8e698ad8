"""Which hosts: `role:web not label:frozen db-*`, the one query language of Oakum.

Terms stand side by side and all must hold; `not` turns the next one round; a comma inside a term
means either. `key:value` asks for a label `key=value` (or, for `label`, for the label itself),
a bare word for the host's name, with `*` and `?`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from oakum.core.errors import InputError
from oakum.core.inventory.host import Host

TERM = re.compile(r"(?:(?P<key>[\w.-]+)[:=])?(?P<values>[\w.*?,@/+=-]+)")
FIELDS: dict[str, Callable[[Host], str]] = {
    "name": lambda host: host.name,
    "address": lambda host: host.address,
    "exposure": lambda host: host.exposure.value,
    "criticality": lambda host: host.criticality.value.replace(" ", "-"),
}


@dataclass(frozen=True, slots=True)
class _Term:
    key: str
    values: tuple[str, ...]
    is_negated: bool

    def matches(self, host: Host) -> bool:
        return any(self._matches(host, value) for value in self.values) is not self.is_negated

    def _matches(self, host: Host, pattern: str) -> bool:
        if self.key in FIELDS:
            return fnmatchcase(FIELDS[self.key](host), pattern)
        wanted = pattern if self.key == "label" else f"{self.key}={pattern}"
        return any(fnmatchcase(label, wanted) for label in host.labels)


@dataclass(frozen=True, slots=True)
class Selector:
    """A parsed query."""

    terms: tuple[_Term, ...]

    def matches(self, host: Host) -> bool:
        """Tell whether every term holds for the host; no terms hold for all."""
        return all(term.matches(host) for term in self.terms)


@lru_cache(maxsize=256)
def parse_selector(text: str) -> Selector:
    """Return the query. Raises InputError with the column of what cannot be understood."""
    terms, negate = list[_Term](), False
    for word in re.finditer(r"\S+", text):
        if word[0] == "not":
            negate = not negate
            continue
        match = TERM.fullmatch(word[0])
        values = tuple(filter(None, match["values"].split(","))) if match else ()
        if match is None or not values:
            raise InputError(
                f"column {word.start() + 1} of {text!r}: {word[0]!r} is no condition",
                hint="write for example: role:web,db not label:frozen www-*",
            )
        terms.append(_Term(match["key"] or "name", values, negate))
        negate = False
    if text.split()[-1:] == ["not"]:
        raise InputError(f"column {len(text) + 1} of {text!r}: `not` needs a condition after it")
    return Selector(tuple(terms))


def require_selector(text: str, place: str) -> None:
    """Raise InputError, naming the place, for a query that cannot be understood."""
    try:
        parse_selector(text)
    except InputError as error:
        raise InputError(f"{place}: {error.message}", hint=error.hint) from error
