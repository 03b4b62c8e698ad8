import gzip
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from oakum.adapters.facts.collector import SCRIPT

RIGHTS = "-sys_ptrace,-perfmon,-sys_admin"
"""Each of them lets root look into other users' processes, on one kernel or another."""
GOLDEN = Path(__file__).parents[2] / "golden" / "archives"
DEBIAN = "Origin: Debian\nSuite: stable\n"
THIRD = "Package: {}\nVersion: 5\nArchitecture: amd64\n"


def section(lists: Path, name: str) -> list[str]:
    """Run the script over other package lists than this machine's."""
    return run_section(SCRIPT.replace("/var/lib/apt/lists", str(lists)), name)


def run_section(script: str, name: str) -> list[str]:
    output = subprocess.run(
        ["sh", "-c", script, "facts", "T"], capture_output=True, text=True, check=True
    ).stdout
    return output.partition(f"@T {name}\n")[2].partition("@T ")[0].splitlines()


REPOSITORIES = """\
# written by subscription-manager
[rhel-9-for-x86_64-baseos-eus-rpms]
name = Red Hat Enterprise Linux 9 for x86_64 - BaseOS - Extended Update Support (RPMs)
enabled = {}
[rhel-9-for-x86_64-appstream-eus-rpms]
enabled = 1
 [rhel-9-for-x86_64-baseos-e4s-rpms]
 enabled=0
"""


@pytest.mark.parametrize(
    ("enabled", "found"), [("1", ["rhel-eus"]), ("True", ["rhel-eus"]), ("0", [])]
)
def test_an_extended_stream_is_told_by_its_enabled_repository(
    tmp_path: Path, enabled: str, found: list[str]
) -> None:
    """That of the base system; others may be left over."""
    (tmp_path / "redhat.repo").write_text(REPOSITORIES.format(enabled))
    (tmp_path / "rhui.repo").write_text("[rhui-rhel-8-for-x86_64-appstream-aus-rhui-rpms]\n")
    script = SCRIPT.replace("/etc/yum.repos.d", str(tmp_path))
    assert run_section(script, "subscriptions") == found
    (tmp_path / "rhui.repo").write_text("[rhui-rhel-8-for-x86_64-baseos-aus-rhui-rpms]\n")
    assert run_section(script, "subscriptions") == ["rhel-aus", *found]


def test_no_lists_are_told(tmp_path: Path) -> None:
    """Empty or missing lists count as none."""
    assert section(tmp_path, "indices") == ["count\t0"]
    assert section(tmp_path / "missing", "indices") == ["count\t0"]


def test_packages_of_other_archives_are_named_with_their_origin(tmp_path: Path) -> None:
    """Plain and packed indices are read, Debian's are not listed, some archives have no name."""
    base = "archive.example_debian_dists_stable"
    (tmp_path / f"{base}_InRelease").write_text(DEBIAN)
    (tmp_path / f"{base}_main_binary-amd64_Packages").write_text(THIRD.format("bash"))
    other = "docker.example_linux_dists_stable"
    (tmp_path / f"{other}_InRelease").write_text("Origin: Docker Inc\n")
    packed = THIRD.format("docker-ce") + "\n" + THIRD.format("docker-cli")
    (tmp_path / f"{other}_main_binary-amd64_Packages.gz").write_bytes(
        gzip.compress(packed.encode())
    )
    (tmp_path / "flat.example_._Release").write_text("Origin: Flat\n")
    (tmp_path / "flat.example_._Packages").write_text(THIRD.format("flat"))
    (tmp_path / "bare.example_._Packages").write_text(THIRD.format("bare") + "\n")
    assert section(tmp_path, "indices") == ["count\t4"]
    assert sorted(section(tmp_path, "origins")) == [
        "bare\t5\tamd64\tunnamed",
        "docker-ce\t5\tamd64\tDocker Inc",
        "docker-cli\t5\tamd64\tDocker Inc",
        "flat\t5\tamd64\tFlat",
    ]


def test_updates_that_are_not_for_all_yet_are_told_by_source(tmp_path: Path) -> None:
    """Those of an `-updates` suite; plain and packed indices are read."""
    index = (GOLDEN / "Packages-phased").read_bytes()
    (tmp_path / "ubuntu.example_dists_jammy-updates_main_binary-amd64_Packages").write_bytes(index)
    (tmp_path / "ubuntu.example_dists_jammy_main_binary-amd64_Packages").write_bytes(
        index.replace(b"1.2-3", b"9.9-9")
    )
    (tmp_path / "other.example_dists_jammy-updates_main_binary-amd64_Packages.gz").write_bytes(
        gzip.compress(index.replace(b"1.2-3", b"1.3-1"))
    )
    assert section(tmp_path, "phased") == [
        "halted-src\t2:5.0-1ubuntu1\t0",
        "tool\t1.2-3ubuntu0.22.04.2\t30",
        "tool\t1.3-1ubuntu0.22.04.2\t30",
    ]


def test_packages_that_no_index_names_are_told(tmp_path: Path) -> None:
    """Every installed name but those that the lists have; without lists nothing can be told."""
    assert section(tmp_path, "unlisted") == []
    (tmp_path / "a_Packages").write_text(THIRD.format("bash") + "\n" + THIRD.format("dash"))
    (tmp_path / "b_Packages.gz").write_bytes(gzip.compress(THIRD.format("dpkg").encode()))
    found = section(tmp_path, "unlisted")
    assert "coreutils" in found
    assert not {"bash", "dash", "dpkg"} & set(found)


