"""Debian's security tracker, `data/json`: package → CVE → release → status."""

import re

import msgspec

from oakum.adapters.feeds.parsing import Parsed, decode
from oakum.core.advisories.cve import CVE
from oakum.core.advisories.signals import CveSignals
from oakum.core.advisories.statement import NoDsaReason, Urgency, VendorStatement, VendorStatus
from oakum.core.ids import CveId
from oakum.core.text import one_line
from oakum.core.versions.deb import key
from oakum.core.versions.order import InvalidVersionError

SOURCE = re.compile(r"[a-z0-9][a-z0-9+.-]+")
TEMPORARY = re.compile(r"TEMP-[0-9]+-[0-9A-F]{6}")
"""The tracker's own name for an issue that has no CVE yet."""
NOT_AFFECTED_VERSION = "0"
"""The tracker's way to say that no version of the release was ever affected."""


class _Release(msgspec.Struct):
    status: str
    urgency: str = ""
    fixed_version: str = ""
    nodsa: str | None = None
    nodsa_reason: str | None = None


class _Issue(msgspec.Struct):
    releases: dict[str, _Release] = {}
    description: str = ""


def parse_tracker(content: bytes, releases: frozenset[str]) -> Parsed:
    """Return the statements about these releases. Raises InputError when it is no such document."""
    tree = decode(content, dict[str, dict[str, msgspec.Raw]], "the Debian tracker's JSON")
    parsed = Parsed()
    issue_of = msgspec.json.Decoder(_Issue).decode
    summaries: dict[CveId, str] = {}
    for source, issues in tree.items():
        for cve, raw in issues.items():
            try:
                issue = issue_of(raw)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                place = one_line(f"{source}/{cve}")
                parsed.unreadable.append(f"{place}: {one_line(str(error))}")
                continue
            _add(parsed, source, cve, issue, releases)
            if issue.description and CVE.fullmatch(cve):
                summaries.setdefault(CveId(cve), one_line(issue.description, 160))
    parsed.signals = [CveSignals(cve, summary=words) for cve, words in summaries.items()]
    return parsed


def _add(parsed: Parsed, source: str, cve: str, issue: _Issue, releases: frozenset[str]) -> None:
    if not SOURCE.fullmatch(source):
        parsed.unreadable.append(one_line(f"{source}/{cve}: no package name"))
        return
    if not CVE.fullmatch(cve) and not TEMPORARY.fullmatch(cve):
        parsed.unreadable.append(one_line(f"{source}/{cve}: no CVE"))
        return
    for release, entry in issue.releases.items():
        if release not in releases:
            continue
        try:
            parsed.statements.append(_statement(source, cve, release, entry))
        except (ValueError, InvalidVersionError) as error:
            parsed.unreadable.append(one_line(f"{source}/{cve}/{release}: {error}"))


def _statement(source: str, cve: str, release: str, entry: _Release) -> VendorStatement:
    status, version = _status(entry)
    if version:
        key(version)
    reason = entry.nodsa_reason or ""
    no_dsa = NoDsaReason(reason) if reason else NoDsaReason.NONE
    if entry.nodsa is not None and no_dsa is NoDsaReason.NONE:
        no_dsa = NoDsaReason.NO_DSA
    return VendorStatement(
        release=release,
        source_name=source,
        cve=CveId(cve),
        status=status,
        fixed_version=version,
        urgency=_urgency(entry.urgency),
        no_dsa=no_dsa,
    )


def _status(entry: _Release) -> tuple[VendorStatus, str]:
    if entry.status == "resolved":
        if entry.fixed_version == NOT_AFFECTED_VERSION:
            return VendorStatus.NOT_AFFECTED, ""
        if not entry.fixed_version:
            message = "resolved without a version"
            raise ValueError(message)
        return VendorStatus.FIXED, entry.fixed_version
    if entry.status == "open":
        return VendorStatus.OPEN, ""
    if entry.status == "undetermined":
        return VendorStatus.UNDETERMINED, ""
    message = f"unknown status {entry.status!r}"
    raise ValueError(message)


def _urgency(word: str) -> Urgency:
    plain = word.rstrip("*").strip()
    return Urgency(plain) if plain else Urgency.NOT_YET_ASSIGNED
