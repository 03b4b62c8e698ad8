"""XML from outside, one record at a time: no entities, no other files, no bottomless nests."""

import io
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from defusedxml import ElementTree, EntitiesForbidden

from oakum.core.errors import InputError
from oakum.core.text import one_line

MAX_DEPTH = 100


class XmlRecords:
    """The elements of some names in a document; each is forgotten once the next is asked for."""

    def __init__(self, content: bytes, place: str, names: frozenset[str] = frozenset()) -> None:
        self.place = place
        self.names = names
        self.seen: set[str] = set()
        """The name of every element so far that stands in no record."""
        self._content = content

    def root(self) -> Element:
        """Return the first element with its attributes. Raises InputError when there is none."""
        for kind, element in self._events():
            if kind == "start":
                return element
        raise InputError(f"{self.place} holds no XML element")

    def __iter__(self) -> Iterator[Element]:
        """Give each record when its end is read. Raises InputError with line and column."""
        path: list[Element] = []
        record: Element | None = None
        for kind, element in self._events():
            if kind == "start":
                path.append(element)
                if len(path) > MAX_DEPTH:
                    raise InputError(f"{self.place} nests its elements deeper than {MAX_DEPTH}")
                if record is None:
                    self.seen.add(element.tag)
                    record = element if element.tag in self.names else None
                continue
            path.pop()
            if record is element:
                yield element
                record = None
            if record is None and path:
                path[-1].clear()

    def _events(self) -> Iterator[tuple[str, Element]]:
        try:
            yield from ElementTree.iterparse(io.BytesIO(self._content), ("start", "end"))
        except EntitiesForbidden as error:
            raise InputError(
                f"{self.place} declares an entity, {one_line(str(error.name), 40)!r}",
                hint="no scanner does that: the file is not what it seems to be",
            ) from error
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            raise InputError(
                f"{self.place} is no XML that can be read: {one_line(str(error), 120)}",
                hint="it may be cut off; make the report anew",
            ) from error


def text_of(element: Element, path: str) -> str:
    """Return the text of the first element at a path below; empty when there is none."""
    return (element.findtext(path) or "").strip()


def texts_of(element: Element, path: str) -> list[str]:
    """Return the texts of all elements at a path below."""
    return [(found.text or "").strip() for found in element.findall(path)]