def _unread(*command: str) -> list[str]:
    output = subprocess.run(
        [*command, "sh", "-c", SCRIPT, "facts", "T"], capture_output=True, text=True, check=True
    ).stdout
    return output.partition("\n@T unread\n")[2].partition("@T ")[0].splitlines()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root sees every process, and may hide them")
def test_memory_that_cannot_be_read_is_told() -> None:
    """Without /proc, or without root, `nothing old runs` would be a lie."""
    assert "seen\tothers" in _unread()
    without_proc = ("unshare", "--mount", "sh", "-c", 'umount -l /proc && exec "$@"', "sh")
    assert _unread(*without_proc) == []
    assert _unread("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give its rights away")
def test_single_processes_that_cannot_be_read_are_named() -> None:
    """A root that may not look into others' processes says whose they are."""
    with subprocess.Popen(["setpriv", "--reuid=65534", "--clear-groups", "sleep", "60"]) as other:
        try:
            wait_until(lambda: Path(f"/proc/{other.pid}/comm").read_text() == "sleep\n")
            assert f"{other.pid}\tsleep" not in _unread()
            assert f"{other.pid}\tsleep" in _unread("setpriv", f"--bounding-set={RIGHTS}")
        finally:
            other.kill()


def wait_until(is_true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.02)


LISTED = """\
nginx.service     loaded active running A web server
ssh.service       loaded active running A login
user@0.service    loaded active running A session
own.service       loaded active running Of no package
init.scope        loaded active running System and Service Manager
broken.service    loaded failed failed  A unit that failed
"""
FILES = {
    "nginx-common.list": "/.\n/lib/systemd/system/nginx.service\n/etc/init.d/nginx\n",
    "nginx-doc.list": "/etc/init.d/nginx\n",
    "libpam0g:amd64.list": "/usr/lib/systemd/system/pam.service\n",
    "openssh-server.list": "/usr/lib/systemd/system/ssh.service\n",
    "systemd.list": "/lib/systemd/system/getty@.service\n/lib/systemd/system/user@.service\n",
    "old.list": "/etc/init.d/old\n/lib/systemd/system/old.service.d/more.service\n",
}


def test_services_are_told_by_package_and_failed_units_are_not_lost(tmp_path: Path) -> None:
    """Enabled by a link, running by systemd's word; those of no package are left out."""
    wants, lists, programs = tmp_path / "units/a.wants", tmp_path / "info", tmp_path / "bin"
    for directory in (wants, lists, programs, tmp_path / "run"):
        directory.mkdir(parents=True)
    for unit in ("nginx", "getty@tty1", "old", "pam", "gone"):
        (wants / f"{unit}.service").symlink_to(f"/nowhere/{unit}.service")
    for name, paths in FILES.items():
        (lists / name).write_text(paths)
    systemctl = programs / "systemctl"
    systemctl.write_text(f"#!/bin/sh\ncat <<'END'\n{LISTED}END\n")
    systemctl.chmod(0o755)
    script = (
        SCRIPT.replace("/etc/systemd/system", str(tmp_path / "units"))
        .replace("/var/lib/dpkg/info", str(lists))
        .replace("\\/var\\/lib\\/dpkg\\/info", str(lists).replace("/", "\\/"))
        .replace("-d /run/systemd/system", f"-d {tmp_path / 'run'}")
        .replace("PATH=", f"PATH={programs}:")
    )
    output = subprocess.run(
        ["sh", "-c", script, "facts", "T"], capture_output=True, text=True, check=True
    ).stdout
    assert _told(output, "failed-units") == ["broken.service"]
    assert sorted(_told(output, "units")) == [
        "getty@tty1.service\tsystemd\tenabled\t-",
        "nginx.service\tnginx-common\tenabled\trunning",
        "old.service\told\tenabled\t-",
        "pam.service\tlibpam0g\tenabled\t-",
        "ssh.service\topenssh-server\t-\trunning",
        "user@0.service\tsystemd\t-\trunning",
    ]


def _told(output: str, name: str) -> list[str]:
    return output.partition(f"@T {name}\n")[2].partition("@T ")[0].splitlines()


def test_a_host_that_hides_where_it_runs_tells_nothing_of_it(tmp_path: Path) -> None:
    """What is not found is not printed: not known, and not `none`."""
    nowhere = tmp_path / "nowhere"
    hidden = SCRIPT.replace("/sys/", f"{nowhere}/").replace("/proc/", f"{nowhere}/")
    seen, blind = (
        {line.partition("\t")[0] for line in _told(_run(script), "identity")}
        for script in (SCRIPT, hidden)
    )
    assert {"root", "up", "network", "drivers"} <= seen
    assert not {"root", "up", "network", "drivers", "boot", "vendor"} & blind


def _run(script: str) -> str:
    return subprocess.run(
        ["sh", "-c", script, "facts", "T"], capture_output=True, text=True, check=True
    ).stdout


def test_networks_are_told_by_who_sets_them_up(tmp_path: Path) -> None:
    """Every one that does, but not what only sets up the loopback interface."""
    (tmp_path / "netplan").mkdir()
    (tmp_path / "netplan/a.yaml").write_text("")
    (tmp_path / "network").mkdir()
    file = tmp_path / "network/interfaces"
    script = SCRIPT.replace("/etc/net", f"{tmp_path}/net").replace("/run/systemd/netif", "/none")
    for content, words in (
        ("auto lo\niface lo inet loopback\n", "netplan"),
        ("iface lo inet loopback\n  iface eth0 inet dhcp\n", "netplan ifupdown"),
    ):
        file.write_text(content)
        (told,) = [x for x in _told(_run(script), "identity") if x.startswith("network\t")]
        assert told == f"network\t{words}"
