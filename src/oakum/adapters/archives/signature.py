"""Checking OpenPGP signatures of archives with gpgv; only what gpgv itself prints is used."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from oakum.core.errors import InputError, TrustError
from oakum.core.repositories.archive import SYSTEM_KEYRINGS
from oakum.core.text import one_line

TIMEOUT_SECONDS = 60
WEAK_HASHES = frozenset({"1", "2", "3"})
"""OpenPGP numbers of MD5, SHA-1 and RIPEMD-160 (RFC 9580, 9.5)."""
COMPLAINTS = {
    "BADSIG": "the signature is wrong: the file was changed",
    "ERRSIG": "it is signed by a key that the keyring does not hold",
    "NO_PUBKEY": "it is signed by a key that the keyring does not hold",
    "EXPKEYSIG": "the key that signed it has expired",
    "EXPSIG": "the signature has expired",
    "REVKEYSIG": "the key that signed it was revoked",
    "NODATA": "it is not signed",
}


@dataclass(frozen=True, slots=True)
class Verified:
    """The text that was signed, and by which keys."""

    text: str
    fingerprints: tuple[str, ...]


def find_keyring(name: str) -> Path:
    """Return the keyring of this name or path. Raises InputError when there is none."""
    path = Path(name) if "/" in name else Path(SYSTEM_KEYRINGS) / name
    if not path.is_file():
        raise InputError(
            f"there is no keyring {path}",
            hint="install the package debian-archive-keyring, or give a path in [[archives]]",
        )
    return path


def verify_clearsigned(
    content: bytes, keyring: Path, allowed: tuple[str, ...], place: str
) -> Verified:
    """Return the signed text. Raises TrustError, with the reason, when no signature holds."""
    # Any other message may be packed, and gpgv unpacks it to the disk before it looks for a key.
    armours = (line for line in content.split(b"\n") if line.startswith(ARMOUR))
    if content[:1] >= BINARY or not next(armours, b"").startswith(BEGIN):
        raise TrustError(f"{place}: {COMPLAINTS['NODATA']} as a text", hint=HINT)
    # A good signature would vouch for a second message beside its own: gpgv writes out both.
    if sum(line.startswith(BEGIN) for line in content.splitlines()) > 1:
        raise TrustError(f"{place}: it holds more than one signed message", hint=HINT)
    with TemporaryDirectory(prefix="oakum-gpgv-") as directory:
        signed, text = Path(directory) / "signed", Path(directory) / "text"
        signed.write_bytes(content)
        command = [
            "gpgv",
            "--status-fd",
            "1",
            "--keyring",
            str(keyring),
            "--output",
            str(text),
            str(signed),
        ]
        done = _run(command)
        status = [
            line.removeprefix("[GNUPG:] ").split()
            for line in done.stdout.decode(errors="replace").splitlines()
            if line.startswith("[GNUPG:] ")
        ]
        good = tuple(words[1] for words in _valid(status) if _is_accepted(words, allowed))
        if not good or not text.is_file():
            raise TrustError(f"{place}: {_complaint(status, done.stderr)}", hint=HINT)
        return Verified(_text(text.read_bytes(), place), good)


ARMOUR, BEGIN = b"-----BEGIN PGP ", b"-----BEGIN PGP SIGNED MESSAGE-----"
BINARY = b"\x80"
"""The bit that the first byte of a message without armour has (RFC 9580, 4.2)."""
HINT = "nothing of it is used; is the keyring the right one, and the mirror honest?"


def _run(command: list[str]) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(command, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise TrustError(f"gpgv came to no end within {TIMEOUT_SECONDS} s", hint=HINT) from error
    except FileNotFoundError as error:
        raise InputError(
            "gpgv is not installed: signatures cannot be checked",
            hint="install the Debian package gpgv",
        ) from error


def _text(content: bytes, place: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{place} is no text: {error}") from error


def _valid(status: list[list[str]]) -> Iterator[list[str]]:
    """Give the VALIDSIG lines of good signatures.

    gpgv calls a signature valid also when its key has expired or was revoked, and says so before.
    """
    verdict = ""
    for words in status:
        if words[0] in VERDICTS:
            verdict = words[0]
        elif words[0] == "VALIDSIG":
            if verdict == GOOD:
                yield words
            verdict = ""


GOOD = "GOODSIG"
VERDICTS = frozenset({GOOD, "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "BADSIG", "ERRSIG"})


def _is_accepted(words: list[str], allowed: tuple[str, ...]) -> bool:
    """Read `VALIDSIG fingerprint date stamp expiry version reserved key hash class primary`."""
    if len(words) < 9:  # noqa: PLR2004 (up to the hash and class)
        return False
    fingerprint, primary = words[1], words[-1]
    return words[8] not in WEAK_HASHES and (
        not allowed or fingerprint in allowed or primary in allowed
    )


def _complaint(status: list[list[str]], stderr: bytes) -> str:
    for words in status:
        if words[0] in COMPLAINTS:
            return COMPLAINTS[words[0]]
    if any(words[0] == "VALIDSIG" for words in status):
        return "the keys that signed it are not among the allowed ones, or the hash is weak"
    last = stderr.decode(errors="replace").strip().splitlines()
    return f"no signature holds ({one_line(last[-1]) if last else 'gpgv said nothing'})"
