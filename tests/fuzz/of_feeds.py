"""Targets: advisories and signals, bundles and what they come packed in."""

import gzip
import json
import lzma
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import zstandard
from tests.fuzz.claims import claim, harmless_feed, nothing_lost, tree_of
from tests.fuzz.target import GOLDEN, NOW, Target, golden, tar_of, zip_of

from oakum.adapters.feeds.alpine.secdb import parse_secdb
from oakum.adapters.feeds.bundle import Bundle, open_bundle
from oakum.adapters.feeds.cisa.kev import parse_kev
from oakum.adapters.feeds.cisa.records import parse_records
from oakum.adapters.feeds.cvss_vectors import parse_vectors
from oakum.adapters.feeds.debian.advisories import parse_advisories, parse_fixes
from oakum.adapters.feeds.debian.tracker import parse_tracker
from oakum.adapters.feeds.errata.updateinfo import parse_updateinfo
from oakum.adapters.feeds.first.epss import parse_epss
from oakum.adapters.feeds.kept import KeptFile
from oakum.adapters.feeds.nvd.api import parse_nvd
from oakum.adapters.feeds.nvd.pages import pages_after
from oakum.adapters.feeds.osv.records import parse_osv
from oakum.adapters.feeds.parsing import Parsed
from oakum.adapters.feeds.reading import RELEASES, Provenance, read_feed
from oakum.adapters.feeds.ubuntu.tracker import parse_ubuntu
from oakum.adapters.feeds.unpacking import members, unpacked
from oakum.adapters.feeds.vex.csaf import parse_csaf
from oakum.adapters.feeds.vex.openvex import parse_openvex
from oakum.core.advisories.feed import FeedName
from oakum.core.canonical import digest_of_bytes
from oakum.core.errors import TrustError
from oakum.ports.signing import Signed

Parse = Callable[[Iterable[tuple[str, bytes]], str], Parsed]

ADVISORIES = b"""\
[21 Aug 2026] DSA-6458-1 gst-plugins-bad1.0 - security update
\t{CVE-2026-12891 CVE-2026-12892}
\t[trixie] - gst-plugins-bad1.0 1.26.2-3+deb13u3
[28 Jan 2025] DSA-5852-2 pdns-recursor - regression update
\tNOTE: the first fix was not enough
\t{CVE-2024-25590}
\t[bookworm] - pdns-recursor 4.8.8-1+deb12u2
[20 Jan 2025] DLA-5852-1 pdns-recursor - security update
\t{CVE-2024-25590 CVE-2024-25591 TEMP-0000000-000001}
\t[bookworm] - pdns-recursor 4.8.8-1+deb12u1 (a remark)
\t[bullseye] - pdns-recursor <end-of-life> (too old)
"""
VECTORS = b"""\
cve,vector,source
CVE-2024-6387,CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:H,cna
CVE-2014-0160,AV:N/AC:L/Au:N/C:P/I:N/A:N,nvd
CVE-2025-0001,CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N,cna
"""
UPDATEINFO = b"""<?xml version="1.0" encoding="UTF-8"?>
<updates><update type="security" status="final"><id>ALSA-2024:4312</id>
<release>AlmaLinux 9</release><issued date="2024-07-03 00:00:00"/>
<references><reference id="CVE-2024-6387" type="cve" href=""/></references>
<pkglist><collection short="a"><name>almalinux-9-baseos</name>
<module name="nodejs" stream="18" version="1" context="rhel9" arch="x86_64"/>
<package name="openssh" epoch="0" version="8.7p1" release="38.el9_4.1" arch="x86_64"/>
<package name="openssh" epoch="0" version="8.7p1" release="38.el9_4.1" arch="src"/>
</collection></pkglist></update></updates>
"""
CSAF = {
    "document": {
        "category": "csaf_vex",
        "tracking": {"id": "CVE-2024-6387", "current_release_date": "2024-07-03T00:00:00Z"},
    },
    "product_tree": {
        "branches": [
            {"branches": [
                {"product": {"product_id": "rhel", "product_identification_helper": {
                    "cpe": "cpe:/o:redhat:enterprise_linux:9::baseos"}}},
                {"product": {"product_id": "ssh", "product_identification_helper": {
                    "purl": "pkg:rpm/redhat/openssh@8.7p1-38.el9?arch=x86_64&epoch=1"}}},
            ]}
        ],
        "relationships": [
            {"full_product_name": {"product_id": "rhel:ssh"}, "product_reference": "ssh",
             "relates_to_product_reference": "rhel"}
        ],
    },
    "vulnerabilities": [
        {"cve": "CVE-2024-6387", "product_status": {
            "fixed": ["rhel:ssh"], "known_affected": ["rhel:ssh"]}}
    ],
}  # fmt: skip
PURLS = (
    b"pkg:deb/debian/openssl@3?arch=source&distro=debian-12",
    b"pkg:rpm/redhat/openssh@8-1?arch=src",
)


