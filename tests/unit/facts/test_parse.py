from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import hostile_text

from oakum.adapters.facts.parse import SECTIONS, parse_facts
from oakum.core.errors import HostError
from oakum.core.inventory.facts import (
    INDICES_UNASKED,
    Environment,
    Facts,
    FileSystem,
    IndexReading,
    ListeningSocket,
    ModifiedConffile,
    PhasedUpdate,
    Service,
    UnreadableLine,
)
from oakum.core.text import is_plain

NOW = datetime(2026, 11, 25, tzinfo=UTC)
GOLDEN = Path(__file__).parents[2] / "golden" / "facts" / "bookworm-container.txt"
BASH = "ii \tbash\t5.2.15-2+b13\tamd64\tbash\t5.2.15-2"
SMALL = {
    "os-release": ["ID=debian", 'VERSION_ID="12"', "VERSION_CODENAME=bookworm", "# a comment"],
    "identity": ["hostname\tweb-1", "uid\t0", "init\tsystemd", "container\tno"],
    "packages": [BASH, "ii \tlibc6\t2.36-9\tamd64\tglibc\t2.36-9", "rc \told\t1\tamd64\told\t1"],
    "automatic": ["libc6:amd64"],
    "unread": ["seen\tothers"],
    "indices": ["count\t3"],
}
MD5, OTHER_MD5 = "0" * 32, "1" * 32


def answer(**sections: list[str]) -> bytes:
    known = SMALL | {name.replace("_", "-"): lines for name, lines in sections.items()}
    lines = [line for name in SECTIONS for line in (f"@T {name}", *known.get(name, ()))]
    return "\n".join((*lines, "")).encode(errors="surrogateescape")


def read(**sections: list[str]) -> Facts:
    return parse_facts(answer(**sections), "T", NOW)


def test_reads_a_real_answer_whole() -> None:
    """Everything that a real host printed is understood."""
    facts = parse_facts(GOLDEN.read_bytes(), "TOKEN", NOW)
    assert facts.unreadable == ()
    assert len(facts.packages) == 217
    assert facts.distribution.label == "debian 12 (bookworm)"
    assert (facts.hostname, facts.architecture, facts.is_container) == ("vm", "amd64", True)
    assert facts.has_package_indices
    assert len(facts.sockets) == 3
    assert facts.file_systems == (FileSystem("/", 80_899_004 * 1024, 264_212_084 * 1024),)


def test_reads_a_real_answer_of_a_booted_host_whole() -> None:
    """Where it runs and what of its packages runs, by systemd's own word."""
    answered = (GOLDEN.parent / "bookworm-nspawn.txt").read_bytes()
    facts = parse_facts(answered, "TOKEN", NOW)
    assert facts.unreadable == ()
    assert facts.environment == Environment(
        "systemd-nspawn", "", "not UEFI", "overlay", (), ("virtio_net",), 152
    )
    assert facts.services is not None
    assert {s.unit: (s.package, s.is_enabled, s.is_running) for s in facts.services} == {
        "cron.service": ("cron", True, True),
        "dbus.service": ("dbus", False, True),
        "getty@tty1.service": ("systemd", True, False),
        "nginx.service": ("nginx-common", True, True),
        "ssh.service": ("openssh-server", True, True),
        "systemd-journald.service": ("systemd", False, True),
        "systemd-logind.service": ("systemd", False, True),
        "systemd-pstore.service": ("systemd", True, False),
        "user@0.service": ("systemd", False, True),
    }


def test_a_real_binary_rebuild_keeps_its_source_version() -> None:
    """Trackers speak of the source: `+b13` is not part of it."""
    package = read().package("bash:amd64")
    assert package is not None
    assert (package.version, package.source_version) == ("5.2.15-2+b13", "5.2.15-2")


def test_removed_packages_are_not_there_and_marks_are_kept() -> None:
    """Configuration files alone are no package; apt's marks are."""
    facts = read()
    assert [(p.name, p.is_automatic) for p in facts.packages] == [("bash", False), ("libc6", True)]


