from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import hostile_text

from oakum.core.errors import InputError, TrustError
from oakum.core.repositories.archive import ArchivePackage, ArchiveSource
from oakum.core.repositories.package_index import parse_index
from oakum.core.repositories.release_file import parse_release, require_fresh
from oakum.core.repositories.stanzas import parse_stanza, split_stanzas

GOLDEN = Path(__file__).parents[2] / "golden" / "archives"
RELEASE = (GOLDEN / "Release").read_text()
PACKAGES = (GOLDEN / "Packages").read_text()
SOURCE = ArchiveSource("http://archive.example/debian", "bookworm", ("main",), "key.gpg")
STANZA = f"""Package: bash
Version: 5.2-1
Architecture: amd64
Filename: pool/b/bash_5.2-1_amd64.deb
Size: 10
SHA256: {"a" * 64}"""


def packages(text: str) -> list[ArchivePackage]:
    return list(parse_index(text, SOURCE, "bookworm/main"))


def test_real_release() -> None:
    """The fields that decide, and the files with their digests, are read."""
    release = parse_release(RELEASE, "InRelease")
    assert (release.origin, release.codename) == ("Debian", "bookworm-security")
    assert release.valid_until == datetime(2026, 11, 28, 0, 53, 2, tzinfo=UTC)
    assert release.has_by_hash
    index = release.file("main/binary-amd64/Packages", "InRelease")
    assert (index.size_bytes, index.sha256[:8]) == (2_523_192, "eb517821")


def test_real_packages() -> None:
    """Name, source and its version, relations and digest come from the paragraph."""
    kernel, nginx, openssl, xz = packages(PACKAGES)
    assert (kernel.source_name, kernel.source_version) == ("linux-signed-amd64", "6.1.192+2")
    assert (nginx.architecture, nginx.source_name, nginx.source_version) == (
        "all", "nginx", "1.22.1-9+deb12u11",
    )  # fmt: skip
    assert (openssl.size_bytes, openssl.installed_size_kib) == (2_039_888, 6042)
    assert (xz.source_name, xz.provides) == ("xz-utils", "lzma")
    assert xz.depends == "libc6 (>= 2.34), liblzma5 (>= 5.4.0)"
    assert PACKAGES.startswith(kernel.fields)


def test_the_first_dependencies_are_read_too() -> None:
    """Pre-Depends are needed as much as Depends."""
    (package,) = packages(f"{STANZA}\nDepends: b\nPre-Depends: a")
    assert package.depends == "a, b"


@pytest.mark.parametrize("name", ["Codename", "Date", "SHA256"])
def test_a_release_without_a_needed_field_is_refused(name: str) -> None:
    """The message names the file and the field."""
    text = RELEASE.replace(f"{name}:", f"X-{name}:", 1)
    with pytest.raises(InputError, match=f"InRelease has no field {name}"):
        parse_release(text, "InRelease")


@pytest.mark.parametrize(
    "line",
    ["abc 5 main/Packages", f"{'a' * 64} x p", f"{'a' * 64} 5", f"{'a' * 64} {'9' * 5000} p"],
)
def test_a_line_of_digests_that_makes_no_sense_is_refused(line: str) -> None:
    """A size of 5,000 digits is no traceback."""
    with pytest.raises(InputError, match="no line of SHA256"):
        parse_release(f"Codename: x\nDate: y\nSHA256:\n {line}\n", "InRelease")


def test_a_file_that_the_release_does_not_name_is_an_error() -> None:
    """The hint asks for component and architecture."""
    with pytest.raises(InputError, match="names no main/binary-arm64/Packages"):
        parse_release(RELEASE, "InRelease").file("main/binary-arm64/Packages", "InRelease")


def test_an_expired_release_is_not_trusted() -> None:
    """A mirror that holds updates back is found one second after the end, and not before."""
    release = parse_release(RELEASE, "InRelease")
    assert release.valid_until is not None
    require_fresh(release, release.valid_until, "InRelease")
    with pytest.raises(TrustError, match="expired"):
        require_fresh(release, release.valid_until + timedelta(seconds=1), "InRelease")


