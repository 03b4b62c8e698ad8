"""The configuration file: what it may say, and what holds without it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from oakum.bootstrap.application import Application
from oakum.core.advisories.feed import FeedName
from oakum.core.errors import InputError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Host
from oakum.core.planning.hook import SHELL, Hook, HookKind, HookMoment, HookPlace, UndoWhen
from oakum.core.planning.lane import PlanLane
from oakum.core.planning.metric import Worse
from oakum.core.repositories.archive import ArchiveSource
from oakum.settings import Settings, read_settings

NOW = datetime(2026, 11, 25, tzinfo=UTC)
MIRROR = """\
[[archives]]
uri = "http://mirror.example/debian"
suite = "bookworm"
"""
EXTRA = """\
[[extra_archives]]
uri = "https://packages.example/debian"
suite = "own"
keyring = "/etc/oakum/own.gpg"
"""


def _settings(home: Path, text: str) -> Settings:
    (home / "oakum.toml").write_text(text)
    return read_settings({"OAKUM_HOME": str(home), "HOME": str(home)})


def test_no_archive_is_built_in(tmp_path: Path) -> None:
    """Without a file, which archives count is asked of apt, not assumed."""
    settings = read_settings({"OAKUM_HOME": str(tmp_path), "HOME": str(tmp_path)})
    assert settings.configuration.archives == ()


def test_configured_archives_are_used(tmp_path: Path) -> None:
    """What the file names is taken instead of apt's configuration."""
    sources = Application(_settings(tmp_path, MIRROR)).snapshots.sources("bookworm")
    keyring = "debian-archive-keyring.gpg"
    assert sources == (
        ArchiveSource("http://mirror.example/debian", "bookworm", ("main",), keyring),
    )


def test_extra_archives_stand_beside_the_others(tmp_path: Path) -> None:
    """A company's own archive does not replace the distribution's, and builds no machine."""
    application = Application(_settings(tmp_path, MIRROR + EXTRA))
    suites = [source.suite for source in application.snapshots.sources("bookworm")]
    assert suites == ["bookworm", "own"]
    assert [a.suite for a in application.snapshots.distribution_archives("bookworm")] == [
        "bookworm"
    ]


def test_a_release_without_archives_is_an_error(tmp_path: Path) -> None:
    """Archives of one release say nothing about another."""
    with pytest.raises(InputError, match="trixie"):
        Application(_settings(tmp_path, MIRROR)).snapshots.sources("trixie")


def test_an_unknown_key_is_an_error_with_its_place(tmp_path: Path) -> None:
    """A misspelt key would otherwise be a setting that silently does nothing."""
    with pytest.raises(InputError, match="archive_list"):
        _settings(tmp_path, "archive_list = []\n")


HOOK = '[[hooks]]\nname = "x"\n'
WINDOW = """
[[windows]]
name = "x"
rule = "FREQ=DAILY"
starts = 2026-01-01T02:00:00
minutes = 9
"""
FREEZE = """
[[freezes]]
begins = 2026-01-01T00:00:00Z
ends = 2026-01-02T00:00:00Z
reason = "x"
"""
CHECK = '[[checks]]\nname = "x"\nkind = "http"\ntarget = "t"\n'


def test_checks_are_told_apart_by_their_names(tmp_path: Path) -> None:
    """What was broken before under a name would excuse whatever breaks under the same name."""
    with pytest.raises(
        InputError, match=r"oakum.toml: check 2 \('x'\): another check has that name"
    ):
        _ = Application(_settings(tmp_path, CHECK + CHECK)).declared.checks