@pytest.mark.parametrize("cut", [0, 1, 100, 5_000, 20_000, -1, -2, -10])
def test_a_cut_answer_is_no_answer(cut: int) -> None:
    """A host whose connection was lost never looks like one with few packages."""
    whole = GOLDEN.read_bytes().rstrip()
    with pytest.raises(HostError, match="incomplete"):
        parse_facts(whole[:cut], "TOKEN", NOW)


def test_where_a_host_runs_is_told_and_what_is_not_told_is_not_known() -> None:
    """A real answer of before there were such lines says nothing of it; that is not `none`."""
    identity = [
        *SMALL["identity"], "machine\tkvm", "vendor\tExample  Cloud", "boot\tUEFI", "root\text4",
        "network\tnetworkd netplan netplan", "drivers\t", "up\t86400",
    ]  # fmt: skip
    assert read(identity=identity).environment == Environment(
        "kvm", "Example Cloud", "UEFI", "ext4", ("netplan", "networkd"), (), 86_400
    )
    assert read().environment == Environment()
    assert read(identity=[*SMALL["identity"], "up\t-5"]).environment.up_seconds is None


def test_services_are_those_of_packages() -> None:
    """A line that makes no sense is counted; a host that names none could not be asked."""
    facts = read(
        units=[
            "nginx.service\tnginx-common\tenabled\trunning",
            "getty@tty1.service\tsystemd\tenabled\t-",
            "nginx.service\tnginx-common\tyes\trunning",
            "nginx.socket\tnginx-common\tenabled\trunning",
            "nginx.service\t../nginx\tenabled\trunning",
            "nginx.service\tnginx-common\tenabled",
        ]
    )
    assert facts.services == (
        Service("getty@tty1.service", "systemd", is_enabled=True, is_running=False),
        Service("nginx.service", "nginx-common", is_enabled=True, is_running=True),
    )
    assert len(facts.unreadable) == 4
    assert read().services is None


def test_a_script_of_before_there_were_services_is_understood() -> None:
    """A host that was prepared by an earlier Oakum is still scanned: only that is not known."""
    old = answer().replace(b"@T units\n", b"")
    assert parse_facts(old, "T", NOW) == read()


def test_headings_with_another_token_are_text() -> None:
    """Nothing that a host's file says can begin a section."""
    facts = read(packages=[BASH, "@forged packages"])
    assert [(line.section, line.line) for line in facts.unreadable] == [
        ("packages", "@forged packages")
    ]


def test_a_host_without_packages_is_an_error() -> None:
    """No dpkg is not the same as nothing to patch."""
    with pytest.raises(HostError, match="no installed package"):
        read(packages=[])


@pytest.mark.parametrize(
    "line",
    [
        "garbage",
        "ii \tbash\t5.2\tamd64\tbash",
        "zz \tbash\t5.2\tamd64\tbash\t5.2",
        "ii \tBash\t5.2\tamd64\tbash\t5.2",
        "ii \tbash\t5.2 x\tamd64\tbash\t5.2",
        "ii \tbash\t5.2-\tamd64\tbash\t5.2",
        "ii \tbash\t5.2\tamd64\t../bash\t5.2",
        "ii \tbash\t5.2\tamd64\tbash\t5.2\textra",
        "ii \tba\x1b[31msh\t5.2\tamd64\tbash\t5.2",
        "ii \tbash\t" + "9" * 5000 + "\tamd64\tbash\t5.2",
        "ii \tbash\t5.2\tamd64\tbash\t5.2\r",
        "ii \tbash\udcff\t5.2\tamd64\tbash\t5.2",
    ],
)
def test_a_package_line_that_makes_no_sense_is_counted(line: str) -> None:
    """It is kept, harmless, and not taken for a package."""
    facts = read(packages=[BASH, line])
    assert [p.name for p in facts.packages] == ["bash"]
    (unreadable,) = facts.unreadable
    assert unreadable.section == "packages"
    assert is_plain(unreadable.line)


