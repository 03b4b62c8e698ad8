"""Parts of the host's scripts that answer for many packages with one process."""

import hashlib
import re
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from oakum.adapters.package_managers.apt import RESERVED, SAFE_ID

HOST = files("oakum.adapters.package_managers") / "host"


def run_parts(
    tmp_path: Path, parts: str, script: str, stdin: str = "", *, timeout: float = 20
) -> str:
    """Run a script behind parts of the host's, on a host of amd64; return what it prints."""
    texts = "".join((HOST / f"{part}.sh").read_text() for part in parts.split())
    begin = f"NATIVE=amd64 T={tmp_path} A={tmp_path} R={tmp_path}/restore W={tmp_path}\n"
    done = subprocess.run(
        ["sh", "-c", f"{texts}\n{begin}{script}\n"],
        input=stdin,
        capture_output=True,
        check=True,
        text=True,
        timeout=timeout,
    )
    return done.stdout


def test_the_way_back_has_the_digest_of_each_kept_package(tmp_path: Path) -> None:
    """Two architectures of one version are two files, and a colon is written as %3a."""
    debs = tmp_path / "restore/debs"
    debs.mkdir(parents=True)
    names = ("oak_1%3a2.0-1_amd64", "oak_1%3a2.0-1_i386", "oak-data_2.0-1_all")
    native, foreign, data = (_keep(debs / f"{name}.deb") for name in names)
    changes = tmp_path / "changes"
    changes.write_text(
        "upgrade\toak:amd64\t1:2.0-1\t1:2.0-2\tnew1\n"
        "downgrade\toak:i386\t1:2.0-1\t1:1.9-1\tnew2\n"
        "remove\toak-data:amd64\t2.0-1\t-\t-\n"
        "install\toak-extra:amd64\t-\t3.0\tnew3\n"
    )
    said = run_parts(tmp_path, "common packages restore_point", f"invert_changes {changes}")
    assert said.splitlines() == [
        f"downgrade\toak:amd64\t1:2.0-2\t1:2.0-1\t{native}",
        f"upgrade\toak:i386\t1:1.9-1\t1:2.0-1\t{foreign}",
        f"install\toak-data:amd64\t-\t2.0-1\t{data}",
        "remove\toak-extra:amd64\t3.0\t-\t-",
    ]


def _keep(file: Path) -> str:
    file.write_text(file.name)
    return hashlib.sha256(file.name.encode()).hexdigest()


@pytest.mark.parametrize(
    ("codes", "calls", "is_good"),
    [("0", 1, True), ("1 0", 2, True), ("1 1", 2, True), ("1 2", 2, False), ("2", 1, False)],
)
def test_a_file_that_is_written_just_then_does_not_spoil_the_restore_point(
    tmp_path: Path,
    codes: str,
    calls: int,
    is_good: bool,  # noqa: FBT001 (a column)
) -> None:
    """Tar says so with 1, and what stopped it with 2: only that is a failure."""
    tar = 'tar() { echo "$*"; code=${codes%% *}; codes=${codes#* }; return "$code"; }'
    script = f"codes='{codes}'\n{tar}\nif archive -zf etc.tar.gz etc; then echo good; fi"
    said = run_parts(tmp_path, "common restore_point", script)
    assert said.splitlines() == ["-C / -c -zf etc.tar.gz etc"] * calls + ["good"] * is_good


def test_targets_are_in_the_words_of_apt(tmp_path: Path) -> None:
    """The native architecture goes without saying; what goes has a minus behind it."""
    changes = tmp_path / "changes"
    changes.write_text(
        "upgrade\toak:amd64\t1\t2\tx\nupgrade\toak-doc:all\t1\t2\tx\n"
        "upgrade\toak:i386\t1\t2\tx\nremove\told:amd64\t1\t-\t-\n"
    )
    said = run_parts(tmp_path, "common packages apt", f"apt_targets {changes}")
    assert said.split() == ["oak=2", "oak-doc=2", "oak:i386=2", "old-"]
    names = run_parts(tmp_path, "common packages", "apt_names", "a:amd64\nb:all\nc:i386\n")
    assert names.split() == ["a", "b", "c:i386"]


def which_way(tmp_path: Path, simulation: str, *changes: str) -> list[str]:
    """Return the kinds that simulated changes are given."""
    (tmp_path / "simulation").write_text(simulation)
    given = "".join(f"change\toak:amd64\t{change}\n" for change in changes)
    said = run_parts(tmp_path, "common packages apt", "say_which_way", given)
    return [line.split("\t")[0] for line in said.splitlines()]


