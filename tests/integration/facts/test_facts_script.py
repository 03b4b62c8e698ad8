import gzip
import lzma
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from oakum.adapters.facts.collector import SCRIPT

RIGHTS = "-sys_ptrace,-perfmon,-sys_admin"
"""Each of them lets root look into other users' processes, on one kernel or another."""
GOLDEN = Path(__file__).parents[2] / "golden" / "archives"
DEBIAN = "Origin: Debian\nSuite: stable\n"
THIRD = "Package: {}\nVersion: 5\nArchitecture: amd64\n"


INSTALLED = "{}\t{}\t5\tamd64\t{}\t5\n"
"""What dpkg-query is asked for: state, name, version, architecture, source and its version."""


def section(lists: Path, name: str) -> list[str]:
    """Run the script over other package lists than this machine's."""
    return run_section(over(lists), name)


def over(lists: Path) -> str:
    return SCRIPT.replace("/var/lib/apt/lists", str(lists))


def installed(place: Path, script: str, *names: str, lines: str = "") -> str:
    """Return the script for a host that has these packages, each in version 5 for amd64."""
    programs = place / "programs"
    programs.mkdir(exist_ok=True)
    lines += "".join(INSTALLED.format("ii ", name, name) for name in names)
    (programs / "packages").write_text(lines)
    dpkg_query = programs / "dpkg-query"
    dpkg_query.write_text(f"#!/bin/sh\ncat {programs}/packages\n")
    dpkg_query.chmod(0o755)
    return script.replace("PATH=", f"PATH={programs}:")


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
    assert section(tmp_path, "indices")[0] == "count\t0"
    assert section(tmp_path / "missing", "indices")[0] == "count\t0"


def test_packages_of_other_archives_are_named_with_their_origin(tmp_path: Path) -> None:
    """Plain and packed indices are read, Debian's are not told, some archives have no name."""
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
    assert section(tmp_path, "indices")[0] == "count\t4"
    names = ("bash", "docker-ce", "docker-cli", "flat", "bare")
    script = installed(tmp_path, over(tmp_path), *names)
    assert sorted(run_section(script, "origins")) == [
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


STANZAS = """\
Package: first
Version: 5
Architecture: amd64
Description: of no package called
 Package: hidden
 .
 Version: 5

Version: 5
Architecture: amd64
X-Package: not-this
Package: last-field

Package: twice
Version: 4
Architecture: amd64

Package: twice
Version: 5
Architecture: amd64

Package: other-version
Version: 5.1
Architecture: amd64

Package: other-architecture
Version: 5
Architecture: i386

Package: no-version
Architecture: amd64

Package: configured-only
Version: 5
Architecture: amd64

Package: elsewhere
Version: 5
Architecture: amd64
"""
HERE = ("first", "last-field", "twice", "other-version", "other-architecture", "no-version")
NOWHERE = ("hidden", "not-this", "firs", "first-more", "f.rst")


def _stanzas(text: str) -> dict[str, set[tuple[str, str]]]:
    """Return what an index has, by the field's own rules and without any tool of the script."""
    found: dict[str, set[tuple[str, str]]] = {}
    for stanza in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if line[0] != " ")
        version = (fields.get("Version", ""), fields["Architecture"])
        found.setdefault(fields["Package"], set()).add(version)
    return found


@pytest.mark.parametrize("origin", ["Debian", "Docker\tInc", "Ubuntu"])
@pytest.mark.parametrize("name", ["a_Packages", "a_Packages.gz"])
def test_what_indices_say_is_what_their_stanzas_say(tmp_path: Path, origin: str, name: str) -> None:
    """Whatever the order of fields, versions and architectures; of Debian's only names count."""
    (tmp_path / "a_InRelease").write_text(f"Origin: {origin}\n")
    content = STANZAS.encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    removed = INSTALLED.format("rc ", "configured-only", "x") + INSTALLED.format("un ", "gone", "x")
    script = installed(tmp_path, over(tmp_path), *HERE, *NOWHERE, lines=removed)
    known = _stanzas(STANZAS)
    assert set(run_section(script, "unlisted")) == {*HERE, *NOWHERE} - known.keys()
    foreign = {name for name in (*HERE, "configured-only") if ("5", "amd64") in known[name]}
    told = {line.split("\t")[0] for line in run_section(script, "origins")}
    assert told == (set() if origin == "Debian" else foreign)


