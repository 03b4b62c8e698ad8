"""Records of a readable report that make no sense are counted with their place."""

import json

import pytest
from tests.unit.scanners.samples import sample

from oakum.adapters.scanners.nessus import parse_nessus
from oakum.adapters.scanners.openvas import parse_openvas
from oakum.adapters.scanners.qualys import (
    packages_of_table,
    parse_qualys_csv,
    parse_qualys_report,
    parse_qualys_scan,
)
from oakum.adapters.scanners.trivy import parse_trivy
from oakum.adapters.scanners.vuls import parse_vuls
from oakum.core.reconciling.report import ScannerReport
from oakum.core.text import is_plain


def nessus(inside: str, name: str = "web-1") -> ScannerReport:
    return parse_nessus(
        f'<NessusClientData_v2><Report><ReportHost name="{name}">{inside}</ReportHost></Report>'
        "</NessusClientData_v2>".encode()
    )


def test_a_host_of_nessus_without_a_name() -> None:
    """The next ones are read."""
    report = nessus("", name="")
    assert report.unreadable == ("ReportHost 1: it has no name",)


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("<ReportItem><cve>CVE-2024-6387</cve></ReportItem>", "ReportItem 1: it has no pluginID"),
        ('<ReportItem pluginID="1"><cve>CVE-24-1</cve></ReportItem>', "'CVE-24-1' is no CVE"),
        ('<ReportItem pluginID="1"><cve>CVE-2024-6387\x85</cve></ReportItem>', ""),
    ],
)
def test_an_item_of_nessus_that_makes_no_sense(item: str, said: str) -> None:
    """It is named by its host and its number; stray blanks are borne."""
    report = nessus(item)
    assert len(report.results) + len(report.unreadable) == 1
    assert all(said in line and line.startswith("ReportHost web-1") for line in report.unreadable)


@pytest.mark.parametrize(
    ("installed", "fixed", "expected"),
    [
        ("libssl3_3.0.14-1", "libssl3_3.0.15-1", ("libssl3", "3.0.14-1", "3.0.15-1")),
        (
            "openssl-3.0.7-1.el9_4",
            "openssl-3.0.7-2.el9_5",
            ("openssl", "3.0.7-1.el9_4", "3.0.7-2.el9_5"),
        ),
        (
            "mod_ssl-2.4.57-5.el9",
            "mod_ssl-2.4.57-8.el9",
            ("mod_ssl", "2.4.57-5.el9", "2.4.57-8.el9"),
        ),
        ("kernel", "kernel", ("", "kernel", "kernel")),
    ],
)
def test_nessus_writes_names_and_versions_in_one_word(
    installed: str, fixed: str, expected: tuple[str, ...]
) -> None:
    """In Debian's way and in RPM's; what is neither names no package."""
    report = nessus(
        '<ReportItem pluginID="1"><cve>CVE-2024-1000</cve><plugin_output>\n'
        f"  Remote package installed : {installed}\n  Should be : {fixed}\n"
        "</plugin_output></ReportItem>"
    )
    (found,) = report.results
    assert (found.package, found.installed_version, found.fixed_version) == expected


def test_names_with_escapes_are_harmless() -> None:
    """What a terminal would obey is written out, in results as in what is unreadable."""
    report = nessus('<ReportItem pluginID="&#x9b;31m"><cve>CVE-2024-6387</cve></ReportItem>')
    assert report.results[0].scanner_id == "\\x9b31m"
    report = nessus("<ReportItem/>", name="web\u202e1")
    assert all(is_plain(line) for line in report.unreadable)
    assert report.hosts[0].name == "web\\u202e1"


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ("<host>192.0.2.1</host>", "result 1: it names no check"),
        ("<nvt oid='1'/>", "result 1: it has no host"),
        ("<host/>", "result 1: it names no check"),
    ],
)
def test_a_result_of_openvas_that_makes_no_sense(result: str, said: str) -> None:
    """It is named by its number."""
    content = f"<report><report><results><result>{result}</result></results></report></report>"
    assert parse_openvas(content.encode()).unreadable == (said,)


