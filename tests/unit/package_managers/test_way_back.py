"""Going back on a host: what was interrupted, what had no room, and what others did since."""

import subprocess
import time
from pathlib import Path

import pytest

from oakum.adapters.package_managers.host_scripts import HostScript, text_of

IDLE = """
NATIVE=amd64 OAKUM={place}
begin() {{ STEP=$1; echo "begin $1" >>$T/steps; }}
journal() {{ echo "$*" >>$T/steps; }}
has_systemd() {{ false; }}
find_broken_states() {{ :; }}
why_unwritten() {{ :; }}
"""


def on_host(place: Path, line: str, *, instead: tuple[str, str] = ("", "")) -> str:
    """Run a line of shell behind the whole transaction script; one path leads elsewhere."""
    text = text_of(HostScript.TRANSACTION).replace(*instead) if instead[0] else None
    script = f"{text or text_of(HostScript.TRANSACTION)}\n{IDLE.format(place=place)}\n{line}\n"
    done = subprocess.run(
        ["sh", "-c", script, "sh", "nothing", str(place)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert "not found" not in done.stderr, done.stderr
    return done.stdout


def settings(place: Path, mode: str = "upgrade") -> None:
    (place / "settings").write_text(f"mode\t{mode}\nmay_undo\tyes\nlock_seconds\t1\n")


def test_a_way_back_that_is_cut_off_is_none(tmp_path: Path) -> None:
    """Otherwise nothing would be left to put back, and the host would be said to be as before."""
    (tmp_path / "restore/debs").mkdir(parents=True)
    (tmp_path / "changes").write_text("upgrade\toak:amd64\t1\t2\tx\ninstall\tnew:amd64\t-\t1\tx\n")
    (tmp_path / "inverse.tsv").write_text("of before\n")
    assert on_host(tmp_path, "write_inverse || echo none") == "none\n"
    (tmp_path / "restore/debs/oak_1_amd64.deb").touch()
    assert on_host(tmp_path, "write_inverse || echo none") == ""
    assert (tmp_path / "inverse.tsv").read_text().count("\n") == 2
    (tmp_path / "inverse.new").symlink_to("/dev/full")
    (tmp_path / "inverse.tsv").write_text("of before\n")
    assert on_host(tmp_path, "write_inverse 2>/dev/null || echo none") == "none\n"
    assert (tmp_path / "inverse.tsv").read_text() == "of before\n"


def test_no_room_to_list_packages_is_not_that_they_are_gone(tmp_path: Path) -> None:
    """What was to be removed would look removed, and the host as it was before."""
    (tmp_path / "back").write_text("remove\toak:amd64\t1\t-\t-\n")
    listing = "list_packages() { printf 'ii \\toak:amd64\\t1\\n'; }; "
    line = f'{listing}ulimit -f 0; has_arrived "$T/back" && echo arrived; remaining "$T/back" 2>&1'
    said = on_host(tmp_path, line)
    assert "arrived" not in said
    assert "is the disk full?" in said


def test_no_room_to_mark_a_change_is_said(tmp_path: Path) -> None:
    """A shell ends at once when `:` cannot be redirected: then nobody would be told."""
    assert on_host(tmp_path, "T=$T/gone; mark_changed 2>/dev/null || echo told") == "told\n"


def test_one_that_was_going_back_goes_on_with_that(tmp_path: Path) -> None:
    """After a power cut the version that had failed is not installed once more."""
    settings(tmp_path)
    (tmp_path / "changes").touch()
    (tmp_path / "inverse.tsv").touch()
    cut = "gather() { exit; }; undo 'postinst failed'"
    on_host(tmp_path, cut)
    assert not (tmp_path / "result").exists()
    again = "gather() { :; }; go_back() { :; }; settle_back() { :; }; "
    on_host(tmp_path, again + "run_dpkg() { echo dpkg >>$T/steps; }; resume; echo on >>$T/steps")
    said = (tmp_path / "result").read_text()
    assert "reason\tpostinst failed; every package is back at its old version" in said
    assert not {"on", "dpkg"} & set((tmp_path / "steps").read_text().splitlines())


def test_nothing_is_begun_while_the_host_goes_down(tmp_path: Path) -> None:
    """What held the lock that it waited for ends with the host, and so would what we begin."""
    settings(tmp_path)
    (tmp_path / "changes.tsv").touch()
    going = "has_systemd() { :; }; systemctl() { echo $state; }; upgrade() { echo begun; }; "
    line = going + "isolate_apt() { :; }; STEP=begin; locked"
    assert on_host(tmp_path, f"state=stopping; {line}") == ""
    assert "interrupted the host is going down" in (tmp_path / "steps").read_text()
    assert on_host(tmp_path, f"state=running; {line}") == "begun\n"


def test_scripts_that_are_put_aside_are_kept_once(tmp_path: Path) -> None:
    """After an interruption what stands in their place is ours, and is not what was kept."""
    info = tmp_path / "info"
    info.mkdir()
    (info / "oak.prerm").write_text("the package's own\n")
    (tmp_path / "back").write_text("downgrade\toak:amd64\t2\t1\tx\n")
    line = 'remaining() { cat "$1"; }; silence_scripts "$T/back"; silence_scripts "$T/back"'
    on_host(tmp_path, line, instead=("/var/lib/dpkg/info", str(info)))
    assert (info / "oak.prerm").read_text() == "#!/bin/sh\nexit 0\n"
    assert (tmp_path / "silenced/oak.prerm").read_text() == "the package's own\n"


@pytest.mark.parametrize(
    "name", ["oak.conf.dpkg-dist", "oak.conf.dpkg-old", "new.conf.dpkg-dist", "gone.conf.dpkg-new"]
)
def test_what_dpkg_kept_for_others_is_not_removed(tmp_path: Path, name: str) -> None:
    """Of the touched packages it goes, and a copy stays; of others it may be the only copy."""
    etc = tmp_path / "etc"
    restore = tmp_path / "restore"
    etc.mkdir()
    restore.mkdir()
    (restore / "complete").touch()
    (restore / "leftovers").touch()
    (restore / "conffiles").touch()
    (restore / "conffiles.md5").write_text(f"{'0' * 32}  {etc}/oak.conf\n")
    (tmp_path / "back").write_text("downgrade\toak:amd64\t2\t1\tx\n")
    for file in (name, "elm.conf.dpkg-old", "new.conf"):
        (etc / file).write_text("somebody's work\n")
    recorded = f"\\n {etc}/new.conf {'1' * 32} obsolete\\n"
    (tmp_path / "bin").mkdir()
    query = tmp_path / "bin/dpkg-query"
    query.write_text(f"#!/bin/sh\nprintf '{recorded}'\n")
    query.chmod(0o755)
    line = 'PATH=$T/bin:$PATH; tar() { false; }; restore_conffiles "$T/back"'
    on_host(tmp_path, line, instead=("find /etc", f"find {etc}"))
    assert {path.name for path in etc.iterdir()} == {"elm.conf.dpkg-old"}
    kept = tmp_path / f"conffiles.removed{etc}"
    assert {path.name for path in kept.iterdir()} == {name, "new.conf"}
    assert (tmp_path / "conffiles.removed").stat().st_mode & 0o077 == 0


def test_configuration_that_is_replaced_is_kept_for_root_alone(tmp_path: Path) -> None:
    """It may hold secrets, and a host has other accounts."""
    restore = tmp_path / "restore"
    restore.mkdir()
    secret = tmp_path / "secret.conf"
    secret.write_text("old\n")
    secret.chmod(0o600)
    inside = str(secret).lstrip("/")
    (restore / "conffiles").write_text(f"{inside}\n")
    tar = ["tar", "-C", "/", "-cf", str(restore / "conffiles.tar"), inside]
    subprocess.run(tar, check=True, timeout=20)
    for empty in ("complete", "leftovers", "conffiles.md5"):
        (restore / empty).touch()
    (tmp_path / "back").touch()
    secret.write_text("of somebody\n")
    (tmp_path / "etc").mkdir()
    elsewhere = ("find /etc", f"find {tmp_path}/etc")
    for _ in range(2):  # The second time after an interruption.
        on_host(tmp_path, 'restore_conffiles "$T/back"', instead=elsewhere)
        assert secret.read_text() == "old\n"
    kept = ["tar", "-xOf", str(tmp_path / "conffiles.replaced.tar")]
    assert subprocess.check_output(kept, timeout=20) == b"of somebody\n"
    assert (tmp_path / "conffiles.replaced.tar").stat().st_mode & 0o077 == 0


def installed(name: str, version: str, *further: str, state: str = "installed") -> str:
    fields = ("Maintainer: x <x@x>", "Architecture: all", "Description: x", *further)
    status = f"Package: {name}\nVersion: {version}\nStatus: install ok {state}\n"
    return status + "\n".join(fields) + "\n\n"


@pytest.mark.parametrize(
    ("needs", "way"), [("oak (>= 2)", "dpkg"), ("oak (>= 2) | bark", "dpkg"), ("oak", "apt")]
)
def test_going_back_purges_nothing_of_others(tmp_path: Path, needs: str, way: str) -> None:
    """Somebody's package needs the version that is left, and dpkg is broken by another one."""
    control = tmp_path / "oak/DEBIAN/control"
    control.parent.mkdir(parents=True)
    control.write_text(
        "Package: oak\nVersion: 1\nArchitecture: all\nMaintainer: x\nDescription: x\n"
    )
    (tmp_path / "debs").mkdir()
    build = ["dpkg-deb", "-b", str(tmp_path / "oak"), str(tmp_path / "debs/oak_1_all.deb")]
    subprocess.run(build, check=True, capture_output=True, timeout=20)
    (tmp_path / "status").write_text(
        installed("oak", "2")
        + installed("elm", "1", f"Depends: {needs}")
        + installed("zed", "1", "Config-Version: 1", state="half-configured")
    )
    (tmp_path / "none").mkdir()
    (tmp_path / "apt.conf").write_text(
        f'Dir::State::status "{tmp_path}/status"; Dir::State::Lists "{tmp_path}/none";'
        f'Dir::Etc::SourceList "/dev/null"; Dir::Etc::SourceParts "{tmp_path}/none";'
        f'Dir::Cache "{tmp_path}/cache";'
    )
    (tmp_path / "back").write_text("downgrade\toak:all\t2\t1\tx\n")
    line = (
        "export APT_CONFIG=$T/apt.conf; A=$T; list_packages() { printf 'ii \\toak:all\\t2\\n'; }; "
        "run_apt() { echo apt; exit; }; run_dpkg() { echo dpkg; exit; }; STEP=install; "
        'go_back "$T/back"'
    )
    assert on_host(tmp_path, line) == f"{way}\n"
    steps = tmp_path / "steps"
    said = steps.read_text() if steps.exists() else ""
    assert ("apt would remove what is not in the plan (elm:" in said) == (way == "dpkg")


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("sleep 60", "failed oak.service did not restart: no end within 1 seconds"),
        ("echo Job failed >&2; exit 1", "failed oak.service did not restart: Job failed"),
        ("exit 0", "done oak.service restarted"),
    ],
)
def test_a_restart_is_not_waited_for_for_ever(tmp_path: Path, program: str, said: str) -> None:
    """As long as the transaction is at work the deadman cannot fire."""
    (tmp_path / "bin").mkdir()
    systemctl = tmp_path / "bin/systemctl"
    systemctl.write_text(f"#!/bin/sh\n{program}\n")
    systemctl.chmod(0o755)
    on_host(tmp_path, "PATH=$T/bin:$PATH RESTART_SECONDS=1; restart_unit oak.service")
    assert (tmp_path / "steps").read_text() == f"restarts {said}\n"


