"""What apt answers on three kinds of machines, and what of it is Debian's."""

import pytest

from oakum.adapters.archives import apt_configuration
from oakum.adapters.archives.apt_configuration import (
    apt_sources,
    debian_sources,
    parse_signed_by,
    parse_targets,
)
from oakum.core.errors import InputError
from oakum.core.repositories.archive import ArchiveSource

MIRROR = "http://mirror.example/debian/"
SOURCES = """\
# Comments alone are no entry to apt.

Types: deb
URIs: http://mirror.example/debian
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

# The shop's own.
Types: deb
URIs: https://shop.example/linux
Suites: bookworm
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
"""
ONE_LINE = """\
# old style
deb [arch=amd64 signed-by=/etc/apt/keyrings/shop.gpg] https://shop.example/linux bookworm stable
deb http://mirror.example/debian bookworm main
"""


def _rows(*rows: tuple[str, str, str, str]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


def _no_key(_: str) -> str:
    return ""


def test_suites_and_components_are_put_together() -> None:
    """One source a suite, whatever the number of architectures and components."""
    text = _rows(
        ("a.sources:1", MIRROR, "bookworm", "main"),
        ("a.sources:1", MIRROR, "bookworm", "main"),
        ("a.sources:1", MIRROR, "bookworm", "contrib"),
        ("a.sources:2", "http://mirror.example/security/", "bookworm-security", "main"),
        ("a.sources:1", MIRROR, "bookworm-backports", "main"),
        ("a.sources:1", MIRROR, "trixie", "main"),
    )
    keyring = "debian-archive-keyring.gpg"
    assert debian_sources(parse_targets(text), "bookworm", _no_key) == (
        ArchiveSource("http://mirror.example/debian", "bookworm", ("main", "contrib"), keyring),
        ArchiveSource("http://mirror.example/security", "bookworm-security", ("main",), keyring),
    )


def test_the_first_mirror_of_a_suite_is_used() -> None:
    """Two mirrors of one suite hold the same packages."""
    text = _rows(
        ("a.list:1", MIRROR, "bookworm", "main"),
        ("a.list:2", "http://second.example/debian/", "bookworm", "main"),
    )
    (source,) = debian_sources(parse_targets(text), "bookworm", _no_key)
    assert source.uri == "http://mirror.example/debian"


def test_third_parties_are_left_out() -> None:
    """Others name Debian's suites too: their keys, components or schemes tell."""
    text = _rows(
        ("keyed:1", "https://shop.example/linux/", "bookworm", "main"),
        ("plain:1", "https://shop.example/linux/", "bookworm", "stable"),
        ("plain:2", "cdrom://[Debian]/", "bookworm", "main"),
    )
    keys = {"keyed:1": "/etc/apt/keyrings/shop.gpg"}
    targets = parse_targets(text)
    assert debian_sources(targets, "bookworm", lambda entry: keys.get(entry, "")) == ()


@pytest.mark.parametrize(
    ("text", "path", "number", "keys"),
    [
        (SOURCES, "a.sources", 1, "/usr/share/keyrings/debian-archive-keyring.gpg"),
        (SOURCES, "a.sources", 2, "-----BEGIN PGP PUBLIC KEY BLOCK----- . mQINBF"),
        (ONE_LINE, "a.list", 2, "/etc/apt/keyrings/shop.gpg"),
        (ONE_LINE, "a.list", 3, ""),
    ],
)
def test_the_keys_of_an_entry_are_found(text: str, path: str, number: int, keys: str) -> None:
    """Entries are counted as apt counts them: stanzas from one, or lines."""
    assert parse_signed_by(text, path, number) == keys


@pytest.mark.parametrize(("text", "path"), [(SOURCES, "a.sources"), (ONE_LINE, "a.list")])
@pytest.mark.parametrize("number", [0, -1, 99])
def test_an_entry_that_is_not_there_is_no_entry_without_keys(
    text: str, path: str, number: int
) -> None:
    """Silence would pass for an archive of Debian's own: the file was changed between two reads."""
    with pytest.raises(InputError, match=f"{path} has no entry {number}"):
        parse_signed_by(text, path, number)


def test_without_apt_the_error_says_what_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """A controller need not be a Debian machine."""
    monkeypatch.setattr(apt_configuration, "COMMAND", ("oakum-no-such-program",))
    with pytest.raises(InputError, match="no apt") as caught:
        apt_sources("bookworm")
    assert caught.value.hint is not None
    assert "[[archives]]" in caught.value.hint
    assert "bookworm-security" in caught.value.hint


def test_apt_without_debian_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty answer is never taken for an archive without packages."""
    monkeypatch.setattr(apt_configuration, "COMMAND", ("true",))
    with pytest.raises(InputError, match="no Debian archive of bookworm"):
        apt_sources("bookworm")
