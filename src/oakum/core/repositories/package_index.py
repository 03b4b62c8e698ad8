"""A Packages index."""

import re
from collections.abc import Iterator

from oakum.core.errors import InputError
from oakum.core.ids import Digest
from oakum.core.repositories.archive import ArchivePackage, ArchiveSource
from oakum.core.repositories.stanzas import Stanza, parse_stanza, split_stanzas
from oakum.core.text import is_plain, one_line
from oakum.core.versions.deb import is_version

SOURCE = re.compile(r"(?P<name>[a-z0-9][a-z0-9+.-]+)(?: \((?P<version>[^)]+)\))?")
NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
SHA256 = re.compile(r"[0-9a-f]{64}")
PHASED = "Phased-Update-Percentage"
PERCENTAGE = re.compile(r"100|[0-9]{1,2}")
NUMBER = re.compile(r"[0-9]{1,15}")


def parse_index(text: str, source: ArchiveSource, place: str) -> Iterator[ArchivePackage]:
    """Give the packages of an index. Raises InputError with the number of the paragraph."""
    for number, stanza in enumerate(split_stanzas(text), 1):
        where = f"{place}, paragraph {number}"
        yield package_of(parse_stanza(stanza, where), stanza, source, where)


def package_of(fields: Stanza, text: str, source: ArchiveSource, where: str) -> ArchivePackage:
    """Return the package of a paragraph. Raises InputError when a field is missing or unsafe."""
    try:
        name, version = fields["Package"], fields["Version"]
        match = SOURCE.fullmatch(fields.get("Source", name))
        filename, sha256, size = fields["Filename"], fields["SHA256"], fields["Size"]
        architecture, installed_size = fields["Architecture"], fields.get("Installed-Size", "0")
        phased = fields.get(PHASED, "")
    except KeyError as error:
        raise InputError(f"{where} has no field {error.args[0]}") from error
    is_safe = (
        NAME.fullmatch(name)
        and NAME.fullmatch(architecture)
        and SHA256.fullmatch(sha256)
        and NUMBER.fullmatch(size)
        and NUMBER.fullmatch(installed_size)
        and (not phased or PERCENTAGE.fullmatch(phased))
        and is_version(version)
        and is_plain(filename)
        and ".." not in filename.split("/")
        and not filename.startswith("/")
    )
    if match is None or not is_safe or not is_version(match["version"] or version):
        raise InputError(f"{where}: {one_line(name, 80)} has a field that no archive would write")
    depends = ", ".join(fields[f] for f in ("Pre-Depends", "Depends") if f in fields)
    return ArchivePackage(
        name=name,
        version=version,
        architecture=architecture,
        source_name=match["name"],
        source_version=match["version"] or version,
        filename=filename,
        size_bytes=int(size),
        sha256=Digest(sha256),
        installed_size_kib=int(installed_size),
        depends=depends,
        provides=fields.get("Provides", ""),
        fields=text,
        source=source,
        phased_percentage=int(phased) if phased else None,
    )
