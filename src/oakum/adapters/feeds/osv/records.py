"""OSV records (schema 1.7): one JSON a record, of Debian, Ubuntu, AlmaLinux, Rocky, Red Hat, SUSE.

A record names its CVEs in one of several places, and for each package of each ecosystem the version
that fixes them. A record that was withdrawn says nothing any more.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from oakum.adapters.feeds.osv.ecosystems import PRO, Stream, stream_of
from oakum.adapters.feeds.parsing import Parsed, each, newest
from oakum.adapters.feeds.statements import Collected, require_version
from oakum.core.advisories.cve import CVE, is_damaged
from oakum.core.advisories.signals import CveSignals
from oakum.core.advisories.statement import (
    OF_SOURCE,
    Urgency,
    VendorStatement,
    VendorStatus,
)
from oakum.core.ids import CveId
from oakum.core.inventory.distribution import FIPS_CHANNELS, base_of
from oakum.core.text import one_line
from oakum.core.versions.order import InvalidVersionError
from oakum.core.versions.scheme import Scheme, scheme_of

BY_SOURCE = "rocky:"
"""Rocky's records name source packages, and no binary ones."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
DEBUG = re.compile(r".*-debug(?:info|source)(?:-.+)?|.*-dbgsym")
"""Packages that hold no code that runs."""
MODULAR = re.compile(r"\.module[_+]")
OWN_PREFIX = re.compile(r"(?:[A-Z]+-)*(?=CVE-[0-9])")
"""Of a vendor's own name for a CVE: `UBUNTU-CVE-2024-1`, `DEBIAN-CVE-2024-1`."""
CHANNEL = re.compile(r"[?&]distro=(?P<channel>esm-[a-z]+)[a-z-]*(?:%2F|/)")
FIPS = re.compile(r"[?&]distro=(?P<channel>fips[a-z-]*)(?:%2F|/)")
"""A channel with versions of its own, that say nothing about the release's."""


class _Package(msgspec.Struct):
    ecosystem: str = ""
    name: str = ""
    purl: str = ""


class _Range(msgspec.Struct):
    type: str = ""
    events: list[dict[str, str]] = []


class _Specific(msgspec.Struct):
    urgency: str = ""
    binaries: list[dict[str, str]] = []
    tracker_status: str = ""


class _Affected(msgspec.Struct):
    package: _Package = msgspec.field(default_factory=_Package)
    ranges: list[_Range] = []
    ecosystem_specific: _Specific = msgspec.field(default_factory=_Specific)
    database_specific: _Specific = msgspec.field(default_factory=_Specific)


class _Record(msgspec.Struct):
    id: str
    modified: datetime | None = None
    published: datetime | None = None
    withdrawn: datetime | None = None
    summary: str = ""
    aliases: list[str] = []
    related: list[str] = []
    upstream: list[str] = []
    affected: list[_Affected] = []


_decode = msgspec.json.Decoder(_Record).decode


def parse_osv(records: Iterable[tuple[str, bytes]], source: str) -> Parsed:
    """Return the statements of (file name, record) pairs; what cannot be read is counted.

    `source` is the feed that they are of.
    """
    parsed, collected = Parsed(), Collected()
    summaries: dict[CveId, str] = {}
    for name, record in each(records, _decode, parsed):
        if record.modified is not None:
            parsed.data_as_of = newest(parsed.data_as_of, record.modified, name)
        if record.withdrawn is not None:
            continue
        names = _names(record)
        cves = tuple(CveId(name) for name in names if CVE.fullmatch(name))
        for damaged in filter(is_damaged, names):
            parsed.unreadable.append(
                f"{one_line(record.id, 60)}: {one_line(damaged, 40)!r} is no CVE"
            )
        for cve in cves:
            if record.summary:
                summaries.setdefault(cve, one_line(record.summary, 160))
        for problem in _take(record, cves, source, collected):
            parsed.unreadable.append(f"{one_line(record.id, 60)}: {problem}")
    parsed.statements = collected.statements
    parsed.signals = [CveSignals(cve, summary=words) for cve, words in summaries.items()]
    return parsed


def _names(record: _Record) -> tuple[str, ...]:
    """Return what the record is about, without vendors' prefixes."""
    names = (record.id, *record.aliases, *record.upstream, *record.related)
    return tuple(dict.fromkeys(OWN_PREFIX.sub("", name, count=1) for name in names))


