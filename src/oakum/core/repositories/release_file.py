"""A Release file: only ever the text that a signature was checked for."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from oakum.core.errors import InputError, TrustError
from oakum.core.ids import Digest
from oakum.core.repositories.stanzas import parse_stanza
from oakum.core.text import one_line

FILE = re.compile(r"(?P<sha256>[0-9a-f]{64})\s+(?P<size>[0-9]{1,15})\s+(?P<path>\S+)")


@dataclass(frozen=True, slots=True)
class IndexFile:
    """A file that the Release names."""

    path: str
    sha256: Digest
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """The fields that decide."""

    origin: str
    suite: str
    codename: str
    date: str
    valid_until: datetime | None
    has_by_hash: bool
    files: tuple[IndexFile, ...]

    def file(self, path: str, place: str) -> IndexFile:
        """Return what the Release says of a file. Raises InputError when it does not name it."""
        found = next((file for file in self.files if file.path == path), None)
        if found is None:
            raise InputError(
                f"{place} names no {path}", hint="are component and architecture right?"
            )
        return found


def parse_release(text: str, place: str) -> ReleaseFile:
    """Return the Release. Raises InputError when a field is missing or malformed."""
    fields = parse_stanza(text.strip("\n"), place)
    for name in ("Codename", "Date", "SHA256"):
        if name not in fields:
            raise InputError(f"{place} has no field {name}")
    until = fields.get("Valid-Until")
    return ReleaseFile(
        origin=fields.get("Origin", ""),
        suite=fields.get("Suite", ""),
        codename=fields["Codename"],
        date=fields["Date"],
        valid_until=_date(until, place) if until else None,
        has_by_hash=fields.get("Acquire-By-Hash") == "yes",
        files=tuple(_file(line, place) for line in fields["SHA256"].split("\n") if line.strip()),
    )


def require_fresh(release: ReleaseFile, now: datetime, place: str) -> None:
    """Raise TrustError when the Release has expired: a mirror may be holding updates back."""
    if release.valid_until is not None and release.valid_until < now:
        raise TrustError(
            f"{place} expired on {release.valid_until:%Y-%m-%d %H:%M} UTC",
            hint="the mirror is out of date, or somebody holds updates back; "
            "is the clock of this machine right?",
        )


def _date(text: str, place: str) -> datetime:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{place}: {one_line(text, 80)!r} is no date") from error
    # `-0000` means UTC of which nobody says where (RFC 5322); Python leaves the zone out.
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _file(line: str, place: str) -> IndexFile:
    match = FILE.fullmatch(line.strip())
    if match is None:
        raise InputError(f"{place}: {one_line(line, 80)!r} is no line of SHA256")
    return IndexFile(match["path"], Digest(match["sha256"]), int(match["size"]))