def test_what_is_declared_for_no_host_is_said(tmp_path: Path) -> None:
    """A freeze for a misspelt role would let all of that role begin, and nobody would know."""
    host = Host(HostId("web-1"), "web-1", "192.0.2.1", 22, "root", "key", NOW, labels=("role=web",))
    misspelt = "".join(f"{text}hosts = 'role:wbe'\n" for text in (WINDOW, FREEZE, CHECK))
    declared = Application(_settings(tmp_path, misspelt)).declared
    assert declared.for_nobody([host]) == tuple(
        f"the {what} 'x' of oakum.toml is for no host: none is 'role:wbe'"
        for what in ("window", "freeze", "check")
    )
    spelt = Application(_settings(tmp_path, misspelt.replace("wbe", "web"))).declared
    assert spelt.for_nobody([host]) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[checks]]\nname = "x"\nkind = "tcp"\ntarget = "t"\n', r"check 1 \('x'\)"),
        ('[[hooks]]\nname = "x"\nkind = "smoke"\nscript = "true"\n', r"hook 1 \('x'\)"),
        ('[[metrics]]\nname = "x"\nkind = "command"\ntarget = "t"\n', "the metric x"),
        (WINDOW, "window 'x'"),
        (FREEZE, "freeze 'x'"),
    ],
)
def test_a_selector_that_cannot_be_read_is_named_with_its_place(
    tmp_path: Path, text: str, words: str
) -> None:
    """Before anything is begun, and not by its column alone."""
    declared = Application(_settings(tmp_path, f"{text}hosts = '(('\n")).declared
    with pytest.raises(InputError, match=f"{words}: column 1"):
        _ = (declared.checks, declared.hooks, declared.metric_rules, declared.rules)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[rollout]\nring_percents = []", "rollout.ring_percents"),
        ("[rollout]\nring_percents = [0, 100]", "rollout.ring_percents"),
        ("[rollout]\nring_percents = [10, 101]", "rollout.ring_percents"),
        ("[rollout]\nconcurrency = 0", "rollout.concurrency"),
        ("[rollout]\nconcurrency = -3", "rollout.concurrency"),
        ('[rollout]\nconcurrency = "0%"', "rollout.concurrency"),
        ('[rollout]\nmax_failed = "101%"', "rollout.max_failed"),
        ("[rollout]\nmax_failed = 1000001", "rollout.max_failed"),
        ('[rollout]\nmax_failed_per_ring = "some"', "rollout.max_failed_per_ring"),
        ("[rollout]\nmax_failed = -1", "rollout.max_failed"),
        ("[rollout]\nmax_canaries = 0", "rollout.max_canaries"),
        ("[lanes]\nnormal = []", "lanes.normal"),
        ("[lanes]\nurgent = [60, -1]", "lanes.urgent"),
        (HOOK + "timeout_seconds = 0", "hooks[0].timeout_seconds"),
        (HOOK + "timeout_seconds = 3601", "hooks[0].timeout_seconds"),
        (HOOK + 'kind = "reboot"', "hooks[0].kind"),
        (HOOK + 'when = "during"', "hooks[0].when"),
        (HOOK + 'where = "elsewhere"', "hooks[0].where"),
        (HOOK + 'command = "/bin/true"', "hooks[0].command"),
        (HOOK + 'undo_when = "never"', "hooks[0].undo_when"),
        (HOOK + "retries = 3", "retries"),
        ("[rollout]\nconnect_timeout_seconds = -1", "rollout.connect_timeout_seconds"),
        ('[rehearsal]\nprovider = "docker"', "rehearsal.provider"),
        ('[rehearsal]\ncopy = ["/etc"]', "rehearsal.copy"),
        ('[rehearsal]\ncopy = ["srv/../../root"]', "rehearsal.copy"),
        ("[rehearsal]\ntwins_at_once = 0", "rehearsal.twins_at_once"),
        ('[snapshots]\nurl = "ftp://x"', "snapshots.url"),
        ('[snapshots]\nlisten = "8321"', "snapshots.listen"),
        ('[advisories.kev]\nurl = "x"\nstale_after_hours = 3', "advisories.kev.url"),
        ('[advisories.kev]\nurl = "http://x"\nstale_after_hours = 0', "kev.stale_after_hours"),
        ('transport = "telnet"', "transport"),
        (CHECK.replace("http", "ping"), "kind"),
        (CHECK + "timeout_seconds = 0", "timeout_seconds"),
        (CHECK + "expect_status = 20", "expect_status"),
        (CHECK.replace('"x"', '""'), "name"),
    ],
)
def test_a_value_out_of_its_bounds_is_an_error_with_its_place(
    tmp_path: Path, text: str, place: str
) -> None:
    """It is found when the file is read, and not when hosts are being changed."""
    with pytest.raises(InputError) as caught:
        _settings(tmp_path, text)
    assert place in caught.value.message
    assert caught.value.hint