def _take(
    record: _Record, cves: Iterable[CveId], source: str, collected: Collected
) -> Iterator[str]:
    """Take a record's statements up; give what is wrong with any."""
    is_cve = CVE.fullmatch(OWN_PREFIX.sub("", record.id, count=1))
    advisory = "" if is_cve else one_line(record.id, 60)
    issued = record.published.date() if advisory and record.published else None
    mains, seen = _main_packages(record), set[tuple[Stream, str, str]]()
    for affected in record.affected:
        stream = _stream(affected)
        if stream is None:
            continue
        for name, version in _fixes(affected, stream):
            # A record lists a package once for each product of the release that has it.
            if DEBUG.fullmatch(name) or (stream, name, version) in seen:
                continue
            seen.add((stream, name, version))
            if not NAME.fullmatch(name.removeprefix(OF_SOURCE)):
                yield f"{one_line(name, 40)!r} is no package"
                continue
            try:
                if version:
                    require_version(stream.release, version)
            except InvalidVersionError as error:
                yield f"{name}: {error.message}"
                continue
            for cve in cves:
                collected.add(
                    VendorStatement(
                        release=stream.release,
                        source_name=name,
                        cve=cve,
                        status=_status(affected, version),
                        fixed_version=version,
                        urgency=_urgency(affected.ecosystem_specific.urgency),
                        source=source,
                        advisory=advisory,
                        issued_on=issued,
                        channel=_channel(affected, stream),
                        module=mains.get(stream.release, "") if MODULAR.search(version) else "",
                    )
                )


def _stream(affected: _Affected) -> Stream | None:
    """Return the release or channel; some records tell a FIPS channel by the package's URL."""
    stream = stream_of(affected.package.ecosystem)
    match = FIPS.search(affected.package.purl)
    if stream is None or match is None or base_of(stream.release) != stream.release:
        return stream
    return (
        Stream(f"{stream.release}-{match['channel']}")
        if match["channel"] in FIPS_CHANNELS
        else None
    )


def _fixes(affected: _Affected, stream: Stream) -> Iterator[tuple[str, str]]:
    """Give names and fixed versions; the version is empty where there is no fix.

    SUSE's records are keyed by source package, and list the binary packages beside.
    """
    if scheme_of(stream.release) is Scheme.RPM and affected.ecosystem_specific.binaries:
        for binaries in affected.ecosystem_specific.binaries:
            yield from binaries.items()
        return
    if not affected.package.name:
        return
    is_by_source = stream.release.startswith(BY_SOURCE)
    name = f"{OF_SOURCE}{affected.package.name}" if is_by_source else affected.package.name
    for found in affected.ranges:
        if found.type == "ECOSYSTEM":
            fixed = [event["fixed"] for event in found.events if "fixed" in event]
            yield name, fixed[-1] if fixed else ""


def _status(affected: _Affected, version: str) -> VendorStatus:
    if version == "0":
        return VendorStatus.NOT_AFFECTED
    if version:
        return VendorStatus.FIXED
    triage = affected.database_specific.tracker_status == "needs-triage"
    return VendorStatus.UNDETERMINED if triage else VendorStatus.OPEN


def _urgency(word: str) -> Urgency:
    try:
        return Urgency(word) if word else Urgency.NOT_YET_ASSIGNED
    except ValueError:
        return Urgency.NOT_YET_ASSIGNED


def _channel(affected: _Affected, stream: Stream) -> str:
    match = CHANNEL.search(affected.package.purl) if stream.channel == PRO else None
    return match["channel"] if match else stream.channel


def _main_packages(record: _Record) -> dict[str, str]:
    """Return by release the module that modular packages of the record are of, as far as it shows.

    Records name no module. It is mostly called like one of its packages, after which others are
    named; that one's version follows the stream: `nodejs` 18.14.2 beside `nodejs-docs`, `npm`.
    """
    versions: dict[str, dict[str, str]] = {}
    for affected in record.affected:
        stream = _stream(affected)
        for name, version in _fixes(affected, stream) if stream else ():
            if stream and MODULAR.search(version):
                versions.setdefault(stream.release, {})[name] = version
    return {release: _main(found) for release, found in versions.items()}


def _main(versions: dict[str, str]) -> str:
    versions = {name.removeprefix(OF_SOURCE): version for name, version in versions.items()}
    kin = Counter(name.partition("-")[0] for name in versions)
    heads = [name for name in versions if name in kin]
    head = max(heads or sorted(versions), key=lambda name: (kin[name], name))
    upstream = versions[head].rpartition(":")[2].partition("-")[0]
    return one_line(f"{head}:{upstream}", 80)