@pytest.mark.parametrize("until", ["soon", "Sat, 99 Nov 2026 00:00:00 UTC", "\x1b[31m"])
def test_an_end_that_is_no_date_is_refused(until: str) -> None:
    """Otherwise an index without an end would seem to be fresh for ever."""
    with pytest.raises(InputError, match="no date"):
        parse_release(f"Valid-Until: {until}\n{RELEASE.replace('Valid-Until', 'X')}", "InRelease")


def test_an_end_without_a_zone_is_utc() -> None:
    """`-0000` leaves the zone out, and can still be held against the clock."""
    text = RELEASE.replace("00:53:02 UTC\nAcq", "00:53:02 -0000\nAcq")
    require_fresh(parse_release(text, "InRelease"), datetime(2026, 11, 22, tzinfo=UTC), "InRelease")


@pytest.mark.parametrize(
    "field", ["Package", "Version", "Architecture", "Filename", "Size", "SHA256"]
)
def test_a_package_without_a_needed_field_is_refused_with_its_paragraph(field: str) -> None:
    """The place is the number of the paragraph."""
    text = f"{STANZA}\n\n{STANZA.replace(f'{field}:', 'X-Other:')}\n"
    with pytest.raises(InputError, match=f"bookworm/main, paragraph 2 has no field {field}"):
        packages(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pool/b", "../../etc"),
        ("pool/b", "/etc"),
        ("pool/b", "pool/\x1b[31m"),
        ("bash\n", "ba sh\n"),
        ("5.2-1\n", "5.2-\n"),
        ("amd64\n", "../amd64\n"),
        ("Size: 10", "Size: ten"),
        ("Size: 10", "Size: " + "9" * 5000),
        ("Size: 10", "Size: 10\nInstalled-Size: much"),
        ("Size: 10", "Size: 10\nSource: ba\x1b[31msh"),
        ("Size: 10", "Size: 10\nSource: bash (nonsense!)"),
        ("SHA256: a", "SHA256: A"),
    ],
)
def test_a_field_that_no_archive_would_write_is_refused(old: str, new: str) -> None:
    """Paths that lead elsewhere, numbers that are none and control characters come to nothing."""
    with pytest.raises(InputError, match="paragraph 1"):
        packages(STANZA.replace(old, new, 1))


def test_two_dots_inside_a_name_are_no_way_out() -> None:
    """Only a whole `..` leaves the directory."""
    (package,) = packages(STANZA.replace("bash_5.2-1", "bash_5.2..1"))
    assert package.filename == "pool/b/bash_5.2..1_amd64.deb"


@pytest.mark.parametrize("again", ["Filename: other", "filename: other", "SHA256: b"])
def test_a_field_that_stands_twice_is_refused(again: str) -> None:
    """Readers differ in which of the two counts."""
    with pytest.raises(InputError, match="twice"):
        packages(f"{STANZA}\n{again}")


def test_a_cut_index_is_refused_or_shorter_but_never_wrong() -> None:
    """At whatever byte it ends, each package that is given is one of the whole index."""
    whole = packages(PACKAGES)
    for end in range(0, len(PACKAGES), 97):
        with suppress(InputError):
            found = packages(PACKAGES[:end])
            assert [p.sha256 for p in found] == [p.sha256 for p in whole[: len(found)]]


def test_continuation_lines_belong_to_their_field() -> None:
    """A line that continues nothing is an error."""
    assert parse_stanza("A: 1\n 2\n\t3\nB:", "x") == {"A": "1\n 2\n\t3", "B": ""}
    with pytest.raises(InputError, match="continues nothing"):
        parse_stanza(" 2\nA: 1", "x")


@given(st.lists(hostile_text | st.sampled_from(STANZA.splitlines()), max_size=9).map("\n".join))
def test_any_text_is_packages_or_an_error(text: str) -> None:
    """Nothing but InputError is raised, for an index and for a Release."""
    with suppress(InputError):
        assert all(".." not in package.filename.split("/") for package in packages(text))
    with suppress(InputError):
        parse_release(text, "InRelease")


@given(st.lists(st.text("abc:\n ", min_size=1, max_size=9)))
def test_no_paragraph_is_lost(parts: list[str]) -> None:
    """Splitting keeps every line that is not blank."""
    text = "\n\n".join(parts)
    kept = [line for stanza in split_stanzas(text) for line in stanza.split("\n") if line.strip()]
    assert kept == [line for line in text.split("\n") if line.strip()]