def _held(parsed: Parsed) -> Parsed:
    harmless_feed(parsed)
    return parsed


def _tracker(content: bytes) -> None:
    _held(parse_tracker(content, RELEASES))


def _advisories(content: bytes) -> None:
    parsed = _held(parse_advisories(content, RELEASES))
    fixes, strange = parse_fixes(content)
    claim(parsed.statements == [] or fixes, "a statement that is no fix")
    claim(set(strange) <= set(parsed.unreadable), "a strange line was not named")


def _kev(content: bytes) -> None:
    parsed = _held(parse_kev(content))
    there = tree_of(content)
    nothing_lost(
        len(parsed.signals) + len(parsed.unreadable),
        len(there["vulnerabilities"]) + (there["count"] != len(there["vulnerabilities"])),
        "entries",
    )


def _epss(content: bytes) -> None:
    parsed = _held(parse_epss(content))
    rows = len(content.decode("ascii").splitlines()) - 2
    nothing_lost(len(parsed.signals) + len(parsed.unreadable), rows, "rows")


def _vectors(content: bytes) -> None:
    parsed = _held(parse_vectors(content, "vectors.csv"))
    claim(
        len(parsed.signals) == len({signal.cve for signal in parsed.signals}), "a CVE stands twice"
    )


def _nvd(content: bytes) -> None:
    parsed = _held(parse_nvd([("page.json", content)], "nvd"))
    if parsed.data_as_of is not None:
        # Of two items on one CVE the last counts.
        items = tree_of(content)["vulnerabilities"]
        distinct = {json.dumps(item, sort_keys=True) for item in items if not _has_id(item)}
        known = {item["cve"]["id"] for item in items if _has_id(item)}
        named = len(parsed.signals) + len(parsed.unreadable)
        claim(named >= len(known) + len(distinct), "an item was lost")


def _has_id(item: object) -> bool:
    cve = item.get("cve") if isinstance(item, dict) else None
    return isinstance(cve, dict) and isinstance(cve.get("id"), str)


def _records(content: bytes) -> None:
    parsed = _held(parse_records([("record.json", content)]))
    nothing_lost(len(parsed.signals) + len(parsed.unreadable), 1, "records")


def _of_one(parse: Parse) -> Callable[[bytes], None]:
    def read(content: bytes) -> None:
        _held(parse([("record.json", content)], "test"))

    return read


def _pages(content: bytes) -> None:
    pages = pages_after("https://nvd.example/api", content)
    claim(len(pages) < 10_000, "no database has so many pages")


def _unpacked(content: bytes) -> None:
    unpacked(content, "a feed")


def _members(content: bytes) -> None:
    for name, inside in members(content, "a feed", (".json", ".xml")):
        claim(bool(name) and inside is not None, "a member without name or content")


def _whole_feed(content: bytes) -> None:
    """Read by the first byte as one feed or another: from packed bytes to what is stored of it."""
    names = list(FeedName)
    read_feed(
        names[content[0] % len(names) if content else 0],
        content[1:],
        Provenance("test", NOW, NOW),
    )


KEV = golden("feeds/kev.json")[0]
MANIFEST = json.dumps({
    "format": 1,
    "name": "test",
    "made_at": "2026-11-21T00:00:00Z",
    "files": [
        {"feed": "kev", "file": "kev.json", "sha256": digest_of_bytes(KEV), "records": 4,
         "data_as_of": "2026-08-07T00:00:00Z", "origin": "CISA", "licence": "CC0-1.0"}
    ],
}).encode()  # fmt: skip


class _Held:
    def read(self, name: str) -> bytes | None:
        return {"kev.json": KEV}.get(name)


def _manifest(content: bytes) -> None:
    bundle = Bundle(_Held(), "test", content)
    for feed in bundle.feeds():
        bundle.load(feed)


class _Nobody:
    def verified(self, content: bytes, place: str) -> Signed:
        raise TrustError(f"{place}: {len(content)} bytes that nobody signed")


def _bundle(content: bytes) -> None:
    with TemporaryDirectory(prefix="oakum-fuzz-") as directory:
        path = Path(directory) / "bundle.tar"
        path.write_bytes(content)
        bundle = open_bundle(path, _Nobody(), may_be_unsigned=True)
        for feed in bundle.feeds():
            bundle.load(feed)


def _note(content: bytes) -> None:
    with TemporaryDirectory(prefix="oakum-fuzz-") as directory:
        path = Path(directory) / "kev.data"
        path.write_bytes(b"")
        path.with_name("kev.data.json").write_bytes(content)
        note = KeptFile(path).note()
        claim(note.fetched_at.tzinfo, "a moment without a zone cannot be held against the clock")


