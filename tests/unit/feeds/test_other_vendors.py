"""Ubuntu's tracker, Alpine's secdb, VEX, updateinfo and NVD: each says what its source says."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.adapters.feeds.alpine.secdb import parse_secdb
from oakum.adapters.feeds.errata.updateinfo import parse_updateinfo
from oakum.adapters.feeds.nvd.api import parse_nvd
from oakum.adapters.feeds.osv.records import parse_osv
from oakum.adapters.feeds.parsing import Parsed
from oakum.adapters.feeds.ubuntu.tracker import parse_ubuntu
from oakum.adapters.feeds.vex.csaf import parse_csaf
from oakum.adapters.feeds.vex.openvex import parse_openvex
from oakum.core.advisories.signals import Reservation
from oakum.core.advisories.statement import NoDsaReason, Urgency, VendorStatement, VendorStatus
from oakum.core.text import is_plain

GOLDEN = Path(__file__).parents[2] / "golden" / "feeds"
Parse = Callable[[Iterable[tuple[str, bytes]], str], Parsed]


def parse(parser: Parse, *documents: object) -> Parsed:
    files = [
        (f"{n}.json", d if isinstance(d, bytes) else json.dumps(d).encode())
        for n, d in enumerate(documents)
    ]
    return parser(files, "test")


def golden(parser: Parse, name: str) -> Parsed:
    parsed = parser([(name, (GOLDEN / name).read_bytes())], "test")
    assert parsed.unreadable == []
    return parsed


def ubuntu(place: str, status: str, note: str = "", package: str = "tool") -> dict[str, object]:
    entry = {package: {"name": package, "status": status, "note": note}}
    return {"candidate": "CVE-2026-0001", "priority": "low", "packages": {place: entry}}


def test_ubuntus_tracker_gives_the_fix_of_each_release() -> None:
    """regreSSHion, as it stood in August 2024."""
    found = {s.release: s for s in golden(parse_ubuntu, "ubuntu/CVE-2024-6387.json").statements
             if s.source_name == "openssh"}  # fmt: skip
    assert found["jammy"].fixed_version == "1:8.9p1-3ubuntu0.10"
    assert found["noble"].fixed_version == "1:9.6p1-3ubuntu13.3"


@pytest.mark.parametrize(
    ("status", "expected", "reason"),
    [
        ("needed", VendorStatus.OPEN, NoDsaReason.NONE),
        ("pending", VendorStatus.OPEN, NoDsaReason.NONE),
        ("deferred", VendorStatus.OPEN, NoDsaReason.POSTPONED),
        ("ignored", VendorStatus.OPEN, NoDsaReason.IGNORED),
        ("needs-triage", VendorStatus.UNDETERMINED, NoDsaReason.NONE),
        ("not-affected", VendorStatus.NOT_AFFECTED, NoDsaReason.NONE),
    ],
)
def test_each_word_of_ubuntus_tracker(
    status: str, expected: VendorStatus, reason: NoDsaReason
) -> None:
    """A version that is only pending is no fix yet."""
    (said,) = parse(parse_ubuntu, ubuntu("jammy", status, "1.0")).statements
    assert (said.status, said.no_dsa, said.fixed_version) == (expected, reason, "")


def test_what_a_release_does_not_have_is_not_spoken_of() -> None:
    """DNE, other releases, upstream, and channels that nobody knows."""
    others = [
        ubuntu("jammy", "DNE"), ubuntu("upstream", "released", "2"), ubuntu("xenial", "needed"),
        ubuntu("ros-esm/jammy", "released", "1.0-1"), ubuntu("esm-apps/jammy", "needed"),
        ubuntu("fips/xenial", "needed"),
    ]  # fmt: skip
    assert parse(parse_ubuntu, *others).statements == []


def test_the_trackers_own_text_is_read() -> None:
    """Typed from the file: jammy has thunderbird, and is not affected as to firefox."""
    name = "active/CVE-2023-4056"
    content = (GOLDEN / "ubuntu" / "CVE-2023-4056").read_bytes()
    parsed = parse_ubuntu(
        [(name, content), ("tracker/README", b"words"), ("tracker/x.py", b"1")], "x"
    )
    assert parsed.unreadable == []
    found = {
        (s.release, s.source_name): (s.status.value, s.fixed_version) for s in parsed.statements
    }
    assert found["jammy", "thunderbird"] == ("fixed", "1:102.15.0+build1-0ubuntu0.22.04.1")
    assert found["focal", "firefox"] == ("not affected", "")
    assert found["focal", "mozjs52"] == ("undetermined", "")
    assert ("jammy", "mozjs38") not in found
    assert {s.urgency for s in parsed.statements} == {Urgency.MEDIUM}
    assert parsed.signals[0].summary.startswith(
        "Memory safety bugs present in Firefox 115, Firefox"
    )


def test_a_line_of_the_trackers_text_that_makes_no_sense_is_counted() -> None:
    """A package may have a priority of its own, and a file no CVE."""
    text = (
        "Candidate: CVE-2026-0001\nDescription:\n words\nNotes:\n a_b: c\nPriority: high\n"
        " a reason\nPriority_tool: low\nPatches_tool:\n upstream: x\njammy_tool: needed\n"
        "jammy_other: needed (2026-01-01)\njammy_third: what is this\n"
        "jammy_fourth: strange (1)\nTags_tool: x\nCVSS:\n nvd: CVSS:3.1/AV:N\n"
    )
    parsed = parse_ubuntu([("CVE-2026-0001", text.encode())], "x")
    assert [(s.source_name, s.urgency) for s in parsed.statements] == [
        ("tool", Urgency.LOW),
        ("other", Urgency.HIGH),
    ]
    assert parsed.unreadable == [
        "CVE-2026-0001: jammy_third: what is this",
        "CVE-2026-0001/jammy/fourth: unknown status 'strange'",
    ]
    assert parse_ubuntu([("CVE-2026-1", b"Candidate:\n")], "x").unreadable == ["CVE-2026-1: no CVE"]


def test_a_fips_channel_is_a_release_of_its_own() -> None:
    """Its versions continue none; also what is open there is said of it alone."""
    parsed = parse(
        parse_ubuntu,
        ubuntu("jammy", "released", "1.0-1ubuntu2"),
        ubuntu("fips-updates/jammy", "needed"),
        ubuntu("fips/jammy", "released", "1.0-1ubuntu1+Fips2"),
    )
    assert [(s.release, s.status.value, s.fixed_version, s.channel) for s in parsed.statements] == [
        ("jammy", "fixed", "1.0-1ubuntu2", ""),
        ("jammy-fips-updates", "open", "", ""),
        ("jammy-fips", "fixed", "1.0-1ubuntu1+Fips2", ""),
    ]


def test_a_paid_channel_is_named() -> None:
    """The same package is open in the release and fixed for subscribers."""
    parsed = parse(
        parse_ubuntu,
        ubuntu("jammy", "needed"),
        ubuntu("esm-apps/jammy", "released", "1.0-1ubuntu1+esm1"),
    )
    assert {(s.channel, s.status) for s in parsed.statements} == {
        ("", VendorStatus.OPEN),
        ("esm-apps", VendorStatus.FIXED),
    }


def test_alpines_secdb_by_branch_and_origin() -> None:
    """`0` says that the branch was never affected."""
    found = golden(parse_secdb, "alpine/v3.20-main.json").statements
    assert {said.release for said in found} == {"alpine:3.20"}
    assert any(said.source_name == "openssl" and said.fixed_version for said in found)
    assert any(said.status is VendorStatus.NOT_AFFECTED for said in found)


def test_csaf_puts_components_and_platforms_together() -> None:
    """A source package is named as such; the advisory is dated by its first release."""
    parsed = golden(parse_csaf, "vex/rhsa-2024_9371.json")
    (said,) = parsed.statements
    assert said == VendorStatement(
        "rhel:9", "source:python3.9", said.cve, VendorStatus.FIXED, "3.9.19-8.el9",
        source="test", advisory="RHSA-2024:9371", issued_on=said.issued_on,
    )  # fmt: skip
    assert said.cve == "CVE-2024-8088"


def vex(state: str, purl: str, cpe: str) -> dict[str, object]:
    def branch(name: str, helper: dict[str, str]) -> dict[str, object]:
        product = {"name": name, "product_id": name, "product_identification_helper": helper}
        return {"category": "product", "name": name, "product": product}

    whole = {"product_id": "os:part", "name": "part of os"}
    relation = {"full_product_name": whole, "product_reference": "part",
                "relates_to_product_reference": "os"}  # fmt: skip
    return {
        "document": {
            "category": "csaf_vex",
            "tracking": {"id": "CVE-2026-0001", "current_release_date": "2026-08-01T00:00:00Z"},
        },
        "product_tree": {
            "branches": [branch("os", {"cpe": cpe}), branch("part", {"purl": purl})],
            "relationships": [relation],
        },
        "vulnerabilities": [{"cve": "CVE-2026-0001", "product_status": {state: ["os:part"]}}],
    }


def openvex(purl: str, cve: str) -> dict[str, object]:
    return {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "timestamp": "2026-08-01T00:00:00Z",
        "statements": [
            {"vulnerability": cve, "status": "affected", "products": [{"@id": purl}]},
        ],
    }


RHEL = "cpe:/o:redhat:enterprise_linux:9::baseos"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("known_affected", VendorStatus.OPEN),
        ("known_not_affected", VendorStatus.NOT_AFFECTED),
        ("under_investigation", VendorStatus.UNDETERMINED),
    ],
)
def test_vex_says_what_no_advisory_says(state: str, expected: VendorStatus) -> None:
    """Backported code that is not affected, and what has no fix yet."""
    (said,) = parse(parse_csaf, vex(state, "pkg:rpm/redhat/openssl?arch=src", RHEL)).statements
    assert (said.release, said.source_name, said.status) == ("rhel:9", "source:openssl", expected)
    assert said.advisory == ""


@pytest.mark.parametrize(
    ("cpe", "release"),
    [
        (RHEL, "rhel:9"),
        ("cpe:/o:redhat:enterprise_linux:9", "rhel:9"),
        ("cpe:/o:redhat:rhel_eus:9.2::baseos", "rhel-eus:9.2"),
        ("cpe:/a:redhat:rhel_eus:8.6", "rhel-eus:8.6"),
        ("cpe:/a:redhat:rhel_eus_long_life:8.4", ""),
        ("cpe:/o:redhat:rhel_aus:8.4::baseos", ""),
        ("cpe:/o:suse:sles:15:sp5", "sles:15.5"),
        ("cpe:/o:suse:sles-ltss:15:sp4", ""),
        ("cpe:/o:suse:sle-module-basesystem:15:sp6", "sles:15.6"),
        ("cpe:/o:opensuse:leap:15.6", "opensuse-leap:15.6"),
        ("cpe:/a:redhat:openshift:4.14::el9", ""),
    ],
)
def test_only_platforms_that_hosts_can_be_are_read(cpe: str, release: str) -> None:
    """An extended stream is another product than the release."""
    said = parse(parse_csaf, vex("fixed", "pkg:rpm/x/openssl@3.0-1?arch=x86_64&epoch=1", cpe))
    assert [(s.release, s.fixed_version) for s in said.statements] == (
        [(release, "1:3.0-1")] if release else []
    )


def test_openvex_is_not_taken_for_a_first_fixed_version() -> None:
    """`fixed` names the version that was looked at: an older one may hold the fix as well."""
    assert golden(parse_openvex, "vex/openvex.json").statements == []
    statement = {
        "vulnerability": {"name": "CVE-2026-0001"},
        "status": "not_affected",
        "products": [
            {"@id": "pkg:deb/debian/openssl@3.0?arch=source&distro=debian-12"},
            {"@id": "pkg:deb/ubuntu/openssl@3.0?arch=source&distro=esm-infra/focal"},
            {"@id": "pkg:deb/debian/libssl3@3.0?arch=amd64&distro=debian-12"},
            {"@id": "pkg:rpm/almalinux/openssl@3.0-1?arch=x86_64&distro=almalinux-9.4"},
            {"@id": "pkg:apk/alpine/openssl@3.0-r1?distro=alpine-3.20.1"},
            {"@id": "pkg:pypi/openssl@1"},
        ],
    }
    document = {"@context": "https://openvex.dev/ns/v0.2.0", "timestamp": "2026-08-01T00:00:00Z",
                "statements": [statement]}  # fmt: skip
    parsed = parse(parse_openvex, document)
    assert [(said.release, said.source_name) for said in parsed.statements] == [
        ("bookworm", "openssl"), ("almalinux:9", "openssl"), ("alpine:3.20", "openssl"),
    ]  # fmt: skip
    assert parsed.data_as_of == datetime(2026, 8, 1, tzinfo=UTC)


UPDATEINFO = """<?xml version="1.0" encoding="UTF-8"?>
<updates>
 <update from="x" status="final" type="security" version="1">
  <id>ALSA-2026:0001</id><title>nodejs:18 security update</title>
  <issued date="2026-02-01 00:00:00"/><release>AlmaLinux 9</release>
  <references><reference type="cve" id="CVE-2026-0001"/><reference type="self" id="x"/></references>
  <pkglist><collection short="appstream"><name>appstream</name>
   <module name="nodejs" stream="18" version="1" context="c" arch="x86_64"/>
   <package name="nodejs" version="18.19.1" release="1.module_el9" epoch="1" arch="x86_64"/>
   <package name="npm" version="10.2.4" release="1.module_el9" epoch="1" arch="x86_64"/>
   <package name="nodejs" version="18.19.1" release="1.module_el9" epoch="1" arch="src"/>
   <package name="nodejs-debuginfo" version="18.19.1" release="1.module_el9" arch="x86_64"/>
  </collection></pkglist>
 </update>
 <update type="bugfix"><id>ALBA-2026:0002</id><release>AlmaLinux 9</release>
  <pkglist><collection><package name="bash" version="1" release="1" arch="x86_64"/></collection>
  </pkglist></update>