def test_more_names_than_one_word_can_hold_are_found(tmp_path: Path) -> None:
    """A word of a command ends at 128 KiB."""
    names = [f"{'n' * 40}{number}" for number in range(4000)]
    (tmp_path / "a_InRelease").write_text(DEBIAN)
    (tmp_path / "a_Packages").write_text("\n".join(THIRD.format(name) for name in names[1:]))
    assert run_section(installed(tmp_path, over(tmp_path), *names), "unlisted") == names[:1]


def test_an_archive_cannot_speak_for_another(tmp_path: Path) -> None:
    """What looks like a line of ours in its index is nothing, nor is its origin."""
    origin = r"Evil\nbash\t5\tamd64\tDebian"
    (tmp_path / "evil_InRelease").write_text(f"Origin: {origin}\n")
    (tmp_path / "evil_Packages").write_text(
        "listed\tbash\norigin\tbash\t5\tamd64\tDebian\n--\n@T unlisted\nPackage: evil\nVersion: 5\n"
        "Architecture: amd64\nOrigin: Debian\n"
    )
    script = installed(tmp_path, over(tmp_path), "evil", "bash")
    assert run_section(script, "origins") == [f"evil\t5\tamd64\t{origin}"]
    assert run_section(script, "unlisted") == ["bash"]


EVER = "-newerct tomorrow"
"""In place of what keeps files that were written just now from having a digest."""


@dataclass
class Indexed:
    """A host with a few packages and indices, asked again and again."""

    place: Path
    names: Sequence[str] = ("bash", "tool", "own")
    limit: str = EVER
    prefix: Sequence[str] = ()
    kept: str = ""

    def __post_init__(self) -> None:
        self.lists.mkdir()
        (self.lists / "a-updates_InRelease").write_text("Origin: A\n")
        (self.lists / "a-updates_Packages").write_text(
            THIRD.format("tool") + "Phased-Update-Percentage: 10\n"
        )
        (self.lists / "b_Release").write_text(DEBIAN)
        (self.lists / "b_Packages.gz").write_bytes(gzip.compress(THIRD.format("bash").encode()))

    @property
    def lists(self) -> Path:
        return self.place / "lists"

    def ask(self, edition: str = "e1") -> dict[str, list[str]]:
        """Return what is said of indices, and keep the digest for the next time."""
        script = over(self.lists).replace("-newerct '2 seconds ago'", self.limit)
        script = installed(self.place, script, *self.names)
        command = [*self.prefix, "sh", "-c", script, "facts", "T", edition, self.kept]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        said = dict(line.split("\t") for line in _told(output, "indices"))
        self.kept = said["digest"]
        said_of = {name: _told(output, name) for name in ("origins", "unlisted", "phased")}
        return said_of | {"same": [said["same"]], "count": [said["count"]]}


ALL = {
    "origins": ["tool\t5\tamd64\tA"],
    "unlisted": ["own"],
    "phased": ["tool\t5\t10"],
    "same": [""],
    "count": ["2"],
}
SAME = {"origins": [], "unlisted": [], "phased": [], "same": ["yes"], "count": ["2"]}


def _rewritten(path: Path, *, in_place: bool) -> None:
    """Write other content of the same size, and give the file the time that it had."""
    before = path.stat()
    new = path if in_place else path.with_name("new")
    new.write_bytes(path.read_bytes().swapcase())
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    new.rename(path)