def test_lanes_are_as_the_file_says(tmp_path: Path) -> None:
    """Beside those that hold without it; a calm lane that is quicker than an urgent one is none."""
    soaks = Application(_settings(tmp_path, "[lanes]\nimmediate = [5]")).declared.soaks
    assert (soaks[PlanLane.NORMAL], soaks[PlanLane.IMMEDIATE]) == ((86400, 86400, 172800), (5,))
    with pytest.raises(InputError, match="ring 1 soaks for longer in the urgent lane"):
        _ = Application(_settings(tmp_path, "[lanes]\nnormal = [5]")).declared.soaks


def test_a_home_below_a_file_is_said(tmp_path: Path) -> None:
    """The next step is in the hint."""
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="no directory") as caught:
        read_settings({"OAKUM_HOME": str(tmp_path / "file" / "home"), "HOME": "/"})
    assert "OAKUM_HOME" in (caught.value.hint or "")


OWN = (
    "policy,version,source,kev,exposed,automatable,impact,critical,exploit,days,note\n"
    "bank,3,our policy 3.2,yes,*,*,*,*,*,1,known to be exploited\n"
)


def test_the_documented_example_of_own_policies_holds(tmp_path: Path) -> None:
    """It can be copied out of the guide as it stands."""
    guide = (Path(__file__).parents[2] / "docs/guides/configuration.md").read_text()
    (tmp_path / "bank.csv").write_text(guide.partition("```csv\n")[2].partition("```")[0])
    assessor = Application(_settings(tmp_path, '[policy]\nown = "bank.csv"\n')).assessor
    assert assessor.policies == ("bod-26-04", "ncsc", "asd-e8", "bank")
    assert [r.days for r in assessor.tables.deadlines if r.policy == "bank"] == [1, 2]