</updates>"""


def test_updateinfo_names_the_module_stream() -> None:
    """Advisories without a CVE, source and debug packages are left out."""
    parsed = parse(parse_updateinfo, UPDATEINFO.encode())
    assert [(s.source_name, s.fixed_version, s.module) for s in parsed.statements] == [
        ("nodejs", "1:18.19.1-1.module_el9", "nodejs:18"),
        ("npm", "1:10.2.4-1.module_el9", "nodejs:18"),
    ]
    assert {(s.release, s.advisory) for s in parsed.statements} == {
        ("almalinux:9", "ALSA-2026:0001")
    }
    assert parsed.data_as_of == datetime(2026, 2, 1, tzinfo=UTC)


def test_updateinfo_that_does_not_say_its_release_is_counted() -> None:
    """It could be anybody's."""
    parsed = parse(parse_updateinfo, UPDATEINFO.replace("AlmaLinux 9", "").encode())
    assert "which release" in parsed.unreadable[0]


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
    ],
)
def test_xml_that_declares_entities_is_refused(head: str) -> None:
    """Neither bombs nor files of this machine get in by an advisory."""
    parsed = parse(parse_updateinfo, UPDATEINFO.replace("<updates>", f"{head}<updates>").encode())
    assert parsed.statements == []
    assert len(parsed.unreadable) == 1