def test_what_packages_leave_to_ucf_counts_as_configuration(tmp_path: Path) -> None:
    """As sshd_config: in the plan's prompts, in the restore point, and on the way back."""
    for name, text in {
        "registry": "openssh-server \t /etc/ssh/sshd_config\ngrub-pc \t /etc/default/grub\n",
        "hashfile": f"{'a' * 32}  /etc/ssh/sshd_config\n{'b' * 32}  /etc/default/grub\n",
    }.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "bin").mkdir()
    query = tmp_path / "bin/dpkg-query"
    query.write_text(f"#!/bin/sh\nprintf '\\n /etc/default/ssh {'c' * 32}\\n'\n")
    query.chmod(0o755)
    line = (
        'PATH=$T/bin:$PATH UCF=$T; printf "openssh-server:amd64\\nzlib1g:amd64\\n" | list_conffiles'
    )
    assert on_host(tmp_path, line).splitlines() == [
        f"{'c' * 32}  /etc/default/ssh",
        f"{'a' * 32}  /etc/ssh/sshd_config",
    ]
    (tmp_path / "registry").unlink()
    assert on_host(tmp_path, line).splitlines() == [f"{'c' * 32}  /etc/default/ssh"]


def test_what_ucf_kept_is_named_as_well(tmp_path: Path) -> None:
    """With its difference; what lay there before is not of this transaction."""
    etc = tmp_path / "etc"
    etc.mkdir()
    (tmp_path / "restore").mkdir()
    (tmp_path / "restore/leftovers").touch()
    (etc / "old.conf.ucf-dist").touch()
    time.sleep(0.05)
    (tmp_path / "restore/complete").touch()
    time.sleep(0.05)
    for name, text in (
        ("sshd_config", "a\n"),
        ("sshd_config.ucf-dist", "b\n"),
        ("x.dpkg-dist", ""),
    ):
        (etc / name).write_text(text)
    on_host(tmp_path, "name_kept_conffiles", instead=("find /etc", f"find {etc}"))
    kept = (tmp_path / "kept").read_text()
    assert kept == f"0\t{etc}/x\n2\t{etc}/sshd_config\n"


