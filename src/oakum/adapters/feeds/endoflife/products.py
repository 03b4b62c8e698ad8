"""endoflife.date: until when releases get fixes, one file a product, `products/debian.md`.

A file begins with YAML between two lines of `---`. What counts of it is a list of flat entries, and
they are read line by line: nothing else of YAML is needed, and no reader of all of it is asked.

    releases:
      - releaseCycle: "12"
        codename: "Bookworm"
        eol: 2026-07-11
        eoes: 2028-06-30
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date

from oakum.adapters.feeds.parsing import Parsed
from oakum.core.inventory.support import ReleaseSupport
from oakum.core.text import is_plain, one_line

PRODUCTS = {
    "debian": "", "ubuntu": "", "almalinux": "almalinux:", "rocky-linux": "rocky:", "rhel": "rhel:",
    "sles": "sles:", "opensuse": "opensuse-leap:", "alpine-linux": "alpine:",
}  # fmt: skip
"""How the releases of a product are called here; those without are called by their codename."""
LONG_TERM = frozenset({"debian"})
"""Whose extended support is everybody's: Debian's LTS."""
MARK, RELEASES = "---", "releases:"
ENTRY = re.compile(r"\s*-\s+releaseCycle:\s*(?P<value>\S.*)")
FIELD = re.compile(r"\s+(?P<name>codename|eol|eoes):\s*(?P<value>\S.*)")
COMMENT = re.compile(r"\s+#.*")
CYCLE = re.compile(r"[0-9]+(?:\.[0-9]+)*")
CODENAME = re.compile(r"[A-Za-z]+")
NO_DATE = frozenset({"false", "true"})
"""No end is known, or it has come, and when is not."""


def parse_products(files: Iterable[tuple[str, bytes]], source: str) -> Parsed:
    """Return until when distributions support releases; what cannot be read is counted."""
    del source
    parsed = Parsed()
    for name, content in files:
        product = name.rpartition("/")[2].removesuffix(".md")
        if product not in PRODUCTS:
            continue
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            parsed.unreadable.append(f"{product}: no UTF-8 at byte {error.start}")
            continue
        for entry in _entries(text):
            try:
                parsed.support.append(_support(product, entry))
            except ValueError as error:
                where = one_line(f"{product} {entry.get('releaseCycle', '')}", 60)
                parsed.unreadable.append(f"{where}: {one_line(str(error), 80)}")
    return parsed


def _entries(text: str) -> Iterator[dict[str, str]]:
    entry: dict[str, str] | None = None
    is_there = False
    for number, line in enumerate(text.splitlines()):
        if line.rstrip() == MARK and number:
            break
        if line.rstrip() == RELEASES:
            is_there = True
        elif is_there and (begun := ENTRY.fullmatch(line)):
            if entry is not None:
                yield entry
            entry = {"releaseCycle": _value(begun["value"])}
        elif entry is not None and (field := FIELD.fullmatch(line)):
            entry[field["name"]] = _value(field["value"])
    if entry is not None:
        yield entry


def _value(text: str) -> str:
    """Return a plain value without its quotes, and without what is remarked behind it."""
    quote = text[:1]
    if quote in {'"', "'"}:
        return text[1:].partition(quote)[0]
    return COMMENT.sub("", text).strip()


def _support(product: str, entry: dict[str, str]) -> ReleaseSupport:
    until, extended = _day(entry.get("eol", "")), _day(entry.get("eoes", ""))
    if until is None:
        message = "its end is not known"
        raise ValueError(message)
    if product in LONG_TERM:
        until, extended = extended or until, None
    return ReleaseSupport(_name(product, entry), until, extended)


def _name(product: str, entry: dict[str, str]) -> str:
    prefix, cycle = PRODUCTS[product], entry["releaseCycle"]
    if prefix and CYCLE.fullmatch(cycle):
        # Before 16, SUSE's first release of a number calls itself by the number alone.
        is_first = product == "sles" and cycle in {"11.0", "12.0", "15.0"}
        return prefix + (cycle.removesuffix(".0") if is_first else cycle)
    codename = entry.get("codename", "").split()
    if prefix or not codename or not CODENAME.fullmatch(codename[0]) or not is_plain(codename[0]):
        message = "it has no name that is known here"
        raise ValueError(message)
    return codename[0].lower()


def _day(text: str) -> date | None:
    return None if not text or text in NO_DATE else date.fromisoformat(text)