def test_nvd_gives_scores_and_no_products() -> None:
    """Its CPEs are never held against a package."""
    parsed = golden(parse_nvd, "nvd/page.json")
    assert parsed.statements == []
    first = parsed.signals[0]
    assert (first.cve, first.cvss and first.cvss.base_tenths) == ("CVE-2023-27314", 75)
    assert first.cvss is not None
    assert (first.cvss.source, first.cwes) == ("test", ("CWE-400",))


def test_a_rejected_and_a_disputed_cve_are_marked() -> None:
    """They stay, and nobody is held to a date for them."""

    def cve(number: int, **more: object) -> dict[str, object]:
        return {"cve": {"id": f"CVE-2026-000{number}"} | more}

    page = {
        "format": "NVD_CVE", "timestamp": "2026-08-01T00:00:00.000",
        "vulnerabilities": [
            cve(1, vulnStatus="Rejected"), cve(2, cveTags=[{"tags": ["disputed"]}]), cve(3),
        ],
    }  # fmt: skip
    found = [signal.reservation for signal in parse(parse_nvd, page).signals]
    assert found == [Reservation.REJECTED, Reservation.DISPUTED, None]


PARSERS: list[tuple[Parse, bytes]] = [
    (parse_ubuntu, (GOLDEN / "ubuntu/CVE-2024-6387.json").read_bytes()),
    (parse_secdb, (GOLDEN / "alpine/v3.20-main.json").read_bytes()),
    (parse_csaf, (GOLDEN / "vex/rhsa-2024_9371.json").read_bytes()),
    (parse_openvex, (GOLDEN / "vex/openvex.json").read_bytes()),
    (parse_nvd, (GOLDEN / "nvd/page.json").read_bytes()),
    (parse_osv, (GOLDEN / "osv/ubuntu.json").read_bytes()),
    (parse_updateinfo, UPDATEINFO.encode()),
]


