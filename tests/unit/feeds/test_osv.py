"""OSV records: which release, which package, which version; nothing of another product."""

import json
from pathlib import Path

import pytest

from oakum.adapters.feeds.osv.ecosystems import stream_of
from oakum.adapters.feeds.osv.records import parse_osv
from oakum.adapters.feeds.parsing import Parsed
from oakum.core.advisories.statement import VendorStatement, VendorStatus

GOLDEN = Path(__file__).parents[2] / "golden" / "feeds" / "osv"


def parse(*records: bytes) -> Parsed:
    return parse_osv([(f"{n}.json", record) for n, record in enumerate(records)], "osv-almalinux")


def golden(name: str) -> list[VendorStatement]:
    parsed = parse((GOLDEN / f"{name}.json").read_bytes())
    assert parsed.unreadable == []
    return parsed.statements


def record(ecosystem: str = "AlmaLinux:9", fixed: str | None = "1.0-1", **more: object) -> bytes:
    events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed is not None else [])]
    affected = {
        "package": {"ecosystem": ecosystem, "name": "tool"},
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
    }
    known = {"id": "ALSA-2026:1", "related": ["CVE-2026-0001"], "affected": [affected]}
    return json.dumps(known | more).encode()


@pytest.mark.parametrize(
    ("ecosystem", "expected"),
    [
        ("Debian:12", ("bookworm", "")),
        ("Debian:10", None),
        ("Ubuntu:22.04:LTS", ("jammy", "")),
        ("Ubuntu:Pro:22.04:LTS", ("jammy", "pro")),
        ("Ubuntu:Pro:14.04:LTS", None),
        ("Ubuntu:24.10", None),
        ("AlmaLinux:9", ("almalinux:9", "")),
        ("Rocky Linux:8", ("rocky:8", "")),
        ("Red Hat:enterprise_linux:9::appstream", ("rhel:9", "")),
        ("Red Hat:rhel_eus:9.2::baseos", ("rhel-eus:9.2", "")),
        ("Red Hat:rhel_eus_long_life:8.4::baseos", None),
        ("Ubuntu:Pro:FIPS-updates:22.04:LTS", ("jammy-fips-updates", "")),
        ("Ubuntu:Pro:FIPS:22.04:LTS", ("jammy-fips", "")),
        ("Ubuntu:Pro:FIPS-preview:22.04:LTS", ("jammy-fips-preview", "")),
        ("Ubuntu:Pro:FIPS-updates:18.04:LTS", None),
        ("Red Hat:rhel_e4s:8.4::appstream", None),
        ("SUSE:Linux Enterprise Server 15 SP5", ("sles:15.5", "")),
        ("SUSE:Linux Enterprise Module for Basesystem 15 SP6", ("sles:15.6", "")),
        ("SUSE:Linux Enterprise Server 15 SP5-LTSS", None),
        ("openSUSE:Leap 15.6", ("opensuse-leap:15.6", "")),
        ("Alpine:v3.20", ("alpine:3.20", "")),
        ("Alpine:edge", None),
        ("PyPI", None),
    ],
)
def test_an_ecosystem_is_one_release_or_none(
    ecosystem: str, expected: tuple[str, str] | None
) -> None:
    """Extended streams have fixes of their own, and are not the release."""
    assert stream_of(ecosystem) == expected


def test_almalinux_names_binary_packages_with_their_epochs() -> None:
    """The CVEs of the advisory hold for each of its packages."""
    found = golden("almalinux")
    assert {said.release for said in found} == {"almalinux:9"}
    assert all(said.status is VendorStatus.FIXED and said.advisory for said in found)
    assert {said.source_name for said in found} >= {"openssl", "openssl-libs"}
    assert all(said.fixed_version.startswith("1:3.0") for said in found)


def test_a_module_is_told_from_the_package_that_it_is_called_like() -> None:
    """Npm 8 and nodejs-nodemon 2 are of the stream that nodejs 18.12.1 follows."""
    found = golden("almalinux-module")
    assert {said.module for said in found} == {"nodejs:18.12.1"}
    assert {said.source_name for said in found} >= {"nodejs", "npm", "nodejs-nodemon"}


def test_rocky_names_source_packages() -> None:
    """A binary package of the source is found by it."""
    assert {said.source_name for said in golden("rocky")} == {"source:compat-openssl11"}


def test_debug_packages_of_red_hat_are_left_out() -> None:
    """They hold no code that runs."""
    assert {said.source_name for said in golden("redhat")} == {"compat-openssl11"}