def test_a_downgrade_is_told_from_an_upgrade(tmp_path: Path) -> None:
    """Where apt says that there is one, each version is compared."""
    simulation = "The following packages will be DOWNGRADED:\n  oak\n"
    changes = ("1.0~rc1\t1.0", "1.10\t1.9", "-\t1.0", "1.0\t1.0")
    assert which_way(tmp_path, simulation, *changes) == ["upgrade", "downgrade", "install", "?"]


def test_the_same_version_again_is_never_an_upgrade(tmp_path: Path) -> None:
    """Also where nothing is downgraded, and no version is compared."""
    assert which_way(tmp_path, "", "1.0\t1.1", "-\t1.0", "1.0\t1.0") == ["upgrade", "install", "?"]


def test_room_is_missed_and_a_place_that_is_not_there_is_not(tmp_path: Path) -> None:
    """What is needed is said in megabytes."""
    wanted = 1 << 60
    script = f"need_room {tmp_path} {wanted}; need_room {tmp_path} 1; need_room /nowhere {wanted}"
    said = run_parts(tmp_path, "common packages problems", script)
    assert said.count("are needed; make room") == 1
    assert f"and {wanted >> 20} MB are needed" in said


def test_no_transaction_is_called_as_another_unit_of_ours(tmp_path: Path) -> None:
    """Every other name of a unit in the scripts is refused to transactions, here and there."""
    hook = files("oakum.adapters.hooks") / "hook.sh"
    scripts = (hook, *(part for part in HOST.iterdir() if part.name.endswith(".sh")))
    named = {name for s in scripts for name in re.findall(r"oakum-([a-z]+)-\$", s.read_text())}
    assert named == set(RESERVED)
    script = 'while read -r id; do is_reserved "$id" || echo "$id"; done'
    free = ["t1", "rollout-1.watch-tower", "watch"]
    ids = [*(f"{name}-t1" for name in named), *free]
    stdin = "".join(f"{name}\n" for name in ids)
    assert run_parts(tmp_path, "common launch", script, stdin).splitlines() == free
    assert [name for name in ids if SAFE_ID.fullmatch(name)] == free


def test_a_journal_line_is_one_line(tmp_path: Path) -> None:
    """A detail that is empty costs no process, and one of several lines is made one."""
    script = "journal install started; journal install failed \"$(printf 'a\\nb\\tc')\""
    run_parts(tmp_path, "common journal", script)
    lines = (tmp_path / "journal").read_text().splitlines()
    assert [line.split("\t")[1:] for line in lines] == [
        ["install", "started", ""],
        ["install", "failed", "a b c"],
    ]


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (b"", b""),
        (b"\n\t \n", b""),
        (b" two  words\nand\t\tmore \n", b"two words and more\n"),
        (b"no end of line", b"no end of line\n"),
        (b"caf\xc3\xa9 \xff \x1b[31m\r\n", b"caf?? ? ?[31m?\n"),
        (b"%s \\n & \\1\n", b"%s \\n & \\1\n"),
        (b"x" * 599 + b" \nyz", b"x" * 599 + b" \n"),
    ],
)
def test_text_of_programs_becomes_one_plain_line(tmp_path: Path, said: bytes, line: bytes) -> None:
    """Whatever it was: of 600 characters at most, printable, and nothing for nothing."""
    (tmp_path / "said").write_bytes(said)
    answer = run_parts(tmp_path, "common", f"one_line <{tmp_path}/said")
    assert answer.encode() == line


def test_what_is_hostile_in_a_journal_line_is_made_harmless(tmp_path: Path) -> None:
    """A detail that is plain is written as it is; any other goes the same way as all text."""
    details = ("plain: a/b=c~1 (x)", "caf\\351", "two  blanks", " before", "\\033[31m")
    script = "".join(f"journal install failed \"$(printf '{detail}')\"\n" for detail in details)
    run_parts(tmp_path, "common journal", script)
    lines = (tmp_path / "journal").read_text().splitlines()
    said = [line.split("\t")[3] for line in lines]
    assert said == ["plain: a/b=c~1 (x)", "caf?", "two blanks", "before", "?[31m"]


def test_a_setting_is_the_whole_rest_of_its_line(tmp_path: Path) -> None:
    """A name that begins alike is another; none at all is empty."""
    (tmp_path / "settings").write_text("undoes\t\nback\tx-1\nback2\ty\nurl\thttp://h/a\\b c\n")
    script = 'for name in undoes back url missing; do printf "<%s>\\n" "$(setting $name)"; done'
    said = run_parts(tmp_path, "common journal", script)
    assert said.split("\n")[:4] == ["<>", "<x-1>", "<http://h/a\\b c>", "<>"]


def test_text_without_end_becomes_one_line_at_once(tmp_path: Path) -> None:
    """What a program that we run prints has any length, and a host at work waits for it."""
    (tmp_path / "said").write_text("\n" * 5000 + "no room \x01\n" * 300_000)
    answer = run_parts(tmp_path, "common", f"one_line <{tmp_path}/said", timeout=2)
    assert answer == ("no room ? " * 60)[:600] + "\n"