def asks_for_a_boot(oakum: Path, systemd_run: str) -> "subprocess.CompletedProcess[bytes]":
    """Ask a host with a systemd for the boot of its transaction."""
    (oakum / "bin").mkdir(exist_ok=True)
    program = oakum / "bin/systemd-run"
    program.write_text(f"#!/bin/sh\n{systemd_run}\n")
    program.chmod(0o755)
    call = 'boot_again "$1"\n'
    ours = f"OAKUM={oakum} PATH={oakum}/bin:$PATH\nsync() {{ :; }}\nhas_systemd() {{ :; }}\n"
    script = text_of(HostScript.REBOOT).replace(call, f"{ours}{call}")
    return subprocess.run(
        ["sh", "-c", script, "sh", "t1"], check=False, capture_output=True, timeout=20
    )


@pytest.fixture
def ended(tmp_path: Path) -> Path:
    """Lay out a transaction that has ended in this boot."""
    place = tmp_path / "transactions/t1"
    place.mkdir(parents=True)
    (place / "result").touch()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    (place / "journal").write_text(f"now\tbegin\tstarted\tbefore\nnow\tresume\tstarted\t{boot}")
    return place


def test_a_boot_that_could_not_be_begun_may_be_asked_for_again(tmp_path: Path, ended: Path) -> None:
    """It is not taken for one that was."""
    assert asks_for_a_boot(tmp_path, "exit 1").returncode == 5
    assert not (ended / "rebooted").exists()
    assert asks_for_a_boot(tmp_path, "exit 0").returncode == 0
    assert (ended / "rebooted").exists()


def test_a_host_that_was_booted_since_is_not_booted_again(tmp_path: Path, ended: Path) -> None:
    """Whoever has the controller could otherwise do it for an old transaction, at any time."""
    (ended / "journal").write_text("now\tbegin\tstarted\tbefore\n")
    assert asks_for_a_boot(tmp_path, f"touch {tmp_path}/told").returncode == 0
    assert not (tmp_path / "told").exists()