@given(st.sampled_from(PARSERS), st.randoms(use_true_random=False), st.integers(1, 6))
def test_damage_is_counted_and_never_raised(
    parser: tuple[Parse, bytes], chance: Random, harms: int
) -> None:
    """A file that is cut, or has bytes changed, is read or counted; what is said is harmless."""
    parse_it, content = parser
    damaged = bytearray(content)
    for _ in range(harms):
        place = chance.randrange(len(damaged))
        match chance.randrange(3):
            case 0:
                damaged[place] = chance.randrange(256)
            case 1:
                del damaged[place : place + chance.randrange(1, 40)]
            case _:
                damaged[place:place] = bytes(chance.randrange(256) for _ in range(4))
        damaged = damaged or bytearray(b"x")
    parsed = parse_it([("\x1b[31mfile", bytes(damaged))], "test")
    assert all(is_plain(problem) for problem in parsed.unreadable)
    assert all(is_plain(said.source_name + said.fixed_version) for said in parsed.statements)


@given(st.sampled_from(PARSERS), st.integers(0, 2_000))
def test_a_file_that_is_cut_off_is_counted(parser: tuple[Parse, bytes], place: int) -> None:
    """Nothing of it is taken for the whole."""
    parse_it, content = parser
    cut = content[: min(place, len(content.rstrip()) - 1)]
    assert len(parse_it([("file", cut)], "test").unreadable) == 1


