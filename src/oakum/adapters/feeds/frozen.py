"""Feeds of a past day, from files: what a back-test is made of."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from oakum.adapters.feeds.cisa.kev import parse_kev
from oakum.adapters.feeds.cisa.records import parse_records
from oakum.adapters.feeds.cvss_vectors import parse_vectors
from oakum.adapters.feeds.debian.advisories import parse_fixes
from oakum.adapters.feeds.first.epss import parse_epss
from oakum.adapters.feeds.parsing import Parsed
from oakum.adapters.feeds.unpacking import members, unpacked
from oakum.core.advisories.first_fix import AdvisoryFix
from oakum.core.errors import InputError
from oakum.ports.advisory_feed import DatedSignals, FrozenFeeds


@dataclass(frozen=True, slots=True)
class FrozenFiles:
    """The files; each may be packed with gzip or xz."""

    kev: Path
    until_kev: Path
    epss: Path | None
    severity: tuple[Path, ...]
    """Tars of CVE records, or tables of CVSS vectors; the first that knows a CVE counts."""
    advisories: tuple[Path, ...]
    """Debian's lists of advisories."""


def read_frozen(files: FrozenFiles) -> FrozenFeeds:
    """Return the feeds. Raises InputError with the file."""
    unreadable: list[str] = []
    return FrozenFeeds(
        kev=_dated(files.kev, parse_kev(_read(files.kev)), unreadable),
        until_kev=_dated(files.until_kev, parse_kev(_read(files.until_kev)), unreadable),
        epss=_dated(files.epss, parse_epss(_read(files.epss)), unreadable) if files.epss else None,
        severity=tuple(
            signal
            for path in files.severity
            for signal in _kept(path, _severity(path), unreadable).signals
        ),
        fixes=tuple(_fixes(files.advisories, unreadable)),
        unreadable=tuple(unreadable),
    )


def _severity(path: Path) -> Parsed:
    name = path.name
    if ".tar" in name or name.endswith(".tgz"):
        return parse_records(members(_bytes(path), name, (".json",)))
    return parse_vectors(_read(path), name)


def _fixes(paths: Iterable[Path], unreadable: list[str]) -> Iterable[AdvisoryFix]:
    for path in paths:
        fixes, strange = parse_fixes(_read(path))
        if not fixes:
            raise InputError(
                f"{path} holds no fix of any CVE",
                hint="give `data/DSA/list` or `data/DLA/list` of Debian's security tracker",
            )
        unreadable += [f"{path.name}: {line}" for line in strange]
        yield from fixes


def _dated(path: Path, parsed: Parsed, unreadable: list[str]) -> DatedSignals:
    moment = _kept(path, parsed, unreadable).data_as_of
    return DatedSignals(_day(moment, path), tuple(parsed.signals))


def _day(moment: datetime | None, path: Path) -> date:
    if moment is None:
        raise InputError(f"{path} does not say of which day it is")
    return moment.astimezone(UTC).date()


def _kept(path: Path, parsed: Parsed, unreadable: list[str]) -> Parsed:
    unreadable += [f"{path.name}: {line}" for line in parsed.unreadable]
    return parsed


def _read(path: Path) -> bytes:
    return unpacked(_bytes(path), path.name)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
