"""oakum backtest as a person meets it, on a catalogue of two days and a list of three fixes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

OAKUM = Path(sys.executable).with_name("oakum")
LIST = """[02 Mar 2026] DSA-2-1 nginx - security update
\t{CVE-2026-0003}
\t[trixie] - nginx 2-1
[02 Jan 2026] DSA-1-1 nginx - security update
\t{CVE-2026-0001 CVE-2026-0002}
\t[bookworm] - nginx 1-1
"""


def catalogue(day: str, **added: str) -> str:
    entries = [
        {"cveID": name.replace("_", "-"), "dateAdded": on, "knownRansomwareCampaignUse": "Unknown"}
        for name, on in added.items()
    ]
    return json.dumps(
        {"dateReleased": f"{day}T12:00:00Z", "count": len(entries), "vulnerabilities": entries}
    )


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "kev.json").write_text(catalogue("2026-02-01", CVE_2026_0001="2026-01-15"))
    (tmp_path / "until.json").write_text(
        catalogue("2026-06-01", CVE_2026_0001="2026-01-15", CVE_2026_0002="2026-05-01")
    )
    (tmp_path / "DSA.list").write_text(LIST)
    return tmp_path


def oakum(files: Path, *more: str) -> subprocess.CompletedProcess[str]:
    words = ["--kev", "kev.json", "--until-kev", "until.json", "--advisories", "DSA.list", *more]
    return subprocess.run(
        [str(OAKUM), "backtest", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=files,
        env={"PATH": "/usr/bin:/bin", "HOME": str(files), "OAKUM_HOME": str(files / "home")},
    )


def test_the_table_says_how_little_it_rests_on(files: Path) -> None:
    """The number of outcomes is in the heading, an interval behind each share."""
    done = oakum(files)
    assert done.returncode == 0, done.stderr
    assert "as of 2026-02-01, by what KEV listed after it until 2026-06-01" in done.stdout
    assert "(n = 1)" in done.stdout
    assert "0/1 (0.0% to 97.5%)" in done.stdout
    assert "n = 1 is small" in done.stderr
    assert "EPSS is left out" in done.stderr
    assert not (files / "home").exists()


def test_programs_get_the_same(files: Path) -> None:
    """With the CVEs that were listed later, so that each can be looked up."""
    found = json.loads(oakum(files, "--json").stdout)
    assert (found["cves"], found["exploited"]) == (2, ["CVE-2026-0002"])
    assert found["results"][0]["choice"]["coverage"]["of"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--on", "yesterday"), "'yesterday' is no date"),
        (("--on", "2026-06-01"), "which is not after 2026-06-01"),
        (("--release", "sid"), "no advisory in the lists"),
        (("--epss", "nowhere.csv"), "nowhere.csv cannot be read"),
        (("--cvss", "kev.json"), "does not begin with cve,vector,source"),
    ],
)
def test_what_cannot_be_judged_is_an_error_with_a_next_step(
    files: Path, words: tuple[str, ...], said: str
) -> None:
    """Never a table over half the data."""
    done = oakum(files, *words)
    assert done.returncode == 1
    assert done.stdout == ""
    assert said in done.stderr
