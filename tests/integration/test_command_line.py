"""The command line as a person meets it: what is typed wrong is never answered as good news."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, update
from tests.conformance.stores import examples
from tests.plans import PLAN

from oakum.adapters.persistence.database import open_database
from oakum.adapters.persistence.documents import to_document
from oakum.adapters.persistence.tables import plans
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork
from oakum.adapters.system_clock import SystemClock
from oakum.core.advisories.cve import parse_cve
from oakum.core.errors import InputError
from oakum.core.ids import HostId
from oakum.core.planning.clusters import Cluster
from oakum.core.rollout.rollout import Unasked
from oakum.core.rollout.state import Phase, RunState
from oakum.ports.stores import Approval, UnitOfWorkFactory
from oakum.services.start_rollout import start_rollout

OAKUM = Path(sys.executable).with_name("oakum")
PARTLY_COVERED = replace(
    PLAN,
    clusters=(
        Cluster((("kernel", "amd64"),), (HostId("web-1"),)),
        Cluster((("kernel", "cloud-amd64"),), (HostId("web-2"),)),
    ),
)


def oakum(home: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return _run(home, [str(OAKUM), *words], stdin)


def _run(home: Path, words: list[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment(home),
    )


def environment(home: Path) -> dict[str, str]:
    """Return nothing of a person's own but where the code is, if that is said."""
    code = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(home), "OAKUM_HOME": str(home),
            **code}  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@contextmanager
def _stored(home: Path) -> Iterator[UnitOfWorkFactory]:
    engine = open_database(f"sqlite:///{home / 'oakum.sqlite'}", home)
    yield lambda: SqlUnitOfWork(engine, home)
    engine.dispose()


@pytest.fixture
def fleet(home: Path) -> Path:
    """Make a home with two hosts, one of them scanned, and a plan."""
    with _stored(home) as begin, begin() as work:
        work.hosts.add(examples.host("web-1"))
        work.hosts.add(examples.host("web-2", 23))
        work.facts.save(examples.WEB, examples.facts())
        work.plans.add(PLAN)
        work.commit()
    return home