def test_own_policies_hold_beside_the_named_ones(tmp_path: Path) -> None:
    """A file of one's own is in force as soon as it is named; its path starts in OAKUM_HOME."""
    (tmp_path / "bank.csv").write_text(OWN)
    text = '[policy]\ndeadlines = ["ncsc"]\nown = "bank.csv"\n'
    assessor = Application(_settings(tmp_path, text)).assessor
    assert assessor.policies == ("ncsc", "bank")
    assert "bank" in assessor.tables.policies


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "bank.csv cannot be read"),
        (b"", "bank.csv holds no rule"),
        (b"\xff", "bank.csv: byte 0 is not UTF-8"),
        (OWN.replace("yes", "maybe").encode(), "bank.csv, line 2: 'maybe' is no value of kev"),
        (OWN.replace("bank", "ncsc").encode(), "bank.csv: the policy 'ncsc' ships with Oakum"),
        (b"#" * (1024 * 1024 + 1), "bank.csv is larger than 1 MiB"),
    ],
)
def test_own_policies_that_cannot_hold_are_an_error(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    """With the file and the line: a policy must not be left out without a word."""
    if content is not None:
        (tmp_path / "bank.csv").write_bytes(content)
    application = Application(_settings(tmp_path, '[policy]\nown = "bank.csv"\n'))
    with pytest.raises(InputError) as caught:
        _ = application.assessor
    assert said in caught.value.message


def test_what_a_feed_leaves_out_is_as_without_a_file(tmp_path: Path) -> None:
    """One key of a feed changes one thing."""
    before = Application(_settings(tmp_path, "")).configuration.advisories
    after = Application(
        _settings(tmp_path, "[advisories.debian_tracker]\nstale_after_hours = 5\n")
    ).configuration.advisories
    feed = FeedName.DEBIAN_TRACKER
    assert after.of(feed).stale_after_hours == 5
    assert after.of(feed).urls == before.of(feed).urls


def test_another_place_of_a_feed_is_the_only_one(tmp_path: Path) -> None:
    """A mirror of one file is not mixed with the other files of the original."""
    text = '[advisories.alpine_secdb]\nurl = "https://mirror.example/all.json"\n'
    settings = Application(_settings(tmp_path, text)).configuration.advisories
    assert settings.of(FeedName.ALPINE_SECDB).urls == ("https://mirror.example/all.json",)
    more = text + 'also = ["https://mirror.example/more.json"]\n'
    settings = Application(_settings(tmp_path, more)).configuration.advisories
    assert len(settings.of(FeedName.ALPINE_SECDB).urls) == 2


def test_only_chosen_distributions_are_fetched(tmp_path: Path) -> None:
    """And what is of none in particular."""
    text = '[advisories]\ndistributions = ["alpine"]\n'
    fetched = Application(_settings(tmp_path, text)).configuration.advisories.fetched()
    assert FeedName.ALPINE_SECDB in fetched
    assert FeedName.KEV in fetched
    assert FeedName.DEBIAN_TRACKER not in fetched


WINDOWS = """
[[windows]]
name = "nights"
rule = "FREQ=WEEKLY;BYDAY=SA,SU"
starts = 2026-01-03T02:00:00
minutes = 240
hosts = "role:web"

[[freezes]]
begins = 2026-12-20T00:00:00+01:00
ends = 2027-01-02T00:00:00+01:00
reason = "end of the year"
"""


def test_windows_and_freezes_are_read(tmp_path: Path) -> None:
    """A window is in local time, of its own zone or of each host's."""
    rules = Application(_settings(tmp_path, WINDOWS)).declared.rules
    (window,), (frozen,) = rules.windows, rules.freezes
    assert (window.name, window.selector, window.zone) == ("nights", "role:web", "")
    assert window.duration == timedelta(hours=4)
    assert frozen.freeze.begins_at == datetime(2026, 12, 19, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("FREQ=WEEKLY", "FREQ=SECONDLY", r"oakum\.toml: window 'nights'"),
        ("02:00:00\n", "02:00:00+01:00\n", "cannot start"),
        (
            "2026-12-20T00:00:00+01:00",
            "2026-12-20T00:00:00",
            r"oakum\.toml: freeze 'end of the year': a time has no offset",
        ),
        (
            "2027-01-02",
            "2026-01-02",
            r"oakum\.toml: freeze 'end of the year' ends before it begins",
        ),
        ("minutes = 240", "minutes = 99999", "cannot be open"),
    ],
)
def test_a_window_without_sense_is_an_error_with_its_place(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    """Before any plan is made of it."""
    with pytest.raises(InputError, match=words):
        _ = Application(_settings(tmp_path, WINDOWS.replace(old, new))).declared.rules


@pytest.mark.parametrize(
    "text", ["[" * 5000, f"transport = {'[' * 5000}", f"database = {'1' * 5000}"]
)
def test_a_nest_or_a_number_without_end_is_refused(tmp_path: Path, text: str) -> None:
    """What the reader of TOML itself does not bear is still told as a place in the file."""
    with pytest.raises(InputError, match="is not a valid configuration"):
        _settings(tmp_path, text)


METRICS = """\
[rollout]
measure_seconds = 60
measure_before = 5

[[metrics]]
name = "latency"
kind = "command"
target = "cat /run/latency"
hosts = "role:web"

[[metrics]]
name = "errors"
kind = "prometheus"
url = "http://prometheus.example:9090"
target = "errors"
worse = "lower"
required = true
"""


def test_metrics_are_declared(tmp_path: Path) -> None:
    """What is left out is as the guide says."""
    rules = Application(_settings(tmp_path, METRICS)).declared.metric_rules
    assert (rules.interval_seconds, rules.rounds_before) == (60, 5)
    latency, errors = rules.metrics
    assert (latency.selector, latency.worse, latency.is_required) == (
        "role:web",
        Worse.HIGHER,
        False,
    )
    assert (errors.selector, errors.worse, errors.is_required) == ("*", Worse.LOWER, True)
    assert errors.source == "http://prometheus.example:9090"


@pytest.mark.parametrize(
    "text",
    [
        '[signals]\nnames = ["$(reboot)"]\n',
        '[signals]\nunits = ["-x"]\n',
        '[signals]\nunits = ["a b"]\n',
        '[[metrics]]\nname = "a"\nkind = "shell"\ntarget = "x"\n',
        '[[metrics]]\nname = "a"\nkind = "prometheus"\ntarget = "x"\nurl = "ftp://x"\n',
    ],
)
def test_names_and_units_are_names_and_units(tmp_path: Path, text: str) -> None:
    """They become lines of what a host is asked; a metric has a kind and a place that exist."""
    with pytest.raises(InputError, match="not a valid configuration"):
        _settings(tmp_path, text)


DRAIN = """\
[[hooks]]
name = "leave"
kind = "drain"
where = "controller"
command = ["/bin/drain"]
undo = ["/bin/back"]
"""


def test_hooks_are_read_with_what_their_kind_means(tmp_path: Path) -> None:
    """Drain and smoke: when they are run and undone follows, and can be said otherwise."""
    smoke = '[[hooks]]\nname = "try"\nkind = "smoke"\nscript = "true"\nhosts = "role:web"\n'
    text = f'{DRAIN}{smoke}must_pass = false\ntimeout_seconds = 5\nundo_script = "rm x"\n'
    drain, trial = Application(_settings(tmp_path, text)).declared.hooks
    assert (drain.selector, trial.selector) == ("*", "role:web")
    assert drain.hook == Hook(
        name="leave",
        kind=HookKind.DRAIN,
        moment=HookMoment.BEFORE,
        place=HookPlace.CONTROLLER,
        command=("/bin/drain",),
        timeout_seconds=60,
        must_pass=True,
        undo=("/bin/back",),
        undo_when=UndoWhen.WELL,
        hosts=(),
    )
    assert trial.hook == Hook(
        name="try",
        kind=HookKind.SMOKE,
        moment=HookMoment.AFTER,
        place=HookPlace.HOST,
        command=(*SHELL, "true"),
        timeout_seconds=5,
        must_pass=False,
        undo=(*SHELL, "rm x"),
        undo_when=UndoWhen.ALWAYS,
        hosts=(),
    )
    other = f'{DRAIN}when = "after"\nundo_when = "always"\n'
    (drain,) = Application(_settings(tmp_path, other)).declared.hooks
    assert (drain.hook.moment, drain.hook.undo_when) == (HookMoment.AFTER, UndoWhen.ALWAYS)


def test_a_hook_without_sense_is_named(tmp_path: Path) -> None:
    """With the file and the hook."""
    text = DRAIN.replace('undo = ["/bin/back"]', 'script = "true"')
    with pytest.raises(InputError, match=r"oakum.toml: hook 'leave' is given as words and as a"):
        _ = Application(_settings(tmp_path, text)).declared.hooks
    text = DRAIN.replace("/bin/drain", "drain")
    with pytest.raises(InputError, match=r"oakum.toml: hook 1 \('leave'\): its command must"):
        _ = Application(_settings(tmp_path, text)).declared.hooks


@pytest.mark.parametrize("said", ['"auto"', '"off"', "900"])
def test_a_deadman_is_usual_or_off_or_seconds(tmp_path: Path, said: str) -> None:
    """No more digits than a host's verifier takes."""
    text = f"[rollout]\ndeadman = {said}\n"
    assert str(_settings(tmp_path, text).configuration.rollout.deadman) == said.strip('"')
    for wrong in ('"never"', "0", "1000000", "true"):
        with pytest.raises(InputError, match="deadman"):
            _settings(tmp_path, f"[rollout]\ndeadman = {wrong}\n")