def test_interrupted_and_held_packages_are_packages() -> None:
    """Dpkg's letters are kept: a half-installed package is on disk."""
    facts = read(packages=[BASH.replace("ii ", "iF "), "hi \tnginx\t1\tamd64\tnginx\t1"])
    assert [(p.is_configured, p.is_held) for p in facts.packages] == [(False, False), (True, True)]


def test_stale_processes_have_their_unit_and_package() -> None:
    """The owner is found by the path, by its other name, or by a library's stem."""
    facts = read(
        stale=[
            "7\tnginx\t/system.slice/nginx.service\t/usr/lib/x86_64-linux-gnu/libssl.so.3",
            "9\tcrypt\t/user.slice\t/lib/x86_64-linux-gnu/libcrypt.so.1.1.0",
            "8\town\t/\t/opt/own",
        ],
        owners=[
            "libssl3:amd64: /lib/x86_64-linux-gnu/libssl.so.3",
            "libcrypt1:amd64, libcrypt1:i386: /usr/lib/x86_64-linux-gnu/libcrypt.so.1.2.0",
            "diversion by dash from: /bin/sh",
        ],
    )
    assert [(p.pid, p.unit, p.package) for p in facts.stale_processes] == [
        (7, "nginx.service", "libssl3:amd64"),
        (8, "", ""),
        (9, "", "libcrypt1:i386"),
    ]
    assert facts.unreadable == ()


def test_modified_configuration_files_are_told_from_whole_ones() -> None:
    """A changed file and a missing one are modified; a sum that makes no sense is counted."""
    recorded = [f"bash\t{MD5}\t/etc/{name}" for name in ("same", "changed", "gone", "odd")]
    sums = [f"{MD5}  /etc/same", f"{OTHER_MD5}  /etc/changed", "\x1b[31m  /etc/odd"]
    facts = read(conffiles=[*recorded, "--", *sums])
    assert facts.modified_conffiles == (
        ModifiedConffile("/etc/changed", "bash", MD5, OTHER_MD5),
        ModifiedConffile("/etc/gone", "bash", MD5, ""),
        ModifiedConffile("/etc/odd", "bash", MD5, ""),
    )
    assert [line.section for line in facts.unreadable] == ["conffiles"]


def test_origins_of_both_architectures_are_kept() -> None:
    """A third-party package counts as such on each architecture on which it is installed."""
    packages = [f"ii \tdocker-ce\t5\t{arch}\tdocker-ce\t5" for arch in ("amd64", "i386")]
    origins = [f"docker-ce\t{version}\t{arch}\tDocker"
               for version in ("4", "5") for arch in ("amd64", "i386")]  # fmt: skip
    facts = read(packages=packages, origins=[*origins, "bash\t1\tamd64\tDocker"])
    assert facts.package_origins == (("docker-ce:amd64", "Docker"), ("docker-ce:i386", "Docker"))


@pytest.mark.parametrize(
    ("lines", "has"), [(["count\t0"], False), ([], False), (["count\t2"], True)]
)
def test_missing_package_indices_are_told(lines: list[str], has: bool) -> None:  # noqa: FBT001
    """Without indices nobody can tell where packages come from."""
    assert read(indices=lines).has_package_indices is has


def test_sockets_and_file_systems() -> None:
    """Addresses with colons are read from the right; a read-only mount is marked."""
    facts = read(
        sockets=["tcp\t[::]:22", "tcp\t*:80", "tcp\tnonsense", "udp\t[fe80::1]%eth0:68"],
        file_systems=["/dev/a 10 4 6 40% /", "/dev/b 10 4 6 40% /boot", "?", "--", "/boot"],
    )
    assert facts.sockets[0] == ListeningSocket("tcp", "::", 22)
    assert [(f.mount_point, f.is_read_only) for f in facts.file_systems] == [
        ("/", False), ("/boot", True),
    ]  # fmt: skip
    assert [line.section for line in facts.unreadable] == ["file-systems", "sockets"]