@pytest.mark.parametrize(
    ("command", "said", "hint"),
    [
        ("findings --cve nonsense", "'nonsense' is no CVE", "CVE-2024-6387"),
        ("findings --package opensl", "no package from the source 'opensl'", "openssl"),
        ("findings --package libssl3", "from the source 'libssl3'", "built from openssl"),
        ("findings --package a,b", "from the source 'a,b'", "once for each package"),
        ("findings --host nope", "'nope' selects none of 2 hosts", "hosts list"),
        ("queue --limit nope", "'nope' selects none of 2 hosts", "hosts list"),
        ("scan --limit nope", "'nope' selects none of 2 hosts", "hosts list"),
        ("explain CVE-2024-6387 nope", "there is no host 'nope'", "hosts list"),
        ("explain CVE-2024-6387 web", "there is no host 'web'", "web-1"),
        ("hosts remove --yes web", "there is no host 'web'", "web-1"),
        ("rollback web", "there is no host 'web'", "web-1"),
        ("rollback latest", "there is no rollout yet", "rollout start"),
        ("plan create", "there is no snapshot yet", "snapshots create"),
        ("plan show plan-x", "there is no plan 'plan-x'", "plan list"),
        ("snapshots serve --listen 127.0.0.1:99999", "is no address to listen on", "65535"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(
    fleet: Path, command: str, said: str, hint: str
) -> None:
    """The message names what was typed, the hint is a next step, and the status is not 0."""
    done = oakum(fleet, *command.split())
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    message, _, next_step = done.stderr.partition("\nhint: ")
    assert message.startswith("error: ")
    assert said in message
    assert hint in next_step


def test_the_module_is_the_command(home: Path) -> None:
    """Where its script is not on the path: the same words, statuses and errors."""
    for words in (("--version",), ("rollout", "show", "nothing")):
        module = _run(home, [sys.executable, "-m", "oakum", *words])
        script = oakum(home, *words)
        assert (module.returncode, module.stdout, module.stderr) == (
            script.returncode,
            script.stdout,
            script.stderr,
        )


@pytest.mark.parametrize("command", ["findings", "queue", "scan"])
def test_an_empty_fleet_is_not_a_safe_one(home: Path, command: str) -> None:
    """Nothing was looked at, so nothing is said about it."""
    done = oakum(home, command)
    assert done.returncode == 1
    assert "there are no hosts yet" in done.stderr


def test_a_filter_that_finds_nothing_says_what_was_looked_at(fleet: Path) -> None:
    """A CVE is understood in small letters, and that no advisory names it is said."""
    done = oakum(fleet, "findings", "--cve", "cve-2024-6387")
    assert done.returncode == 0, done.stderr
    assert "0 findings on 2 hosts, 1 of them scanned" in done.stderr
    assert "CVE-2024-6387 is in no advisory about what is installed there" in done.stderr
    assert "not judged: web-2: never scanned" in done.stderr


def test_a_plan_says_how_its_rings_are_less_than_they_could_be(fleet: Path) -> None:
    """Lane, deadline, shortened gates and residual risk: when it is shown, and when approved."""
    with _stored(fleet) as begin, begin() as work:
        work.plans.add(PARTLY_COVERED)
        work.commit()
    shown = oakum(fleet, "plan", "show", PARTLY_COVERED.id).stdout
    for said in (
        "ring 1     web-1; soaks 1 min instead of 2 min",
        "clusters   2: environments that matter for these packages",
        "1 host, web-1 first: kernel: amd64",
        "! 1 host, none in ring 1: kernel: cloud-amd64",
        "lane       urgent, chosen by me: the scanner said so",
        "normal 2026-11-30 12:00 UTC (too late), urgent 2026-11-27 12:00 UTC",
        "deadline   2026-11-28 12:00 UTC: bod-26-04",
        "begin by   2026-11-26 12:00 UTC",
        "! the gate is shortened: ring 1 soaks 1 min instead of 2 min",
        "! residual risk: 1 environment with 1 host not tried out in ring 1",
        "! does not fit: 1 host could not begin any more",
        "lanes that fitted when it was made: urgent, immediate",
    ):
        assert said in shown
    words = ("approve", PARTLY_COVERED.id, "--override-rehearsal", "--reason", "a test", "--json")
    refused = oakum(fleet, *words)
    assert refused.returncode == 1
    assert "--accept-uncovered" in refused.stderr
    assert "kernel: cloud-amd64" in refused.stderr
    approved = oakum(fleet, *words, "--accept-uncovered")
    assert json.loads(approved.stdout)["accepts_uncovered"]
    assert "mind: the gate is shortened: ring 1" in approved.stderr
    assert "mind: residual risk" in approved.stderr
    document = json.loads(oakum(fleet, "plan", "show", PARTLY_COVERED.id, "--json").stdout)
    assert [cluster["covered"] for cluster in document["plan"]["clusters"]] == [True, False]
    assert document["plan"]["lane"]["chosen_by"] == "me"
    with _stored(fleet) as begin:
        start_rollout(PARTLY_COVERED.id, "bob", begin, SystemClock())
    said = oakum(fleet, "rollout", "show").stdout
    assert "urgent lane: ring 1 soaks 1 min instead of 2 min" in said


def _store_rollout(fleet: Path, phase: Phase, *states: RunState) -> None:
    approval = Approval(
        PLAN.id, PLAN.digest, "ann", PLAN.created_at, "",
        accepts_no_way_back=False, overrides_rehearsal=True,
    )  # fmt: skip
    with _stored(fleet) as begin:
        with begin() as work:
            work.plans.add(PLAN)
            work.plans.add_approval(approval)
            work.commit()
        rollout = start_rollout(PLAN.id, "bob", begin, SystemClock())
        runs = tuple(replace(run, state=s) for run, s in zip(rollout.runs, states, strict=True))
        with begin() as work:
            work.rollouts.save(replace(rollout, phase=phase, runs=runs))
            work.commit()


def test_rolling_one_host_back_says_that_the_rollout_ends(fleet: Path) -> None:
    """Nobody expects of a command about one host that another is skipped."""
    _store_rollout(fleet, Phase.PROGRESSING, RunState.SUCCEEDED, RunState.PENDING)
    done = oakum(fleet, "rollback", "web-1")
    assert "rolling back web-1 of rollout-" in done.stderr
    assert ": 1 host not begun, and skipped" in done.stderr


@pytest.mark.parametrize("phase", [Phase.ABORTING, Phase.ROLLING_BACK, Phase.PAUSED])
def test_what_waits_for_a_fault_of_this_machine_says_what_to_mend(
    fleet: Path, phase: Phase
) -> None:
    """An abort or a roll-back waits for as long as it lasts, and its own reason tells of none."""
    _store_rollout(fleet, phase, RunState.ROLLING_BACK, RunState.SKIPPED)
    with _stored(fleet) as begin, begin() as work:
        before = work.rollouts.get("latest")
        fault = Unasked(before.started_at, "the key is away; put it back", is_lasting=True)
        runs = (replace(before.runs[0], unasked=fault), before.runs[1])
        work.rollouts.save(replace(before, runs=runs, reason="aborted by a person"), before)
        work.commit()
    shown = oakum(fleet, "rollout", "show").stdout
    assert f"{phase.value} (ring 1, 1 of 2 hosts done): aborted by a person; " in shown
    assert "by a fault of the machine that drives them (web-1): the key is away; put it" in shown
    assert shown.count("it goes on by itself once that is mended") == 1


@pytest.mark.parametrize(
    ("state", "status", "said"),
    [
        (RunState.SUCCEEDED, 0, "it closes the findings"),
        (RunState.SKIPPED, 1, "1 host of 2 not as planned: web-2; next: oakum scan"),
        (RunState.FAILED, 1, "to put one that failed back: oakum rollback HOST"),
    ],
)
def test_a_rollout_that_left_a_host_out_does_not_say_that_all_is_well(
    fleet: Path, state: RunState, status: int, said: str
) -> None:
    """A script goes by the status: 0 means that every host was changed and is well."""
    _store_rollout(fleet, Phase.SUCCEEDED, RunState.SUCCEEDED, state)
    done = oakum(fleet, "rollout", "watch", "--only-look")
    assert (done.returncode, said in done.stderr) == (status, True)


@pytest.mark.parametrize("words", [("--lane", "urgent"), ("--reason", "because")])
def test_a_lane_is_chosen_with_a_reason_or_not_at_all(fleet: Path, words: tuple[str, ...]) -> None:
    """Before any host is asked."""
    done = oakum(fleet, "plan", "create", *words)
    assert done.returncode == 1
    assert "--lane and --reason go together" in done.stderr


@pytest.mark.parametrize(
    "words",
    [("--soak", "99999999999"), ("--canaries", "10000000000")],
)
def test_a_number_that_no_fleet_has_is_a_typing_error(fleet: Path, words: tuple[str, ...]) -> None:
    """It is refused where it was typed, and not a defect later."""
    done = oakum(fleet, "plan", "create", *words)
    assert (done.returncode, "less than or equal to" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ("--concurrency", "10000000000"),
        ("--concurrency", "0%"),
        ("--max-failed", "1000001"),
        ("--max-failed-per-ring", "half"),
    ],
)
def test_a_budget_is_hosts_or_percent(fleet: Path, words: tuple[str, ...]) -> None:
    """Anything else is refused before any host is asked."""
    done = oakum(fleet, "plan", "create", *words)
    assert (done.returncode, f"{words[0]} {words[1]!r} is neither" in done.stderr) == (1, True)


def test_a_worker_of_a_zone_that_no_label_names_is_refused(home: Path) -> None:
    """It would be told of as a worker of two zones, and take the hosts of neither."""
    done = oakum(home, "worker", "--group", "dmz lan")
    assert (done.returncode, "--group 'dmz lan' is no zone" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ('rule = "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30"', "never opens"),
        ('rule = "FREQ=DAILY"\nzone = "Mars/Olympus"', "there is no time zone 'Mars/Olympus'"),
    ],
)
def test_a_window_without_sense_is_told_by_the_next_command(
    fleet: Path, what: str, words: str
) -> None:
    """Whichever it is: not by the plan that is made in a hurry weeks later."""
    settings = fleet / "oakum.toml"
    settings.write_text(
        f'[[windows]]\nname = "nights"\nminutes = 60\nstarts = 2026-01-03T02:00:00\n{what}\n'
    )
    for command in (("hosts", "list"), ("rollout", "list"), ("findings",)):
        told = oakum(fleet, *command)
        assert (told.returncode, told.stdout) == (1, "")
        assert f"error: {settings}: window 'nights': " in told.stderr
        assert words in told.stderr
    for line in ("rollout pause", "rollout abort", "rollout watch", "rollback latest"):
        begun = oakum(fleet, *line.split())
        assert (begun.returncode, "window" in begun.stderr) == (1, False)
        assert "there is no rollout" in begun.stderr


def test_one_damaged_plan_does_not_hide_the_others(fleet: Path) -> None:
    """It is named, with what to do, and the status says that something is wrong."""
    engine = create_engine(f"sqlite:///{fleet / 'oakum.sqlite'}")
    with engine.begin() as connection:
        connection.execute(
            plans.insert().values(id="plan-broken", created_at=examples.NOW, document=b"{")
        )
    done = oakum(fleet, "plan", "list", "--json")
    assert done.returncode == 1
    assert [plan["id"] for plan in json.loads(done.stdout)] == [PLAN.id]
    assert "plan-broken in the database is damaged" in done.stderr
    with engine.begin() as connection:
        changed = to_document(examples.plan())
        connection.execute(update(plans).where(plans.c.id == PLAN.id).values(document=changed))
    engine.dispose()
    assert f"{PLAN.id} in the database was changed" in oakum(fleet, "plan", "show", PLAN.id).stderr


def test_a_key_that_nobody_confirms_adds_no_host(fleet: Path, tmp_path: Path) -> None:
    """The question and the error stand in lines of their own, and nothing is on standard output."""
    config = tmp_path / "config"
    config.write_text("Host ../../evil\nHost jumpy\n  HostName 127.0.0.1\n  ProxyCommand nc x 22\n")
    done = oakum(fleet, "hosts", "import", "--ssh-config", str(config))
    assert done.returncode == 1
    assert done.stdout == ""
    assert "'../../evil' cannot be a host's name" in done.stderr
    assert "jumpy is reached with ProxyCommand" in done.stderr
    assert "0 of 2 hosts imported, 0 unchanged, 2 not imported" in done.stderr


def test_an_export_is_written_whole_or_not_at_all(fleet: Path) -> None:
    """To standard output, or to a file that is there only when it is complete."""
    assert oakum(fleet, "advisories", "update", "--offline", "shipped").returncode == 0
    done = oakum(fleet, "export", "--format", "csv", "--all")
    heading, *rows = done.stdout.splitlines()
    assert heading.startswith("host,cve,package,state")
    assert any(row.startswith("web-1,CVE-") and ",openssl," in row for row in rows)
    target = fleet / "found.sarif"
    assert oakum(fleet, "export", "--format", "sarif", "--output", str(target)).returncode == 0
    assert json.loads(target.read_text())["version"] == "2.1.0"
    lost = oakum(fleet, "export", "--format", "json", "--output", str(fleet / "absent" / "x"))
    assert lost.returncode == 1
    assert "cannot be written" in lost.stderr


@pytest.mark.parametrize(
    "words", ["findings --all", "findings --json --all", "export --all --format csv"]
)
def test_a_reader_may_leave(fleet: Path, words: str) -> None:
    """No words and no bad status: `| head` is how people look at long lists."""
    assert oakum(fleet, "advisories", "update", "--offline", "shipped").returncode == 0
    with subprocess.Popen(
        [str(OAKUM), *words.split()], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment(fleet),
    ) as command:  # fmt: skip
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdout.close()
        said = command.stderr.read()
        assert command.wait(timeout=60) == 0
    assert b"rror" not in said


def test_advisories_are_carried_to_another_place(fleet: Path, tmp_path: Path) -> None:
    """Written and signed here; taken there once the key is known."""
    assert oakum(fleet, "advisories", "update", "--offline", "shipped").returncode == 0
    bundle, there = tmp_path / "feeds.tar", tmp_path / "there"
    done = oakum(fleet, "advisories", "bundle", str(bundle))
    assert "debian-tracker: as of" in done.stdout
    there.mkdir()
    refused = oakum(there, "advisories", "update", "--offline", str(bundle))
    assert refused.returncode == 1
    assert "feeds.tar/manifest.json.asc" in refused.stderr
    (there / "connected.asc").write_text(oakum(fleet, "advisories", "key").stdout)
    (there / "oakum.toml").write_text('[advisories]\nbundle_keys = ["connected.asc"]\n')
    assert oakum(there, "advisories", "update", "--offline", str(bundle)).returncode == 0
    assert ", signed by " in oakum(there, "advisories", "status").stdout


def test_a_scan_without_advisories_says_so_first(fleet: Path) -> None:
    """Otherwise it would end with `0 findings changed`."""
    done = oakum(fleet, "scan", "--limit", "web-2")
    assert done.stderr.splitlines()[0].startswith("no advisories are here yet")


@pytest.mark.parametrize(
    "text", ["", "CVE-24-1", "CVE-2024-1\n2", "CVE-2024-" + "9" * 30, "x" * 999]
)
def test_only_a_cve_is_a_cve(text: str) -> None:
    """What is shown again is short and harmless."""
    with pytest.raises(InputError) as caught:
        parse_cve(text)
    assert len(caught.value.message) < 100


def test_the_past_is_answered_with_what_was_known(fleet: Path) -> None:
    """Hosts that nobody had scanned by then are named: their silence is no good news."""
    done = oakum(fleet, "findings", "--as-of", "2026-03-12")
    assert done.returncode == 0, done.stderr
    assert "0 findings on 2 hosts, 0 of them scanned by 2026-03-13 00:00 UTC" in done.stderr
    assert "nothing was known of web-1 then" in done.stderr
    assert "has not come yet" in oakum(fleet, "findings", "--as-of", "2999-01-01").stderr


STATUS = """Package: base-files
Status: install ok installed
Architecture: amd64
Version: 12.4+deb12u12

Package: openssl
Status: install ok installed
Architecture: amd64
Version: {}
"""


def test_lists_of_packages_are_judged_without_their_hosts(home: Path, tmp_path: Path) -> None:
    """The same answer whether options stand first or last; the status says whether to patch."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text(STATUS.format("3.0.9-1"))
    new.write_text(STATUS.format("9:9"))
    done = oakum(home, "judge", str(old), str(new), "--json")
    assert done.returncode == 100, done.stderr
    first, second = json.loads(done.stdout)
    assert "CVE-2023-2975" in {finding["cve"] for finding in first["findings"]}
    assert all(f["state"] != "affected, fix available" for f in second["findings"])
    assert oakum(home, "judge", "--json", "--", str(old), str(new)).stdout == done.stdout
    assert oakum(home, "judge", str(new)).returncode == 0
    told = oakum(home, "judge", str(old))
    assert "openssl" in told.stdout
    assert "not judged: memory" in told.stderr


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ((), 2, "Missing argument"),
        (("--nonsense",), 2, "No such option"),
        (("nowhere",), 1, "nowhere cannot be read"),
        (("--help",), 0, ""),
    ],
)
def test_what_is_no_list_is_told(
    home: Path, words: tuple[str, ...], status: int, said: str
) -> None:
    """In the words that every command has for it."""
    done = oakum(home, "judge", *words)
    assert (done.returncode, said in done.stderr) == (status, True)