def test_a_cve_with_a_slip_in_it_is_named() -> None:
    """Alpine's real data has `CVE-46838` and `CVE-????-?????`."""
    package = {"name": "xen", "secfixes": {"4.16.1-r0": ["CVE-46838 XSA-1", "CVE-2026-0001"]}}
    branch = {"distroversion": "v3.20", "packages": [{"pkg": package}]}
    parsed = parse(parse_secdb, branch)
    assert [said.cve for said in parsed.statements] == ["CVE-2026-0001"]
    assert parsed.unreadable == ["alpine:3.20/xen: 'CVE-46838' is no CVE"]


@pytest.mark.parametrize(
    ("parser", "document"),
    [
        (parse_csaf, vex("fixed", "pkg:rpm/x/t%1b%5bl@3.0-1?arch=x86_64", RHEL)),
        (parse_csaf, vex("known_affected", "pkg:rpm/x/t%1b%5bl?arch=src", RHEL)),
        (parse_csaf, vex("fixed", "", RHEL) | {"vulnerabilities": [{"cve": "CVE-2026-1"}]}),
        (parse_openvex, openvex("pkg:rpm/redhat/t%1b%5bl?distro=rhel-9", "CVE-2026-0001")),
        (parse_openvex, openvex("pkg:rpm/redhat/tool?distro=rhel-9", "CVE-2026-1")),
    ],
)
def test_a_vex_document_names_packages_and_cves(parser: Parse, document: object) -> None:
    """A name that no package has, and a CVE that is none, are counted and never stored."""
    parsed = parse(parser, document)
    assert parsed.statements == []
    assert len(parsed.unreadable) == 1
    assert is_plain(parsed.unreadable[0])