@pytest.mark.parametrize(
    "openssl", ["", "exit 1", "echo wrong; exit 1", '/usr/bin/openssl "$@" | head -n 1', None]
)
def test_packages_are_digested_with_openssl_or_without(tmp_path: Path, openssl: str | None) -> None:
    """It may be missing, be broken by the very upgrade, or have no room, and not say so."""
    debs = tmp_path / "debs"
    (debs / "partial").mkdir(parents=True)
    wanted = {_keep(debs / name) for name in ("oak_1%3a2.0-1_amd64.deb", "oak-data_2.0_all.deb")}
    (debs / "partial/oak_3_amd64.deb").write_text("cut off")
    programs = tmp_path / "programs"
    programs.mkdir()
    if openssl:
        (programs / "openssl").write_text(f"#!/bin/sh\n{openssl}\n")
        (programs / "openssl").chmod(0o755)
    elif openssl is None:
        for name in ("find", "sha256sum"):
            (programs / name).symlink_to(f"/usr/bin/{name}")
    path = str(programs) if openssl is None else f"{programs}:$PATH"
    run_parts(tmp_path, "common packages", f"PATH={path}; digest_packages {debs} $T/sums")
    lines = (tmp_path / "sums").read_text().splitlines()
    assert {line[:64] for line in lines} == wanted
    assert len(lines) == len(wanted)


def test_what_is_started_speaks_c_and_can_name_every_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever language whoever connects brings along, in any of its variables."""
    given = ("LANG", "LANGUAGE", "LC_ALL", "LC_COLLATE", "LC_MESSAGES", "LC_TIME", "LC_CTYPE")
    for name in given:
        monkeypatch.setenv(name, "de_DE.UTF-8")
    said = run_parts(tmp_path, "common", "env | grep -E '^(LANG|LC_)'")
    assert said.splitlines() == ["LC_CTYPE=C.UTF-8"]


def test_what_waits_for_us_is_not_restarted(tmp_path: Path) -> None:
    """Apt's daily work waits at our lock until we end, and so would a restart of it."""
    units = ("apt-daily.service", "apt-daily-upgrade.service", "session-3.scope", "cron.service")
    script = "".join(f"treatment_of {unit}\n" for unit in units)
    said = run_parts(tmp_path, "common processes", script)
    assert said.split() == ["session", "session", "session", "restart"]


@pytest.mark.parametrize("before", [None, 0o644])
def test_a_lock_is_for_root_alone(tmp_path: Path, before: int | None) -> None:
    """Any account could hold one that it can read, and keep the host from being patched."""
    lock = tmp_path / "daily_lock"
    if before is not None:
        lock.touch(before)
    (tmp_path / "settings").write_text("lock_seconds\t1\n")
    script = f"DAILY_LOCK={lock}; without_updaters stat -c %a {lock}"
    assert run_parts(tmp_path, "common journal updaters", script) == "600\n"


def test_the_lock_of_a_transaction_is_for_root_alone(tmp_path: Path) -> None:
    """It is there from the beginning, so that nobody makes it readable."""
    (tmp_path / "new").mkdir()
    (tmp_path / "transactions").mkdir()
    (tmp_path / "new/settings").touch()
    put = "OAKUM=$T T=$T/transactions/t1; put_in_place $OAKUM/new"
    run_parts(tmp_path, "common launch", put)
    assert (tmp_path / "transactions/t1/running").stat().st_mode & 0o777 == 0o600


def test_what_is_no_file_of_its_own_is_no_lock(tmp_path: Path) -> None:
    """A link leads to what is somebody else's: its mode stays."""
    (tmp_path / "theirs").touch(0o644)
    (tmp_path / "lock").symlink_to(tmp_path / "theirs")
    assert run_parts(tmp_path, "common", "own_lock $T/lock || echo refused") == "refused\n"
    assert (tmp_path / "theirs").stat().st_mode & 0o777 == 0o644


def test_daily_work_that_waited_too_long_is_no_service_that_broke(tmp_path: Path) -> None:
    """It gives up after an hour at our lock, and fails: that is no reason to go back."""
    units = (
        "apt-daily.service",
        "apt-daily-upgrade.service",
        "apt-daily-x.service",
        "user@0.service",
    )
    listed = "".join(f"echo {unit} loaded failed failed of apt; " for unit in units)
    script = f"has_systemd() {{ :; }}; systemctl() {{ {listed}}}; list_units"
    said = run_parts(tmp_path, "common restore_point", script)
    assert said == "apt-daily-x.service\tfailed\n"