@pytest.mark.parametrize(
    ("lines", "flag"),
    [(["flag\tset"], True), (["flag\tunset", "hook\tyes"], False), (["flag\tunset"], None)],
)
def test_a_missing_reboot_flag_proves_nothing_without_a_hook(
    lines: list[str],
    flag: bool | None,  # noqa: FBT001 (a table's column)
) -> None:
    """Only where something would set it does its absence mean no."""
    assert read(reboot=lines).reboot_flag is flag


def every_text(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, tuple):
        return [text for item in value for text in every_text(item)]
    fields = getattr(type(value), "__slots__", ())
    return [text for name in fields for text in every_text(getattr(value, name))]


LINES = st.lists(
    hostile_text.map(lambda text: text.replace("\n", "")) | st.just("x\t" + "9" * 5000), max_size=3
)


@given(st.dictionaries(st.sampled_from(SECTIONS).map(lambda name: name.replace("-", "_")), LINES))
def test_hostile_lines_are_harmless_in_every_section(sections: dict[str, list[str]]) -> None:
    """No escape of a host reaches a terminal, and nothing but HostError is raised."""
    packages = [BASH, *sections.pop("packages", [])]
    facts = read(packages=packages, **sections)
    assert all(is_plain(text) for text in every_text(facts))


@given(st.lists(hostile_text.filter(lambda t: t and "\n" not in t), max_size=6))
def test_no_package_line_is_lost(lines: list[str]) -> None:
    """Each line is a package or is counted as unreadable."""
    facts = read(packages=[BASH, *lines])
    assert len(facts.packages) + len(facts.unreadable) == 1 + len(lines)


@given(st.binary(max_size=200))
def test_any_bytes_are_no_answer(output: bytes) -> None:
    """Whatever a login shell prints instead is an error of the host's."""
    with pytest.raises(HostError):
        parse_facts(output, "T", NOW)


@pytest.mark.parametrize(
    ("lines", "saw_all", "unread"),
    [
        (["seen\tothers"], True, ()),
        ([], False, ()),
        (["1\tagent", "seen\tothers"], True, ("1 agent",)),
        (["1\tagent"], False, ("1 agent",)),
    ],
)
def test_memory_that_was_not_seen_is_told(
    lines: list[str],
    saw_all: bool,  # noqa: FBT001 (a table's column)
    unread: tuple[str, ...],
) -> None:
    """A host without /proc has no old process to report: that is no answer, and no good news."""
    facts = read(unread=lines)
    assert (facts.saw_all_processes, facts.unread_processes) == (saw_all, unread)


NODEJS = "18.12.1-1.module_el9.1.0+16+91bc168f"
RPM = [
    "openssl-libs\t1:3.0.7-27.el9\tx86_64\topenssl-3.0.7-27.el9.src.rpm\t(none)",
    f"nodejs\t1:{NODEJS}\tx86_64\tnodejs-{NODEJS}.src.rpm\tnodejs:18:9010020221118:rhel9",
    "gpg-pubkey\t8483c65d-5ccc5b19\t(none)\t(none)\t(none)",
]


def test_an_rpm_host_names_its_sources_and_module_streams() -> None:
    """As `rpm -qa --qf` of rpm 4.18 prints them; keys that rpm trusts are no packages."""
    known = read(packages=[], rpm=RPM, os_release=["ID=almalinux", 'VERSION_ID="9.4"'])
    assert known.unreadable == ()
    assert [(p.name, p.version, p.source_name, p.module) for p in known.packages] == [
        ("nodejs", "1:18.12.1-1.module_el9.1.0+16+91bc168f", "nodejs", "nodejs:18"),
        ("openssl-libs", "1:3.0.7-27.el9", "openssl", ""),
    ]
    assert known.distribution.release == "almalinux:9"
    assert known.has_package_indices


