from datetime import UTC, datetime

import pytest
from tests.unit.scanners.samples import PARSERS, sample

from oakum.adapters.scanners.reading import parse_report
from oakum.core.reconciling.report import ReportedHost, ScannerReport

WEB = ReportedHost("web-1.example.com", ("192.0.2.10",))
SSH = ("1:9.2p1-2+deb12u2", "1:9.2p1-2+deb12u3")


def rows(report: ScannerReport) -> list[tuple[str, ...]]:
    return [
        (r.cve, r.package, r.installed_version, r.fixed_version, r.scanner_id, r.severity)
        for r in report.results
    ]


def test_nessus() -> None:
    """Plugins about packages name them, others do not; a host without results was seen."""
    report = parse_report(sample("nessus/two-hosts.nessus"))
    web, db = report.hosts
    assert web == ReportedHost("192.0.2.10", ("web-1.example.com", "web-1"))
    assert db == ReportedHost("db-1.example.com", ("192.0.2.20",))
    assert rows(report) == [
        ("CVE-2024-6387", "openssh-client", *SSH, "201194", "High"),
        ("CVE-2024-6387", "openssh-server", *SSH, "201194", "High"),
        ("CVE-2024-5535", "", "", "", "201085", "Critical"),
        ("CVE-2024-4741", "", "", "", "201085", "Critical"),
    ]
    assert {result.host for result in report.results} == {web}
    assert report.made_at == datetime(2026, 11, 20, 5, 13, 20, tzinfo=UTC)
    assert (report.scanner, report.not_compared, report.unreadable) == ("Nessus", 1, ())


def test_openvas() -> None:
    """Names come from wherever they stand; what an override calls false is no result."""
    report = parse_report(sample("openvas/two-hosts.xml"))
    assert report.hosts == (WEB, ReportedHost("192.0.2.20"))
    package_check = "1.3.6.1.4.1.25623.1.1.1.1.2024.5724.1"
    assert rows(report) == [
        ("CVE-2024-6387", "openssh-client", *SSH, package_check, "High"),
        ("CVE-2024-6387", "openssh-server", *SSH, package_check, "High"),
        ("CVE-2024-5535", "", "", "", "1.3.6.1.4.1.25623.1.0.152511", "Medium"),
    ]
    assert report.made_at == datetime(2026, 11, 20, 4, 20, 5, tzinfo=UTC)
    assert (report.not_compared, report.unreadable) == (2, ())


def test_an_older_openvas() -> None:
    """CVEs stand in one text; NOCVE is none."""
    report = parse_report(sample("openvas/older.xml"))
    assert [result.cve for result in report.results] == ["CVE-2016-0777", "CVE-2016-0778"]
    assert report.not_compared == 1


def test_qualys() -> None:
    """Checks are explained in the glossary; what is not explained there is counted."""
    report = parse_report(sample("qualys/report.xml"))
    assert report.hosts == (WEB, ReportedHost("192.0.2.20", ("DB-1",)))
    assert rows(report) == [
        ("CVE-2024-6387", "openssh-client", *SSH, "6000650", "4"),
        ("CVE-2024-6387", "openssh-server", *SSH, "6000650", "4"),
        ("CVE-2024-5535", "", "", "", "38902", "5"),
    ]
    assert report.made_at == datetime(2026, 11, 20, 6, tzinfo=UTC)
    assert report.not_compared == 2
    assert report.unreadable == (
        "HOST 192.0.2.10, VULN_INFO 5: the report does not explain its QID '99'",
    )


def test_qualys_as_csv() -> None:
    """The lines before the headings are passed over; a host that was not asked is said."""
    report = parse_report(sample("qualys/report.csv"))
    assert report.hosts == (WEB, ReportedHost("192.0.2.20", ("DB-1",)))
    assert rows(report) == [
        ("CVE-2024-6387", "openssh-client", *SSH, "6000650", "4"),
        ("CVE-2024-6387", "openssh-server", *SSH, "6000650", "4"),
        ("CVE-2024-5535", "", "", "", "38902", "5"),
        ("CVE-2024-4741", "", "", "", "38902", "5"),
    ]
    assert report.made_at == datetime(2026, 11, 20, 5, tzinfo=UTC)
    assert report.not_compared == 1
    assert report.unreadable == ("line 15: 192.0.2.30: host not alive",)


def test_a_single_scan_of_qualys() -> None:
    """It explains its checks where they stand."""
    report = parse_report(sample("qualys/scan.xml"))
    assert report.hosts == (WEB,)
    assert rows(report) == [
        ("CVE-2024-6387", "openssh-server", *SSH, "6000650", "4"),
        ("CVE-2024-5535", "", "", "", "38902", "5"),
    ]
    assert (report.made_at, report.not_compared) == (datetime(2026, 11, 20, 5, tzinfo=UTC), 1)


def test_trivy() -> None:
    """The host is what was looked at; what has no CVE is counted."""
    report = parse_report(sample("trivy/rootfs.json"))
    assert report.hosts == (ReportedHost("/mnt/web-1"),)
    ssl = ("libssl3", "3.0.14-1~deb12u1", "3.0.15-1~deb12u1")
    assert rows(report) == [
        ("CVE-2024-6387", "openssh-server", *SSH, "CVE-2024-6387", "HIGH"),
        ("CVE-2024-5535", *ssl, "CVE-2024-5535", "CRITICAL"),
    ]
    assert report.made_at == datetime(2026, 11, 20, 5, 0, 0, 123457, tzinfo=UTC)
    assert (report.not_compared, report.unreadable) == (1, ())


def test_grype() -> None:
    """An advisory of another kind is known by the CVE that it is related to."""
    report = parse_report(sample("grype/directory.json"))
    assert report.hosts == (ReportedHost("/mnt/web-1"),)
    assert rows(report) == [
        ("CVE-2024-6387", "openssh-server", *SSH, "CVE-2024-6387", "High"),
        ("CVE-2024-5535", "libssl3", "3.0.14-1~deb12u1", "", "CVE-2024-5535", "Critical"),
        ("CVE-2024-35195", "requests", "2.28.1", "2.32.0", "GHSA-2qrg-x229-3v8q", "Medium"),
    ]


def test_vuls() -> None:
    """Installed versions stand apart from the CVEs; a date that nobody set is none."""
    report = parse_report(sample("vuls/web-1.json"))
    assert report.hosts == (ReportedHost("web-1", ("192.0.2.10", "2001:db8::10")),)
    assert rows(report) == [
        ("CVE-2024-6387", "openssh-server", *SSH, "DSA-5724-1", "high"),
        ("CVE-2024-6387", "openssh-client", *SSH, "DSA-5724-1", "high"),
        ("CVE-2024-5535", "openssl", "3.0.14-1~deb12u1", "", "CVE-2024-5535", ""),
    ]
    assert report.made_at is not None
    unset = sample("vuls/web-1.json").replace(
        b"2026-11-20T06:00:00.123456789Z", b"0001-01-01T00:00:00Z"
    )
    assert parse_report(unset).made_at is None


@pytest.mark.parametrize("name", PARSERS)
def test_each_is_told_by_its_content(name: str) -> None:
    """White space and a byte order mark before it do not matter."""
    content = sample(name)
    expected = PARSERS[name](content)
    assert parse_report(content) == expected
    assert parse_report(b"\xef\xbb\xbf" + content.removeprefix(b"\xef\xbb\xbf")) == expected
