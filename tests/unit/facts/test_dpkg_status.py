from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import hostile_text, versions

from oakum.adapters.facts.dpkg_status import parse_dpkg_status, read_dpkg_status
from oakum.core.errors import InputError
from oakum.core.inventory.facts import Facts
from oakum.core.inventory.package import InstalledPackage
from oakum.core.text import is_plain

NOW = datetime(2026, 11, 25, tzinfo=UTC)
STATUS = """\
Package: base-files
Status: install ok installed
Priority: required
Architecture: amd64
Version: 12.4+deb12u12
Description: Debian base system miscellaneous files
 Version: this line is no field, and the next no end
 .
 Package: nor is this

Package: libldb2
Status: hold ok installed
Architecture: amd64
Multi-Arch: same
Source: samba (2:4.17.12+dfsg-0+deb12u3)
Version: 2:2.6.2+samba4.17.12+dfsg-0+deb12u3

Package: grub-efi-amd64-signed
Status: install ok installed
Architecture: amd64
Version: 1+2.06+13+deb12u1
Built-Using: grub2 (= 2.06-13+deb12u1)

Package: libssl3
Status: install reinstreq half-installed
Architecture: i386
Source: openssl
Version: 3.0.20-1

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0-1

Package: removed
Status: remove ok config-files
Architecture: amd64
Version: 1.0-1
"""


def parse(text: str) -> Facts:
    return parse_dpkg_status(text.encode(), "web-1", NOW)


def test_a_list_is_understood() -> None:
    """Sources, their versions, holds, signed copies, what is half there, and what is gone."""
    known = parse(STATUS)
    assert known.packages == (
        InstalledPackage(
            "base-files", "12.4+deb12u12", "amd64", "base-files", "12.4+deb12u12", "ii"
        ),
        InstalledPackage(
            "grub-efi-amd64-signed", "1+2.06+13+deb12u1", "amd64", "grub-efi-amd64-signed",
            "1+2.06+13+deb12u1", "ii", built_using="grub2 (= 2.06-13+deb12u1)",
        ),
        InstalledPackage(
            "libldb2", "2:2.6.2+samba4.17.12+dfsg-0+deb12u3", "amd64", "samba",
            "2:4.17.12+dfsg-0+deb12u3", "hi",
        ),
        InstalledPackage("libssl3", "3.0.20-1", "i386", "openssl", "3.0.20-1", "iHR"),
    )  # fmt: skip
    # dpkg writes `deinstall` for what is to be removed; `remove` is no word of its.
    assert [line.line.split()[1] for line in known.unreadable] == ["removed"]


def test_what_a_list_cannot_tell_is_not_seen() -> None:
    """No kernel is booted, memory is not seen, and no origin is known."""
    known = parse(STATUS)
    assert not known.saw_all_processes
    assert not known.has_package_indices
    assert (known.kernel.release, known.kernel.version) == ("", "")


@pytest.mark.parametrize(
    ("version", "release"),
    [
        ("12.4+deb12u12", "bookworm"),
        ("12.3", "bookworm"),
        ("13.8+deb13u2", "trixie"),
        ("12ubuntu4.7", "jammy"),
        ("13ubuntu10", "noble"),
        ("12.4+deb12u6+rpi1", ""),
        ("14", ""),
        ("12", ""),
        ("15.1", ""),
        ("12ubuntu5", ""),
        ("1:2024.1", ""),
    ],
)
def test_base_files_tell_the_release(version: str, release: str) -> None:
    """It holds /etc/os-release; one of a system that is not known is not taken for another."""
    assert parse(STATUS.replace("12.4+deb12u12", version)).distribution.release == release


def test_a_list_without_base_files_is_of_no_known_system() -> None:
    """Nothing is guessed."""
    stanza = STATUS.split("\n\n")[1]
    assert parse(stanza).distribution.release == ""