def test_results_of_openvas_are_numbered_as_they_stand() -> None:
    """Whatever became of those before."""
    lost, closed = (
        "<result><host/></result>",
        ("<result><host>192.0.2.1</host><nvt/><threat>False Positive</threat></result>"),
    )
    inside = lost + closed + lost
    content = f"<report><report><results>{inside}</results></report></report>"
    report = parse_openvas(content.encode())
    assert [line.partition(":")[0] for line in report.unreadable] == ["result 1", "result 3"]


def test_openvas_finds_cves_by_inventory_too() -> None:
    """Then the check's own id is the CVE. A range of fixed versions ends with the wanted one."""
    content = (
        "<report><report><results><result><host>192.0.2.1</host><nvt oid='CVE-2024-1000'/>"
        "<description>Vulnerable package:   x\nInstalled version:    x-1\n"
        "Fixed version:      &lt; x-0\nFixed version:      >=x-2</description>"
        "</result></results></report></report>"
    )
    (found,) = parse_openvas(content.encode()).results
    assert found.cve == "CVE-2024-1000"
    assert (found.package, found.installed_version, found.fixed_version) == ("x", "1", "2")


def test_hosts_of_qualys_without_an_address() -> None:
    """In each of its formats."""
    report = parse_qualys_report(
        b"<ASSET_DATA_REPORT><HOST><DNS>x</DNS></HOST></ASSET_DATA_REPORT>"
    )
    assert report.unreadable == ("HOST 1: it has no IP",)
    assert parse_qualys_scan(b"<SCAN><IP/></SCAN>").unreadable == ("IP 1: it has no value",)
    rows = b'IP,QID,CVE ID\n,1,CVE-2024-6387\n192.0.2.1,2\n192.0.2.1,"3",CVE-1\n'
    assert parse_qualys_csv(rows).unreadable == (
        "line 2: it has no IP",
        "line 3: it has 2 columns, not 3",
        "line 4: 'CVE-1' is no CVE",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Package\tInstalled Version\tRequired Version\na\t1\t2", [("a", "1", "2")]),
        (
            '#table cols="3"\nPackage Installed_Version Required_Version\na 1 2\nb',
            [("a", "1", "2")],
        ),
        ("OpenSSL/3.0.14", []),
        ("", []),
    ],
)
def test_the_tables_of_qualys(text: str, expected: list[tuple[str, str, str]]) -> None:
    """With tabs or with blanks; another answer names no package."""
    assert packages_of_table(text) == expected


@pytest.mark.parametrize("record", [7, None, {}, {"VulnerabilityID": 5}, []])
def test_a_vulnerability_of_trivy_that_makes_no_sense(record: object) -> None:
    """The others are read."""
    document = json.loads(sample("trivy/rootfs.json"))
    document["Results"][0]["Vulnerabilities"][1] = record
    report = parse_trivy(json.dumps(document).encode())
    assert len(report.results) == 1
    assert len(report.unreadable) == 1
    assert report.unreadable[0].startswith("Results[0].Vulnerabilities[1]: ")


def test_what_trivy_calls_not_affected_is_no_result() -> None:
    """Such a report was asked for with --show-suppressed or a VEX document."""
    content = sample("trivy/rootfs.json").replace(b'"Status": "fixed"', b'"Status": "not_affected"')
    report = parse_trivy(content)
    assert (report.results, report.not_compared) == ((), 3)


def test_a_scan_of_vuls_with_errors_says_so() -> None:
    """And what it found in a container is not said of the server."""
    document = json.loads(sample("vuls/web-1.json"))
    document["errors"] = ["no SSH", {"a": 1}]
    document["container"] = {"containerID": "c", "name": "nginx"}
    document["scannedCves"]["CVE-2024-5535"] = 5
    report = parse_vuls(json.dumps(document).encode())
    assert [line.split(":")[0] for line in report.unreadable] == [
        "errors[0]",
        "errors[1]",
        "scannedCves.CVE-2024-5535",
    ]
    assert report.hosts[0].name == "nginx@web-1"
    assert report.hosts[0].addresses == ()
