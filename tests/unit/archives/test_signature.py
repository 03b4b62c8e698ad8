"""What is signed is looked at before any of it is unpacked."""

import base64
import zlib
from pathlib import Path

import pytest

from oakum.adapters.archives import signature
from oakum.adapters.archives.debian import _unpack
from oakum.adapters.archives.signature import BEGIN, verify_clearsigned
from oakum.adapters.signing.openpgp import KnownKeys, OwnKey
from oakum.core.errors import InputError, TrustError

COMPRESSED, LITERAL, ZLIB = 8, 11, b"\x02"
"""OpenPGP's numbers of packets, and of the algorithm (RFC 9580, 5 and 9.4)."""


def packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body


BOMB = packet(COMPRESSED, ZLIB + zlib.compress(packet(LITERAL, b"b" + bytes(5 + 2**20))))


ARMOURED = b"-----BEGIN PGP MESSAGE-----\n\n" + base64.b64encode(BOMB)


@pytest.mark.parametrize(
    "content", [BOMB, ARMOURED, b"Codename: x\n" + ARMOURED, b"x\r" + BEGIN + b"\n" + ARMOURED, b""]
)
def test_a_message_that_unpacks_without_end_never_reaches_gpgv(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It writes what it unpacks to the disk, and asks for a signature afterwards."""
    monkeypatch.setattr(signature, "_run", lambda _: pytest.fail("gpgv was called"))
    with pytest.raises(TrustError, match="not signed as a text"):
        verify_clearsigned(content, Path("/dev/null"), (), "InRelease")


def test_nor_does_it_reach_the_keys_that_bundles_are_held_against(tmp_path: Path) -> None:
    """The message is refused before there is any key: it is none that Oakum makes."""
    with pytest.raises(TrustError, match="not signed as a text"):
        KnownKeys([], OwnKey(tmp_path / "key", "me")).verified(BOMB, "manifest.json.asc")
    assert not (tmp_path / "key").exists()


def test_a_damaged_index_is_refused(tmp_path: Path) -> None:
    """The error of zlib has a kind of its own, which is no OSError."""
    path = tmp_path / "Packages.gz"
    path.write_bytes(b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + b"\xff" * 20)
    with pytest.raises(InputError, match="cannot be unpacked"):
        _unpack(path, "main/Packages.gz", 100)