def test_an_alpine_host_names_its_origins() -> None:
    """Apk's database knows of each package what it was built from."""
    lines = ["libssl3\t3.3.2-r1\tx86_64\topenssl", "../x\t1\tx86_64\tx", "musl\tnone\tx86_64\tmusl"]
    known = read(packages=[], apk=lines, os_release=["ID=alpine", "VERSION_ID=3.20.3"])
    assert [(p.name, p.version, p.source_name) for p in known.packages] == [
        ("libssl3", "3.3.2-r1", "openssl")
    ]
    assert [line.section for line in known.unreadable] == ["apk", "apk"]


def test_paid_channels_and_livepatches() -> None:
    """As `pro status` and `canonical-livepatch status` name them."""
    known = read(
        subscriptions=["esm-infra", "esm-apps", "livepatch"],
        livepatch=["CVE-2026-0002", "CVE-2026-0001", "CVE-x"],
    )
    assert known.subscriptions == ("esm-apps", "esm-infra", "pro")
    assert known.livepatched == ("CVE-2026-0001", "CVE-2026-0002")
    assert [line.line for line in known.unreadable] == ["CVE-x"]
    assert read().subscriptions == ()
    assert read(subscriptions=["fips-updates"]).subscriptions == ("fips-updates",)
    assert read(subscriptions=["fips", "esm-apps"]).subscriptions == ("esm-apps", "fips", "pro")


@pytest.mark.parametrize(
    ("enabled", "version", "judged_by"),
    [
        ([], "9.2", "rhel:9"),
        (["rhel-eus"], "9.2", "rhel-eus:9.2"),
        (["rhel-e4s"], "9.0", "rhel-e4s:9.0"),
        (["rhel-eus"], "9", "rhel:9"),
        (["rhel-other"], "9.2", "rhel:9"),
    ],
)
def test_a_host_of_red_hats_is_judged_by_the_stream_whose_repository_it_has(
    enabled: list[str], version: str, judged_by: str
) -> None:
    """And its release stays what /etc/os-release says."""
    line = "bash\t5.1.8-9.el9\tx86_64\tbash-5.1.8-9.el9.src.rpm\t(none)"
    known = read(
        packages=[], rpm=[line], subscriptions=enabled,
        os_release=["ID=rhel", f"VERSION_ID={version}"],
    )  # fmt: skip
    assert known.distribution.judged_by == judged_by
    assert (known.distribution.release, known.subscriptions) == ("rhel:9", ())


def test_a_library_is_of_the_package_that_was_named_first() -> None:
    """Several may hold files of its stem; the same answer comes whatever else is named."""
    path = "/usr/lib/libx.so.1.2"
    stale = [f"7\tnginx\t/\t{path}", f"8\tnginx\t/\t{path}"]
    others = [f"other:all: /lib/{name}" for name in ("libx", "libx.s", "libxa.so.1", "libw.so.1")]
    owners = [*others, "first:amd64: /lib/libx.so.9", "second:amd64: /lib/libx.so.1"]
    facts = read(stale=stale, owners=owners)
    assert [process.package for process in facts.stale_processes] == ["first:amd64"] * 2


@given(
    st.lists(st.sampled_from(["/usr/lib/a", "/lib/a", "/lib/b.so", "a"]), max_size=4),
    st.lists(st.sampled_from(["", ".so", ".so.1", ".so.1.2", ".sox"]), min_size=4, max_size=4),
    st.sampled_from(["/usr/lib/a.so.1", "/lib/a.so.2.1", "/lib/b.so.so.1", "a.so.", "/lib/a"]),
)
def test_owners_are_found_as_by_looking_at_each(
    stems: list[str], ends: list[str], path: str
) -> None:
    """The index says what a walk through all files would."""
    known = {
        f"{stem}{end}": f"p{n}" for n, (stem, end) in enumerate(zip(stems, ends, strict=False))
    }
    names = (path, path.removeprefix("/usr"), f"/usr{path}")
    stem, so, _ = path.partition(".so.")
    begins = (f"{stem}.so", f"{stem.removeprefix('/usr')}.so", f"/usr{stem}.so")
    by_stem = (owner for name, owner in known.items() if so and name.startswith(begins))
    expected = next((known[name] for name in names if name in known), next(by_stem, ""))
    owners = [f"{owner}: {name}" for name, owner in known.items()]
    (process,) = read(stale=[f"7\tx\t/\t{path}"], owners=owners).stale_processes
    assert process.package == expected


