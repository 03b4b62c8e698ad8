"""Writes a bbolt file (the Go database that Trivy reads): buckets in buckets, keys in order.

A file is pages of 4,096 bytes: two copies of the meta page, the list of free pages, which is empty
here, and a B+ tree for each bucket. A page has a header of 16 bytes (its number, its kind, how many
elements it has, how many pages it runs over), an element of 16 bytes for each key, and then the
keys and values that these point at, as offsets from the element itself.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

PAGE = 4096
BRANCH, LEAF, META, FREE = 0x01, 0x02, 0x04, 0x10
MAGIC, VERSION = 0xED0CDAED, 2
IS_BUCKET = 1
HEADER, ELEMENT = 16, 16
Tree = Mapping[bytes, "bytes | Tree"]
T = TypeVar("T")


class Item(NamedTuple):
    """A key of a leaf, and what it holds."""

    key: bytes
    value: bytes
    flags: int


class Child(NamedTuple):
    """A page, and the first key below it."""

    key: bytes
    page: int


def write_bolt(path: Path, tree: Tree) -> None:
    """Write a database of these buckets."""
    pages = _Pages()
    root = pages.tree(list(pages.items(tree)))
    metas = (_meta(root, pages.next, number) for number in (0, 1))
    free = struct.pack("<QHHI", 2, FREE, 0, 0).ljust(PAGE, b"\0")
    path.write_bytes(b"".join((*metas, free, *pages.written)))


def _meta(root: int, pages: int, number: int) -> bytes:
    fields = struct.pack("<IIIIQQQQQ", MAGIC, VERSION, PAGE, 0, root, 0, 2, pages, number + 1)
    header = struct.pack("<QHHI", number, META, 0, 0)
    return (header + fields + struct.pack("<Q", _fnv(fields))).ljust(PAGE, b"\0")


def _fnv(content: bytes) -> int:
    """Return FNV-1a of 64 bits (Fowler, Noll, Vo), by which bbolt checks a meta page."""
    digest = 0xCBF29CE484222325
    for byte in content:
        digest = (digest ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return digest


class _Pages:
    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.next = 3

    def items(self, tree: Tree) -> Iterator[Item]:
        for key in sorted(tree):
            value = tree[key]
            if isinstance(value, bytes):
                yield Item(key, value, 0)
            else:
                root = self.tree(list(self.items(value)))
                yield Item(key, struct.pack("<QQ", root, 0), IS_BUCKET)

    def tree(self, items: Sequence[Item]) -> int:
        """Write a B+ tree from its leaves up; return the number of its root."""
        sizes = [len(item.key) + len(item.value) for item in items]
        leaves = _filled(sizes, items)
        level = [Child(group[0].key if group else b"", self._leaf(group)) for group in leaves]
        while len(level) > 1:
            groups = _filled([len(child.key) for child in level], level)
            level = [Child(group[0].key, self._branch(group)) for group in groups]
        return level[0].page

    def _leaf(self, items: Sequence[Item]) -> int:
        elements, body, end = b"", b"", HEADER + ELEMENT * len(items)
        for number, (key, value, flags) in enumerate(items):
            offset = end + len(body) - (HEADER + ELEMENT * number)
            elements += struct.pack("<IIII", flags, offset, len(key), len(value))
            body += key + value
        return self._write(LEAF, len(items), elements + body)

    def _branch(self, children: Sequence[Child]) -> int:
        elements, body, end = b"", b"", HEADER + ELEMENT * len(children)
        for number, (key, page) in enumerate(children):
            offset = end + len(body) - (HEADER + ELEMENT * number)
            elements += struct.pack("<IIQ", offset, len(key), page)
            body += key
        return self._write(BRANCH, len(children), elements + body)

    def _write(self, kind: int, count: int, content: bytes) -> int:
        over = -(-(HEADER + len(content)) // PAGE)
        number = self.next
        self.next += over
        header = struct.pack("<QHHI", number, kind, count, over - 1)
        self.written.append((header + content).ljust(over * PAGE, b"\0"))
        return number


def _filled(sizes: Sequence[int], what: Sequence[T]) -> list[Sequence[T]]:
    """Return the parts that fill a page each, of two or more where they can; one if none is."""
    groups, begin, used = [], 0, HEADER
    for place, size in enumerate(sizes):
        if place - begin > 1 and used + ELEMENT + size > PAGE:
            groups.append(what[begin:place])
            begin, used = place, HEADER
        used += ELEMENT + size
    groups.append(what[begin:])
    return groups
