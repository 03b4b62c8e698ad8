"""OpenPGP: keys of our own, made at first use and kept for the owner alone; and keys of others."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from pysequoia import Cert, SignatureMode, Tsk, sign, verify

from oakum.core.errors import InputError, StorageError, TrustError
from oakum.core.text import one_line
from oakum.ports.signing import Signed

OWNER_ONLY = 0o600
BEGIN = b"-----BEGIN PGP SIGNED MESSAGE-----"


class OwnKey:
    """A key that this installation signs with."""

    def __init__(self, file: Path, user_id: str) -> None:
        self._file = file
        self._user_id = user_id

    def public_key(self) -> str:
        """Return the public key, ASCII-armoured."""
        return str(self.certificate())

    def sign(self, text: str) -> bytes:
        """Return the text clearsigned, as apt wants an InRelease."""
        return bytes(sign(self._key().signer(), text.encode(), mode=SignatureMode.CLEAR))

    def verified(self, content: bytes, place: str) -> Signed:
        """Return the signed text. Raises TrustError unless it was signed with this key."""
        return _verified(content, place, lambda: [self.certificate()])

    def certificate(self) -> Cert:
        """Return the public part."""
        return self._key().extract_certificate()

    def _key(self) -> Tsk:
        if not self._file.exists():
            self._make()
        try:
            return Tsk.from_file(str(self._file))
        except Exception as error:
            raise StorageError(
                f"{self._file} cannot be read as a key: {str(error).splitlines()[0]}",
                hint="restore it from a backup: others trust this key and no other",
            ) from error

    def _make(self) -> None:
        key = Tsk.generate(user_id=self._user_id)
        draft = self._file.with_suffix(".new")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
            with os.fdopen(descriptor, "w") as file:
                file.write(str(key))
            draft.replace(self._file)
        except OSError as error:
            raise StorageError(f"{self._file} cannot be written: {error.strerror}") from error


class KnownKeys:
    """Keys whose signatures count: those in files, and one of our own."""

    def __init__(self, files: Sequence[Path], own: OwnKey) -> None:
        self._files = files
        self._own = own

    def verified(self, content: bytes, place: str) -> Signed:
        """Return the signed text. Raises TrustError unless one of these keys has signed it."""
        return _verified(content, place, self._certificates)

    def _certificates(self) -> list[Cert]:
        return [self._own.certificate(), *map(_certificate, self._files)]


def _certificate(file: Path) -> Cert:
    try:
        return Cert.from_file(str(file))
    except Exception as error:
        raise InputError(
            f"{file} cannot be read as an OpenPGP key: {one_line(str(error))}",
            hint="it is made with `oakum advisories key`, on the machine that signs",
        ) from error


def _verified(content: bytes, place: str, known: Callable[[], list[Cert]]) -> Signed:
    # Any other message may be packed: it would be unpacked before anybody looks for a key.
    if not content.startswith(BEGIN):
        raise TrustError(f"{place}: it is not signed as a text")
    certificates = known()  # outside of `try`: a key that cannot be read is not a bad signature
    try:
        checked = verify(content, store=lambda _: certificates)
    except Exception as error:
        raise TrustError(f"{place}: the signature does not hold: {error}") from error
    if checked.bytes is None or not checked.valid_sigs:
        raise TrustError(f"{place}: no signature of a key that is trusted here")
    try:
        text = bytes(checked.bytes).decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{place}: what is signed is no text: {error}") from error
    return Signed(text, checked.valid_sigs[0].certificate)
