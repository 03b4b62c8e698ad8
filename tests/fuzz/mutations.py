"""Changes of an input that a parser does not expect: of bytes, lines, columns, JSON and archives.

Every change follows from the seed, so that a run can be repeated.
"""

import gzip
import io
import json
import lzma
import random
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import zstandard

MAX_BYTES = 64 * 1024
WORDS = (
    b"", b"\0", b"\x1b[31m", b"\r", b"\n", b"\t", b" ", b"\xff", b"\xc3\x28", b"\xed\xa0\x80",
    "\u202e".encode(), "\u2028".encode(), "\u0663".encode(), "\u00b2".encode(), b"0", b"-1", b"00",
    b"1e999", b"NaN", b"9" * 18, b"9" * 19, b"9" * 5000, b"null", b"true", b"[]", b"{}", b'""',
    b"[" * 2000, b'{"a":' * 500, b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-14:00", b"=",
    b"9999-12-31", b"2024-02-30", b"CVE-2024-6387", b"CVE-2024-1", b"CVE-20", b"../../etc/passwd",
    b"%00", b"%1b", b"*" * 40, b"A" * 3000, b"&x;", b"]]>", b"<!DOCTYPE a>", b"--", b"\\", b"'",
    b'"', b"{{x}}", b"#", b"::", b"~",
)  # fmt: skip
"""What parsers stumble over."""
VALUES: tuple[object, ...] = (
    None, True, -1, 0, 1.5, 2**31, 2**63, 2**64, 10**30, "", "\x1b[31m", "\u202e", "x" * 2000, [],
    {}, [[]], {"": ""}, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2024-01-01", "0",
    "CVE-2024-6387", "CVE-2024-1", "pkg:rpm/redhat/a%1b@1?arch=x86_64&distro=rhel-9", "1:2-3", "~",
    "AV:N/AC:L/Au:N/C:P/I:P/A:P", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "CVSS:4.0/", ":",
    "pkg:",
)  # fmt: skip
GZIP, XZ, ZIP, ZSTD = b"\x1f\x8b", b"\xfd7zXZ\x00", b"PK\x03\x04", b"\x28\xb5\x2f\xfd"
TAR_MAGIC_AT = 257


