"""Components interned: each has a number, and a bitmap of numbers is all that a host needs."""

from collections.abc import Iterable

import msgspec
from pyroaring import BitMap
from sqlalchemy import Connection, insert, select

from oakum.adapters.persistence.documents import from_document
from oakum.adapters.persistence.parts import in_parts
from oakum.adapters.persistence.tables import components
from oakum.core.matching.component import Component


class ComponentIds:
    """Gives components their numbers, and back."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ids: dict[Component, int] = {}

    def of(self, wanted: Iterable[Component]) -> list[int]:
        """Return the numbers of components; new ones get theirs."""
        every = list(wanted)
        missing = {_document(c): c for c in every if c not in self._ids}
        self._learn(missing)
        new = [
            {"release": c.release, "source": c.source, "name": c.name, "document": document}
            for document, c in sorted(missing.items())
            if c not in self._ids
        ]
        if new:
            self._connection.execute(insert(components), new)
            self._learn(missing)
        return [self._ids[component] for component in every]

    def read(self, numbers: BitMap) -> dict[int, Component]:
        """Return the components of these numbers."""
        found = dict[int, Component]()
        columns = (components.c.id, components.c.document)
        for part in in_parts(numbers):
            for number, document in self._connection.execute(
                select(*columns).where(components.c.id.in_(part))
            ):
                found[number] = component_of(document)
        return found

    def _learn(self, documents: dict[str, Component]) -> None:
        columns = (components.c.id, components.c.document)
        for part in in_parts(sorted(documents)):
            for number, document in self._connection.execute(
                select(*columns).where(components.c.document.in_(part))
            ):
                self._ids[documents[document]] = number


_encode = msgspec.json.Encoder().encode


def _document(component: Component) -> str:
    return _encode(component).decode()


def component_of(document: str) -> Component:
    """Return a stored component."""
    return from_document(document.encode(), Component, "a component")