JSONS = [("a.json", KEV), ("b.json", golden("feeds/nvd/page.json")[0])]
PACKED = (gzip.compress(KEV), lzma.compress(KEV), zstandard.compress(KEV), KEV)
TAR = tar_of([*JSONS, ("c.xml", UPDATEINFO), ("d.json.gz", gzip.compress(KEV)), ("e", b"other")])
OSV = tuple(path.read_bytes() for path in sorted((GOLDEN / "feeds" / "osv").glob("*.json")))
RECORDS = tuple(
    path.read_bytes() for path in sorted((GOLDEN / "feeds" / "cve-records").glob("*.json"))
)
ECOSYSTEMS = (
    b"Debian:12", b"Ubuntu:Pro:22.04:LTS", b"AlmaLinux:9", b"Rocky Linux:9", b"Alpine:v3.20",
    b"Red Hat:enterprise_linux:9::baseos", b"SUSE:Linux Enterprise Server 15 SP5",
)  # fmt: skip
WHOLE = {
    FeedName.DEBIAN_TRACKER: golden("feeds/debian-tracker.json")[0],
    FeedName.DEBIAN_DSA: lzma.compress(ADVISORIES),
    FeedName.UBUNTU_TRACKER: zip_of([("a.json", golden("feeds/ubuntu/CVE-2024-6387.json")[0])]),
    FeedName.OSV_REDHAT: gzip.compress(tar_of([("a.json", golden("feeds/osv/redhat.json")[0])])),
    FeedName.UPDATEINFO: gzip.compress(UPDATEINFO),
    FeedName.KEV: KEV,
}

TARGETS = (
    Target(
        "debian-tracker",
        _tracker,
        golden("feeds/debian-tracker.json", "feeds/debian-tracker-original.json"),
        (b"resolved", b"open", b"undetermined", b"bookworm", b"postponed"),
    ),
    Target("debian-advisories", _advisories, (ADVISORIES,), (b"[bookworm] - a 1", b"{CVE-2026-1}")),
    Target("kev", _kev, (KEV,)),
    Target("epss", _epss, golden("feeds/epss.csv"), (b"1e-999999999", b"sNaN", b"Infinity")),
    Target("cvss-vectors", _vectors, (VECTORS,), (b"/E:X", b"CVSS:3.0/", b"CVSS:2.0/", b"//")),
    Target("cve-records", _records, RECORDS, (b"CISA-ADP", b"ssvc", b"vectorString")),
    Target("nvd", _nvd, golden("feeds/nvd/page.json"), (b"Primary", b"cvssMetricV40")),
    Target(
        "nvd-pages",
        _pages,
        (b'{"startIndex": 0, "resultsPerPage": 2000, "totalResults": 5000}',),
    ),
    Target("osv", _of_one(parse_osv), OSV, ECOSYSTEMS),
    Target(
        "ubuntu-tracker",
        _of_one(parse_ubuntu),
        golden("feeds/ubuntu/CVE-2024-6387.json"),
        (b"esm-infra/focal", b"released", b"jammy"),
    ),
    Target("alpine-secdb", _of_one(parse_secdb), golden("feeds/alpine/v3.20-main.json")),
    Target(
        "csaf",
        _of_one(parse_csaf),
        (*golden("feeds/vex/rhsa-2024_9371.json"), json.dumps(CSAF).encode()),
        PURLS,
    ),
    Target("openvex", _of_one(parse_openvex), golden("feeds/vex/openvex.json"), PURLS),
    Target(
        "updateinfo",
        _of_one(parse_updateinfo),
        (UPDATEINFO,),
        (b'<package name="a" version="1" release="1"/>', b"<collection>", b'encoding="utf-7"'),
    ),
    Target("unpacking", _unpacked, PACKED),
    Target(
        "archives-of-feeds",
        _members,
        (TAR, zip_of(JSONS), gzip.compress(TAR), lzma.compress(TAR), zstandard.compress(TAR)),
        cost=4,
    ),
    Target(
        "whole-feeds",
        _whole_feed,
        tuple(bytes([list(FeedName).index(feed)]) + content for feed, content in WHOLE.items()),
        cost=4,
    ),
    Target("bundle-manifests", _manifest, (MANIFEST,), (b"epss", b"cve-records")),
    Target(
        "bundles",
        _bundle,
        (
            tar_of([("manifest.json", MANIFEST), ("kev.json", KEV)]),
            gzip.compress(tar_of([("manifest.json", MANIFEST), ("kev.json", KEV)])),
        ),
        cost=8,
    ),
    Target(
        "kept-notes",
        _note,
        (b'{"etag": "\\"a\\"", "last_modified": "", "fetched_at": "2026-11-25T00:00:00Z"}',),
        cost=2,
    ),
)