@pytest.mark.parametrize("text", ["", "\n\n\n", "Package: x\n", "no list at all"])
def test_what_names_no_package_is_no_list(text: str) -> None:
    """An empty answer would pass for a host without vulnerabilities."""
    with pytest.raises(InputError, match="names no installed package"):
        parse(text)


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("Version: 3.0.20-1", "Version: not a version"),
        ("Version: 3.0.20-1", "Revision: 3.0.20-1"),
        ("Source: openssl", "Source: openssl (oops"),
        ("Source: openssl", "Source: Open;SSL"),
        ("half-installed", "half-installed and more"),
        ("reinstreq", "maybe"),
        ("Architecture: i386", "Architecture: ../x"),
    ],
)
def test_a_stanza_that_cannot_be_read_is_counted(field: str, other: str) -> None:
    """One line less is one package that is called safe."""
    known = parse(STATUS.replace(field, other))
    assert len(known.packages) == 3
    assert any("libssl3" in line.line for line in known.unreadable)


def test_a_package_that_comes_twice_is_told() -> None:
    """Dpkg never writes that: the file is damaged, or two files in one."""
    known = parse(f"{STATUS}\n{STATUS}")
    assert len(known.packages) == 4
    assert sum("libssl3" in line.line for line in known.unreadable) == 1


@given(st.lists(st.tuples(st.from_regex(r"\A[a-z][a-z0-9]{1,8}\Z"), versions, versions)))
def test_no_stanza_is_lost(rows: list[tuple[str, str, str]]) -> None:
    """Each is a package or is counted."""
    stanzas = [
        f"Package: {name}\nStatus: install ok installed\nArchitecture: all\n"
        f"Source: s{name} ({source})\nVersion: {version}\n"
        for name, version, source in rows
    ]
    known = parse("\n".join([STATUS, *stanzas]))
    assert len(known.packages) + len(known.unreadable) == 5 + len(rows)


@given(hostile_text)
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever a file holds, it ends in facts or in InputError, and harms no terminal."""
    try:
        known = parse(f"{STATUS}\n{text}")
    except InputError:
        return
    assert all(is_plain(line.line) for line in known.unreadable)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """With what to give instead."""
    with pytest.raises(InputError, match="cannot be read") as caught:
        read_dpkg_status(tmp_path / "none", NOW)
    assert caught.value.hint == "give a copy of the host's /var/lib/dpkg/status"
    (tmp_path / "status").write_text(STATUS)
    assert read_dpkg_status(tmp_path / "status", NOW).hostname == str(tmp_path / "status")


ENTRY = "Package: {}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {}\n"


@pytest.mark.parametrize("before", ["", "\n", "\n\n\n"])
@pytest.mark.parametrize("between", ["\n", "\n\n", "\n\n\n\n", "\n   \n\n"])
def test_empty_lines_are_no_packages(before: str, between: str) -> None:
    """However many stand before, between and after stanzas."""
    known = parse(
        before + ENTRY.format("curl", "1-1") + between + ENTRY.format("zlib1g", "2") + "\n"
    )
    assert [package.name for package in known.packages] == ["curl", "zlib1g"]
    assert known.unreadable == ()


def test_nothing_of_what_is_no_stanza_is_lost() -> None:
    """Before the first, between two, and twice the same."""
    text = (
        "no field\n\n" + ENTRY.format("curl", "1") + "\nVersion: 3\n\n" + ENTRY.format("curl", "1")
    )
    known = parse(text)
    assert [package.name for package in known.packages] == ["curl"]
    assert [line.line for line in known.unreadable] == [
        "no field", "Version: 3",
        "Package: curl Status: install ok installed Architecture: amd64 Version: 1",
    ]  # fmt: skip


def test_a_stanza_of_any_length_is_read() -> None:
    """Those that are too long to be remembered as well, and each time anew."""
    for version in ("1", "2"):
        text = ENTRY.format("curl", version) + "Description: x\n" + " y\n" * 5_000
        assert parse(text).packages[0].version == version