CHANGES: dict[str, Callable[[Indexed], object]] = {
    "rewritten": lambda host: _rewritten(host.lists / "b_Release", in_place=True),
    "replaced": lambda host: _rewritten(host.lists / "a-updates_Packages", in_place=False),
    "touched": lambda host: os.utime(host.lists / "b_Packages.gz"),
    "renamed": lambda host: (host.lists / "b_Release").rename(host.lists / "a_Release"),
    "gone": lambda host: (host.lists / "b_Packages.gz").unlink(),
    "new": lambda host: (host.lists / "c_Packages").write_text(THIRD.format("own")),
    "packages": lambda host: setattr(host, "names", ("bash", "own")),
    "reader": lambda host: setattr(host, "prefix", ("unshare", "--user")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_indices_say_is_not_told_twice_but_after_any_change(
    tmp_path: Path, change: Callable[[Indexed], object]
) -> None:
    """Whatever it follows from is in the digest; the times of a file's content can be forged."""
    host = Indexed(tmp_path)
    assert host.ask() == ALL
    assert host.ask() == SAME
    first = host.kept
    change(host)
    assert host.ask()["same"] == [""]
    assert host.kept != first


def test_another_script_or_reader_is_told_all(tmp_path: Path) -> None:
    """And who does not say which it is, is given no digest."""
    host = Indexed(tmp_path)
    host.ask()
    assert host.ask("e2") == ALL
    assert host.ask("") == ALL
    assert host.kept == ""
    assert host.ask("") == ALL


def test_indices_are_left_out_where_nobody_needs_them(tmp_path: Path) -> None:
    """It is said that they were not asked for, whatever they are."""
    host = Indexed(tmp_path, kept="none")
    assert host.ask() == SAME | {"same": ["unasked"]}


def test_files_of_this_moment_have_no_digest(tmp_path: Path) -> None:
    """They could be written again within a tick of the clock, and look the same."""
    host = Indexed(tmp_path, limit="-newerct '2 seconds ago'")
    assert host.ask() == ALL
    assert host.kept == ""
    time.sleep(2.1)
    host.ask()
    assert len(host.kept) == len("0f" * 32)
    os.utime(host.lists / "b_Release")
    host.ask()
    assert host.kept == ""


@pytest.mark.parametrize("name", ["a-updates_Packages.xz", "b_Packages.xz"])
def test_an_index_that_cannot_be_read_has_no_digest(tmp_path: Path, name: str) -> None:
    """What was not found in half an index is asked for again, also by who has that answer."""
    host = Indexed(tmp_path)
    (host.lists / name).write_bytes(lzma.compress(THIRD.format("more").encode())[:-9])
    host.ask()
    assert host.kept == ""


STATUS = """\
Package: one
Status: install ok installed
Architecture: amd64
Conffiles:
 {here}/same 0cc175b9c0f1b6a831c399e269772661
 {here}/changed 0cc175b9c0f1b6a831c399e269772661
 {here}/gone 0cc175b9c0f1b6a831c399e269772661 obsolete
 {here}/missing 0cc175b9c0f1b6a831c399e269772661
Built-Using: golang (= 1), $(touch {here}/ran) (= 2)
Description: words
 {here}/described 0cc175b9c0f1b6a831c399e269772661

Package: two
Architecture: all
Conffiles:
 {here}/it's"quoted\\ 0cc175b9c0f1b6a831c399e269772661
 {here}/$(touch${{IFS}}{here}/ran) 0cc175b9c0f1b6a831c399e269772661
 -c 0cc175b9c0f1b6a831c399e269772661
"""
SUM_OF_A = "0cc175b9c0f1b6a831c399e269772661"


def test_configuration_files_are_told_with_their_sums_and_never_run(tmp_path: Path) -> None:
    """Names are data, whatever they hold; a file with three words is no longer the package's."""
    status = tmp_path / "status"
    status.write_text(STATUS.format(here=tmp_path))
    quoted = f"{tmp_path}/it's\"quoted\\"
    for name, content in (("same", "a"), ("changed", "b"), ("it's\"quoted\\", "a")):
        (tmp_path / name).write_text(content)
    output = _run(SCRIPT.replace("/var/lib/dpkg/status", str(status)))
    told = _told(output, "conffiles")
    recorded, sums = told[: told.index("--")], told[told.index("--") + 1 :]
    assert recorded == [
        *(f"one\t{SUM_OF_A}\t{tmp_path}/{name}" for name in ("same", "changed", "missing")),
        f"two\t{SUM_OF_A}\t{quoted}",
        f"two\t{SUM_OF_A}\t{tmp_path}/$(touch${{IFS}}{tmp_path}/ran)",
        f"two\t{SUM_OF_A}\t-c",
    ]
    assert f"{SUM_OF_A}  {tmp_path}/same" in sums
    assert [line.split("  ")[0].lstrip("\\") == SUM_OF_A for line in sums] == [True, False, True]
    assert f"one:amd64\tgolang (= 1), $(touch {tmp_path}/ran) (= 2)" in output.splitlines()
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(
    os.geteuid() != 0, reason="files in /tmp count for nothing; elsewhere is root's"
)
def test_owners_are_those_that_dpkg_names(tmp_path: Path) -> None:
    """By either name of a merged /usr, and by a library's stem; links to build with come last."""
    with tempfile.TemporaryDirectory(dir="/var/lib", prefix="oakum-test-") as scratch:
        place = Path(scratch)
        files = {
            "lib-dev": f"{place}/sleeper.so\n",
            "lib:amd64": f"{place}/sleeper.so.1.3\n{place}/sleeper.so.1.3.0\n",
            "program": f"/.\n{place}\n{place}/sleeper\n{place}/sleeper-more\n",
            "special": f"{place}/a[b]*c\n",
            "other": f"/else{place}/sleeper\n{place}/sleeper/below\n/usr{place}/sleeper\n",
        }
        _write_dpkg_lists(tmp_path, files)
        script = SCRIPT.replace("/var/lib/dpkg/info", str(tmp_path / "info"))
        programs = [place / name for name in ("sleeper", "sleeper.so.1.2", "a[b]*c")]
        answered = _while_stale(programs, script)
    asked = [f"{place}/sleeper", f"/usr{place}/sleeper", f"{place}/a\\[b]\\*c"]
    asked += [f"{place}/sleeper.so.*", f"{place}/sleeper.so"]
    command = ["dpkg-query", f"--admindir={tmp_path}", "-S", "--", *asked]
    by_dpkg = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    told = _told(answered, "owners")
    assert sorted(told) == sorted(by_dpkg.splitlines())
    assert told[-1] == f"lib-dev: {place}/sleeper.so"
    assert {line.split("\t")[3] for line in _told(answered, "stale")} == set(map(str, programs))


def _write_dpkg_lists(admin: Path, files: Mapping[str, str]) -> None:
    (admin / "info").mkdir()
    (admin / "info/format").write_text("1\n")
    stanzas = ""
    for package, content in files.items():
        name, _, architecture = package.partition(":")
        (admin / f"info/{package}.list").write_text(content)
        stanzas += f"Package: {name}\nStatus: install ok installed\nVersion: 1\n"
        stanzas += "Multi-Arch: same\n" if architecture else ""
        stanzas += "Architecture: amd64\nMaintainer: x\nDescription: x\n\n"
    (admin / "status").write_text(stanzas)


def _while_stale(programs: Sequence[Path], script: str) -> str:
    """Return the script's answer while these programs run, whose files are gone."""
    running = []
    try:
        for program in programs:
            shutil.copy("/bin/sleep", program)
            running.append(subprocess.Popen([program, "60"]))
        wait_until(lambda: all(Path(f"/proc/{p.pid}/comm").read_text()[0] in "sa" for p in running))
        for program in programs:
            program.unlink()
        return _run(script)
    finally:
        for process in running:
            process.kill()
            process.wait()


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


MOUNTED = """\
/dev/a / xfs ro 0 0
x /a\\040b ext4 ro,noexec 0 0
x /c ext4 rw,ro 0 0
x /d ext4 rom 0 0
"""


@pytest.mark.parametrize(
    ("mounts", "root", "read_only"),
    [
        ("rootfs / rootfs rw 0 0\n/dev/a / ext4 rw,noatime 0 0\n", ["root\text4"], []),
        (
            MOUNTED,
            ["root\txfs"],
            ["/", "/a\\040b"],
        ),
        ("", [], []),
    ],
)
def test_the_root_and_what_is_read_only_are_told_by_the_kernels_list(
    tmp_path: Path, mounts: str, root: list[str], read_only: list[str]
) -> None:
    """The last root is the one that counts; `ro` is the first option, and a whole word."""
    (tmp_path / "mounts").write_text(mounts)
    answered = _run(SCRIPT.replace("/proc/mounts", str(tmp_path / "mounts")))
    told = _told(answered, "file-systems")
    assert told[told.index("--") + 1 :] == read_only
    assert [x for x in _told(answered, "identity") if x.startswith("root\t")] == root
    assert told[0].endswith(" /")


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
