import io
import subprocess
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.core.canonical import digest_of_bytes
from oakum.core.errors import InputError
from oakum.core.repositories.deb_file import stanza_of
from oakum.core.repositories.stanzas import parse_stanza

CONTROL = b"Package: oak\nVersion: 1\nArchitecture: all\nDescription: wood\n of oak\n .\n more\n"


def tar_of(content: bytes = CONTROL, **changes: object) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as tar:
        entry = tarfile.TarInfo("./control")
        entry.size = len(content)
        for name, value in changes.items():
            setattr(entry, name, value)
        tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def member(name: str, content: bytes, size: str | None = None) -> bytes:
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{size or len(content):<10}`\n".encode()
    return header + content + b"\n" * (len(content) % 2)


def deb(control: bytes, name: str = "control.tar.xz", size: str | None = None) -> bytes:
    return b"!<arch>\n" + member(name, control, size) + member("data.tar", b"data")


def stanza(content: bytes) -> dict[str, str]:
    return parse_stanza(stanza_of(content, digest_of_bytes(content)), "test")


def test_a_real_package(tmp_path: Path) -> None:
    """What dpkg-deb builds is read, and gets the fields of an index."""
    (tmp_path / "tree" / "DEBIAN").mkdir(parents=True)
    (tmp_path / "tree" / "DEBIAN" / "control").write_bytes(CONTROL + b"Maintainer: me\n")
    command = ["dpkg-deb", "-Zxz", "--build", "tree", "oak.deb"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    content = (tmp_path / "oak.deb").read_bytes()
    found = stanza(content)
    assert (found["Package"], found["Size"]) == ("oak", str(len(content)))
    assert found["SHA256"] == digest_of_bytes(content)
    assert found["Filename"] == f"pool/{found['SHA256'][:2]}/{found['SHA256']}.deb"
    assert found["Description"] == "wood\n of oak\n .\n more"


def test_a_control_file_cannot_speak_for_the_index() -> None:
    """Its own Filename, Size and digests are left out: there is one answer to each."""
    control = CONTROL + b"Filename: ../../x\nsha256: " + b"0" * 64 + b"\nMD5sum: 1\n"
    content = deb(tar_of(control))
    assert stanza(content)["SHA256"] == digest_of_bytes(content)
    assert "../.." not in stanza_of(content, digest_of_bytes(content))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"!<arch>\n",
        b"PK\x03\x04",
        deb(tar_of())[:-2],
        deb(tar_of())[:-64],
        deb(tar_of())[:-100],
        deb(tar_of(), name="data.tar.xz"),
        deb(tar_of(), name="control.tar.zst"),
        deb(tar_of(), size="-60"),
        deb(tar_of(), size="many"),
        deb(b"no tar"),
        deb(tar_of(name="./other")),
        deb(tar_of(type=tarfile.SYMTYPE, linkname="nowhere", size=0)),
        deb(tar_of(type=tarfile.DIRTYPE, size=0)),
        deb(tar_of(b"\xff\xfe")),
        deb(tar_of(b"no field")),
        deb(tar_of(b"")),
        deb(tar_of(CONTROL + b"\nPackage: two\n")),
        deb(tar_of(CONTROL + b"Package: twice\n")),
    ],
)
def test_what_is_no_package_is_refused(content: bytes) -> None:
    """Damage, links, other members and circles end in words."""
    with pytest.raises(InputError, match=r"no \.deb file"):
        stanza(content)


@given(st.integers(0, 2_000), st.binary(min_size=1, max_size=4))
def test_a_damaged_package_is_read_or_refused(place: int, damage: bytes) -> None:
    """Nothing but InputError is raised, and nothing goes round in a circle."""
    content = bytearray(deb(tar_of()))
    content[place % len(content) : place % len(content) + len(damage)] = damage
    with suppress(InputError):
        stanza(bytes(content))