def test_phased_updates_of_what_is_installed() -> None:
    """What is for all, and of nothing that is here, is not kept; nor is what makes no sense."""
    lines = ["bash\t5.2.15-3\t30", "bash\t5.2.15-4\t100", "other\t1\t30", "bash\t!\t1",
        "bash\t1\t101"]  # fmt: skip
    known = read(packages=[BASH], phased=lines)
    assert known.phased == (PhasedUpdate("bash", "5.2.15-3", 30),)
    assert [line.section for line in known.unreadable] == ["phased", "phased"]
    assert read().phased == ()


LAST = IndexReading(
    "ab" * 32,
    package_origins=(("bash:amd64", "Other"),),
    unlisted_packages=("own",),
    phased=(PhasedUpdate("bash", "6", 30),),
    unreadable=(UnreadableLine("origins", "what"), UnreadableLine("packages", "gone")),
)
AS_BEFORE = ["count\t3", f"digest\t{LAST.indices_digest}", "same\tyes"]


def test_what_indices_said_holds_while_they_are_the_same() -> None:
    """With what could not be read of it; other lines are this answer's own."""
    facts = parse_facts(answer(indices=AS_BEFORE, sockets=["x"]), "T", NOW, LAST)
    assert facts.package_origins == LAST.package_origins
    assert facts.unlisted_packages == LAST.unlisted_packages
    assert (facts.phased, facts.indices_digest) == (LAST.phased, LAST.indices_digest)
    assert facts.unreadable == (UnreadableLine("sockets", "x"), LAST.unreadable[0])
    assert facts.has_package_indices


def test_what_is_told_anew_counts() -> None:
    """An answer that is given is never mixed with an earlier one."""
    facts = parse_facts(
        answer(indices=["count\t3", f"digest\t{'c' * 64}", "same\t"], unlisted=["new"]),
        "T",
        NOW,
        LAST,
    )
    assert (facts.unlisted_packages, facts.indices_digest) == (("new",), "c" * 64)
    assert (facts.package_origins, facts.phased, facts.unreadable) == ((), (), ())


@pytest.mark.parametrize("last", [None, IndexReading(), IndexReading("c" * 64)])
@pytest.mark.parametrize("digest", [LAST.indices_digest, "", "c", "../x"])
def test_the_same_as_nothing_is_refused(last: IndexReading | None, digest: str) -> None:
    """A host that keeps back what nobody has was not asked right: that is not `none`."""
    told = ["count\t3", f"digest\t{digest}", "same\tyes"]
    with pytest.raises(HostError, match="as of which answer"):
        parse_facts(answer(indices=told), "T", NOW, last)


def test_a_digest_that_is_none_is_not_kept() -> None:
    """It would be given to a shell again."""
    facts = read(indices=["count\t3", "digest\t$(reboot)", "same\t"])
    assert facts.indices_digest == ""


def test_indices_that_nobody_asked_for_are_not_known() -> None:
    """A transaction needs none; facts without them never look as if nothing were unlisted."""
    told = answer(indices=["count\t3", "digest\t", "same\tunasked"])
    facts = parse_facts(told, "T", NOW, INDICES_UNASKED)
    assert not facts.has_package_indices
    for last in (None, LAST):
        with pytest.raises(HostError, match="as of which answer"):
            parse_facts(told, "T", NOW, last)