class Mutator:
    """Makes new inputs of known ones."""

    def __init__(self, seed: int, words: Sequence[bytes] = ()) -> None:
        self._random = random.Random(seed)  # noqa: S311 (repeatable, and nothing is kept secret by it)
        self._words = (*WORDS, *words)

    def mutated(self, content: bytes, others: Sequence[bytes]) -> bytes:
        """Return an input that differs from a known one by one to eight changes."""
        for _ in range(self._random.choice((1, 1, 1, 2, 3, 8))):
            content = self._changed(content, others)
        return content[:MAX_BYTES]

    def _changed(self, content: bytes, others: Sequence[bytes]) -> bytes:
        kinds: list[Callable[[bytes], bytes]] = [self._of_bytes, self._of_lines, self._of_columns]
        if content.startswith((GZIP, XZ, ZSTD)):
            kinds += [self._of_packed] * 5
        elif content.startswith(ZIP):
            kinds += [self._of_zip] * 5
        elif content[TAR_MAGIC_AT:].startswith(b"ustar"):
            kinds += [self._of_tar] * 5
        elif content.lstrip()[:1] in {b"{", b"["}:
            kinds += [self._of_json] * 6
        if others and self._random.random() < 0.05:
            return self._spliced(content, self._random.choice(others))
        return self._random.choice(kinds)(content)

    def _place(self, content: bytes) -> int:
        return self._random.randint(0, len(content))

    def _spliced(self, content: bytes, other: bytes) -> bytes:
        return content[: self._place(content)] + other[self._place(other) :]

    def _of_bytes(self, content: bytes) -> bytes:
        begin = self._place(content)
        end = min(len(content), begin + self._random.choice((0, 1, 1, 2, 4, 16, 64, 512)))
        part = content[begin:end]
        middle = self._random.choice(
            (
                self._random.choice(self._words),
                self._random.choice(self._words),
                b"",
                part + part,
                part[::-1],
                self._random.randbytes(min(len(part), 8) or 1),
                bytes(byte ^ (1 << self._random.randrange(8)) for byte in part),
            )
        )
        return content[:begin] + middle + content[end:]

    def _of_lines(self, content: bytes) -> bytes:
        return b"\n".join(self._rearranged(content.split(b"\n")))

    def _of_columns(self, content: bytes) -> bytes:
        lines = content.split(b"\n")
        at = self._random.randrange(len(lines))
        between = next((mark for mark in (b"\t", b",", b";", b" ") if mark in lines[at]), b" ")
        lines[at] = between.join(self._rearranged(lines[at].split(between)))
        return b"\n".join(lines)

    def _rearranged(self, parts: list[bytes]) -> list[bytes]:
        at, other = self._random.randrange(len(parts)), self._random.randrange(len(parts))
        match self._random.randrange(5):
            case 0:
                parts.pop(at)
            case 1:
                parts.insert(at, parts[other])
            case 2:
                parts[at], parts[other] = parts[other], parts[at]
            case 3:
                parts[at] = self._random.choice(self._words)
            case _:
                parts[at] = self._of_bytes(parts[at])
        return parts

    def _of_json(self, content: bytes) -> bytes:
        try:
            tree = json.loads(content)
        except (ValueError, RecursionError):
            return self._of_bytes(content)
        places = list(_places(tree))
        if not places:
            return self._of_bytes(content)
        holder, key = self._random.choice(places)
        value = holder[key]
        match self._random.randrange(6):
            case 0:
                del holder[key]
            case 1:
                _, from_key = source = self._random.choice(places)
                holder[key] = json.loads(json.dumps(source[0][from_key]))
            case 2 if isinstance(holder, list):
                holder.append(json.loads(json.dumps(value)))
            case 3 if isinstance(value, str):
                text = value.encode(errors="replace")
                holder[key] = self._of_bytes(text).decode(errors="replace")
            case 4 if isinstance(holder, dict):
                holder[str(self._random.choice(VALUES))] = holder.pop(key)
            case _:
                holder[key] = self._random.choice(VALUES)
        return json.dumps(tree, ensure_ascii=self._random.random() < 0.5).encode(errors="replace")

    def _of_packed(self, content: bytes) -> bytes:
        try:
            inside = _unpack(content)
        except Exception:  # noqa: BLE001 (whatever is wrong with it, it is changed as bytes)
            return self._of_bytes(content)
        pack = self._random.choice(
            (gzip.compress, lzma.compress, zstandard.compress, lzma.compress)
        )
        return pack(self._changed(inside, ()))

    def _of_zip(self, content: bytes) -> bytes:
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                held = [(name, archive.read(name)) for name in archive.namelist()]
        except Exception:  # noqa: BLE001 (the same)
            return self._of_bytes(content)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", self._random.choice((0, 8, 12, 14))) as archive:
            for name, inside in self._members(held):
                archive.writestr(zipfile.ZipInfo(name or "x"), inside)
        return packed.getvalue()

    def _of_tar(self, content: bytes) -> bytes:
        try:
            with tarfile.open(fileobj=io.BytesIO(content)) as tar:
                held = [(m.name, tar.extractfile(m).read()) for m in tar if m.isfile()]  # type: ignore[union-attr]
        except Exception:  # noqa: BLE001 (the same)
            return self._of_bytes(content)
        packed = io.BytesIO()
        form = self._random.choice((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
        with tarfile.open(fileobj=packed, mode="w", format=form) as tar:
            for name, inside in self._members(held):
                member = tarfile.TarInfo(name[:90] if form == tarfile.USTAR_FORMAT else name)
                member.type = self._random.choice(
                    (b"0", b"0", b"0", b"1", b"2", b"5", b"x", b"L", b"S")
                )
                member.size = len(inside)
                tar.addfile(member, io.BytesIO(inside))
        return packed.getvalue()

    def _members(self, held: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        changed = [
            (name, inside if self._random.random() < 0.5 else self._changed(inside, ()))
            for name, inside in held
        ]
        if changed and self._random.random() < 0.3:
            _, inside = changed[0]
            word = self._random.choice(
                ("../x", "a/b.json", "é.json", "x.json.gz", "n" * 120, "/x.json")
            )
            changed.append((word, inside))
        return changed


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Return (holder, key or index) of every value; what JSON holds is anything."""
    found, waiting = list[tuple[Any, Any]](), [tree]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, dict):
            found += [(holder, key) for key in holder]
            waiting += holder.values()
        elif isinstance(holder, list):
            found += [(holder, key) for key in range(len(holder))]
            waiting += holder
    return found


def _unpack(content: bytes) -> bytes:
    if content.startswith(GZIP):
        with gzip.open(io.BytesIO(content)) as file:
            return file.read(16 * MAX_BYTES)
    if content.startswith(XZ):
        with lzma.open(io.BytesIO(content)) as file:
            return file.read(16 * MAX_BYTES)
    with zstandard.ZstdDecompressor().stream_reader(content) as file:
        return file.read(16 * MAX_BYTES)