def test_an_extended_stream_of_red_hat_is_a_release_of_its_own() -> None:
    """What RHBA-2021:0624 fixes in 8.1's stream says nothing about 8."""
    found = golden("redhat-eus")
    assert {(said.release, said.channel) for said in found} == {("rhel-eus:8.1", "")}


def test_a_fips_build_is_told_by_its_package_url_too() -> None:
    """Where the ecosystem is only that of subscribers; a channel that nobody knows is left out."""

    def said(distro: str) -> list[tuple[str, str]]:
        package = {"ecosystem": "Ubuntu:Pro:22.04:LTS", "name": "openssl",
            "purl": f"pkg:deb/ubuntu/openssl@3?arch=source&distro={distro}"}  # fmt: skip
        ranges = [{"type": "ECOSYSTEM", "events": [{"fixed": "3.0.2-0ubuntu1.15+Fips1"}]}]
        parsed = parse(record(affected=[{"package": package, "ranges": ranges}]))
        return [(statement.release, statement.channel) for statement in parsed.statements]

    assert (
        said("fips-updates/jammy") == said("fips-updates%2Fjammy") == [("jammy-fips-updates", "")]
    )
    assert said("fips/jammy") == [("jammy-fips", "")]
    assert said("fips-other/jammy") == []
    assert said("esm-infra/jammy") == [("jammy", "esm-infra")]


def test_suse_lists_the_binary_packages_of_each_module() -> None:
    """Keyed by source, with the binaries beside: those are what hosts have."""
    found = {(said.release, said.source_name) for said in golden("suse")}
    assert ("sles:15.6", "libopenssl1_1") in found
    assert ("opensuse-leap:15.6", "openssl-1_1") in found
    assert ("sles:15.6", "openssl-1_1") in found


def test_ubuntu_pro_is_a_channel_and_not_the_release() -> None:
    """The purl says which of the paid channels it is."""
    found = golden("ubuntu")
    assert {said.cve for said in found} == {"CVE-2022-24823"}
    assert all(said.advisory == "" for said in found)
    assert {(said.release, said.channel, said.fixed_version) for said in found} == {
        ("jammy", "esm-apps", "1:4.1.48-4+deb11u2ubuntu0.1~esm1"),
        ("noble", "esm-apps", "1:4.1.48-9ubuntu0.1~esm1"),
    }


def test_debians_fix_and_a_release_without_one() -> None:
    """No fixed event is an open issue."""
    found = {said.release: said for said in golden("debian")}
    assert found["bookworm"].fixed_version == "1:9.2p1-2+deb12u3"
    (said,) = parse(record("Debian:12", None)).statements
    assert said.status is VendorStatus.OPEN


def test_a_withdrawn_record_says_nothing() -> None:
    """What it fixed is no longer said to be fixed there."""
    assert parse(record(withdrawn="2026-01-01T00:00:00Z")).statements == []


def test_of_two_advisories_on_one_cve_the_higher_fix_counts() -> None:
    """The first was not enough; the order of the files does not matter."""
    first, second = record(fixed="1.0-1"), record(fixed="1.0-2", id="ALSA-2026:2")
    for order in ((first, second), (second, first)):
        (said,) = parse(*order).statements
        assert (said.fixed_version, said.advisory) == ("1.0-2", "ALSA-2026:2")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "truncated"),
        (b"[]", "object"),
        (b'{"id": 3}', "id"),
        (record()[:-9], "truncated"),
        (record().replace(b"ALSA", b"\xff\xfe"), "UTF-8"),
        (record(fixed="1:1:1"), "no rpm version"),
        (record(fixed="x y"), "no rpm version"),
        (record().replace(b'"tool"', b'"../x"'), "is no package"),
        (b'{"id": "x", "unknown": ' + b"[" * 100_000, "recursion"),
    ],
)
def test_what_cannot_be_read_is_counted_with_its_place(content: bytes, words: str) -> None:
    """The other records are read all the same."""
    parsed = parse(content, record(fixed="7-1"))
    (problem,) = parsed.unreadable
    assert words.lower() in problem.lower()
    assert [said.fixed_version for said in parsed.statements] == ["7-1"]


def test_a_cve_with_a_slip_in_it_is_named() -> None:
    """The record still says what it says of the others."""
    parsed = parse(record(related=["CVE-2026-0001", "UBUNTU-CVE-20260002", "GHSA-1"]))
    assert [s.cve for s in parsed.statements] == ["CVE-2026-0001"]
    assert parsed.unreadable == ["ALSA-2026:1: 'CVE-20260002' is no CVE"]
