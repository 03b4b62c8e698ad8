"""oakum queue and explain on stored findings, as a person meets them."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conformance.stores import examples

from oakum.adapters.persistence.database import open_database
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork
from oakum.core.advisories.feed import FeedName
from oakum.core.ids import HostId

OAKUM = Path(sys.executable).with_name("oakum")
WORK_TO_DO = 100
SSH = replace(
    examples.PACKAGES[0], name="openssh-server", version="1:9.2p1-2", source_name="openssh",
    source_version="1:9.2p1-2",
)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Make a home with two hosts that need one patch of openssh."""
    home = tmp_path / "home"
    engine = open_database(f"sqlite:///{home / 'oakum.sqlite'}", home)
    with SqlUnitOfWork(engine, home) as work:
        work.advisories.replace_signals(
            examples.feed_state(FeedName.KEV), [replace(examples.signals(), cwes=())]
        )
        work.advisories.replace_signals(
            examples.feed_state(FeedName.CVE_RECORDS), [replace(examples.signals(), kev=None)]
        )
        fix = replace(examples.statement(), channel="", module="")
        work.advisories.replace_statements(examples.feed_state(), [fix], examples.NOW)
        for number, name in enumerate(("web-1", "web-2")):
            work.hosts.add(examples.host(name, 22 + number))
            work.facts.save(HostId(name), examples.facts((SSH,)))
        work.commit()
    engine.dispose()
    return home


def oakum(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(OAKUM), *words],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "OAKUM_HOME": str(home)},
    )


def test_a_patch_says_what_it_removes_and_what_it_disturbs(home: Path) -> None:
    """Two exposed hosts of the highest criticality: all of the risk, and two restarts."""
    done = oakum(home, "queue", "--json")
    assert done.returncode == WORK_TO_DO, done.stderr
    (item,) = json.loads(done.stdout)
    assert (item["restarts"], item["reboots"], item["risk"]) == (2, 0, 1_600_000_000)
    assert (item["share_ppm"], item["cumulative_ppm"]) == (1_000_000, 1_000_000)
    assert item["weaknesses"] == [{"cwe": "CWE-364", "cves": 1}]
    table = oakum(home, "queue").stdout
    assert "1600.0  100.0 %  100.0 %  CWE-364 (1)" in table


def test_the_queue_by_kind_of_mistake(home: Path) -> None:
    """The same work, a line for each weakness."""
    done = oakum(home, "queue", "--by", "cwe", "--json")
    assert done.returncode == WORK_TO_DO, done.stderr
    (group,) = json.loads(done.stdout)
    assert (group["cwe"], group["patches"], group["hosts"]) == ("CWE-364", ["openssh"], 2)
    assert "CWE-364" in oakum(home, "queue", "--by", "cwe").stdout


def test_explain_shows_both_tables(home: Path) -> None:
    """The lane that Oakum goes by, CISA's own word, and where the rule of the date is written."""
    said = oakum(home, "explain", examples.CVE, "web-1").stdout
    assert "lane immediate (SSVC, deployer); CISA's own table says act" in said
    assert "by ASD ISM-1877 and ISM-1696" in said


def test_an_own_policy_that_is_wrong_stops_with_its_line(home: Path) -> None:
    """A queue without the rule would look like one with it."""
    (home / "oakum.toml").write_text('[policy]\nown = "own.csv"\n')
    (home / "own.csv").write_text("policy,version\np,1\n")
    done = oakum(home, "queue")
    assert done.returncode == 1
    assert "own.csv, line 2: there is no column 'kev'" in done.stderr
    assert "hint: its columns are policy, version, source, kev" in done.stderr
