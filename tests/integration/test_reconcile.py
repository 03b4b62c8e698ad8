"""`oakum findings reconcile` on a small fleet and the sample reports."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conformance.stores import examples
from tests.integration.test_command_line import oakum

from oakum.adapters.persistence.database import open_database
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork
from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.ids import CveId
from oakum.core.inventory.package import InstalledPackage

GOLDEN = Path(__file__).parents[1] / "golden" / "scanners"
SSH, SSL = "1:9.2p1-2+deb12u2", "3.0.15-1~deb12u1"
PACKAGES = (
    InstalledPackage("openssh-client", SSH, "amd64", "openssh", SSH),
    InstalledPackage("openssh-server", SSH, "amd64", "openssh", SSH),
    InstalledPackage("libssl3", SSL, "amd64", "openssl", SSL),
)


def statement(source: str, cve: str, fixed: str) -> VendorStatement:
    return VendorStatement("bookworm", source, CveId(cve), VendorStatus.FIXED, fixed)


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """Make a home with web-1, scanned; db-1, never scanned; and web-2."""
    home = tmp_path / "home"
    engine = open_database(f"sqlite:///{home / 'oakum.sqlite'}", home)
    statements = [
        statement("openssh", "CVE-2024-6387", "1:9.2p1-2+deb12u3"),
        statement("openssh", "CVE-2025-26465", "1:9.2p1-2+deb12u5"),
        statement("openssl", "CVE-2024-5535", SSL),
    ]
    with SqlUnitOfWork(engine, home) as work:
        for name, address in (("web-1", "192.0.2.10"), ("db-1", "192.0.2.20"), ("web-2", "x")):
            work.hosts.add(replace(examples.host(name), address=address))
        known = replace(examples.facts(PACKAGES), saw_all_processes=True, stale_processes=())
        work.facts.save(examples.WEB, known)
        work.advisories.replace_statements(examples.feed_state(), statements, examples.NOW)
        work.commit()
    engine.dispose()
    return home


def test_a_report_of_nessus_is_held_against_the_findings(fleet: Path) -> None:
    """What both say, what only it says with the evidence why not, and what it lacks."""
    done = oakum(fleet, "findings", "reconcile", str(GOLDEN / "nessus/two-hosts.nessus"))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == [
        "db-1: 0 agreed, 0 only theirs, 0 only ours",
        "  not judged: Oakum has never scanned this host",
    ]
    assert "web-1: 1 agreed, 2 only theirs, 1 only ours" in lines
    (fixed,) = [line for line in lines if line.startswith("CVE-2024-5535")]
    assert f"openssl: fixed: {SSL} >= {SSL} by dpkg's order" in fixed
    (unnamed,) = [line for line in lines if line.startswith("CVE-2024-4741")]
    assert "no statement of the vendor names a package of this host" in unnamed
    assert "Nessus of 2026-11-20 05:13 UTC: 4 results on 2 hosts, 2 of them Oakum's" in done.stderr
    assert "not compared: 1 result" in done.stderr
    assert "not in the report: web-2" in done.stderr
    assert "debian-tracker: as of 2026-11-24" in done.stderr


def test_all_lists_the_rest_too(fleet: Path) -> None:
    """What both say, and what the scanner lacks."""
    report = str(GOLDEN / "nessus/two-hosts.nessus")
    done = oakum(fleet, "findings", "reconcile", report, "--all")
    assert "affected, fix available" in done.stdout
    assert "CVE-2025-26465" in done.stdout
    assert "openssh-client, openssh-server" in done.stdout


@pytest.mark.parametrize("name", ["trivy/rootfs.json", "grype/directory.json"])
def test_a_report_of_a_directory_is_given_its_host(fleet: Path, name: str) -> None:
    """Without that it is no host's, and the next step is said."""
    report = str(GOLDEN / name)
    done = oakum(fleet, "findings", "reconcile", report)
    assert done.returncode == 0, done.stderr
    assert "not matched: /mnt/web-1: Oakum knows no host" in done.stderr
    assert "--host NAME says whose report it is" in done.stderr
    done = oakum(fleet, "findings", "reconcile", report, "--host", "web-1")
    assert "web-1: 1 agreed, " in done.stdout
    assert "not matched" not in done.stderr


@pytest.mark.parametrize(
    "name",
    [
        "nessus/two-hosts.nessus",
        "openvas/two-hosts.xml",
        "qualys/report.xml",
        "qualys/report.csv",
        "qualys/scan.xml",
        "vuls/web-1.json",
    ],
)
def test_programs_read_the_whole_comparison(fleet: Path, name: str) -> None:
    """Of every format: the same agreement, and the same one that Oakum knows to be fixed."""
    done = oakum(fleet, "findings", "reconcile", str(GOLDEN / name), "--json")
    answer = json.loads(done.stdout)
    (web,) = [one for one in answer["comparison"]["hosts"] if one["host"]["name"] == "web-1"]
    assert [both["cve"] for both in web["agreed"]] == ["CVE-2024-6387"]
    (fixed,) = [only for only in web["only_theirs"] if only["cve"] == "CVE-2024-5535"]
    assert fixed["reason"].startswith("openssl: fixed: ")
    assert [finding["cve"] for finding in web["only_ours"]] == ["CVE-2025-26465"]


def test_records_that_are_lost_are_said(fleet: Path) -> None:
    """With their places."""
    done = oakum(fleet, "findings", "reconcile", str(GOLDEN / "qualys/report.xml"))
    assert "1 record of the report cannot be used:" in done.stderr
    assert "HOST 192.0.2.10, VULN_INFO 5: the report does not explain its QID" in done.stderr


def test_a_bad_file_is_an_error_with_its_name(fleet: Path, tmp_path: Path) -> None:
    """Never a traceback, and nothing on standard output."""
    evil = tmp_path / "evil.xml"
    evil.write_text('<!DOCTYPE report [<!ENTITY a "b">]><report>&a;</report>')
    for words, said in (
        ([str(evil)], "evil.xml: it declares an entity, 'a'"),
        ([str(GOLDEN / "qualys/detections.xml")], "names its checks by number"),
        ([str(tmp_path / "no.xml")], "cannot be read"),
        ([str(GOLDEN / "nessus/two-hosts.nessus"), "--host", "web-1"], "about 2 hosts"),
        ([str(GOLDEN / "vuls/web-1.json"), "--host", "nope"], "there is no host 'nope'"),
    ):
        done = oakum(fleet, "findings", "reconcile", *words)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: ")
        assert said in done.stderr
        assert "\nhint: " in done.stderr or "no.xml" in done.stderr


def test_options_of_the_list_are_no_options_of_the_comparison(fleet: Path) -> None:
    """Before the word they would be dropped without a word."""
    report = str(GOLDEN / "vuls/web-1.json")
    done = oakum(fleet, "findings", "--host", "web-1", "reconcile", report)
    assert done.returncode == 1
    assert "options stand after the word reconcile" in done.stderr


def test_an_empty_fleet_is_not_a_safe_one(tmp_path: Path) -> None:
    """There is nothing to compare with."""
    done = oakum(tmp_path, "findings", "reconcile", str(GOLDEN / "vuls/web-1.json"))
    assert done.returncode == 1
    assert "there are no hosts yet" in done.stderr
