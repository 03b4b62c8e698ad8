"""Oakum's own OpenPGP key: made at first use, kept for the owner alone."""

import os
from pathlib import Path

from pysequoia import Cert, SignatureMode, Tsk, sign, verify

from oakum.core.errors import StorageError, TrustError

OWNER_ONLY = 0o600


class SnapshotSigner:
    """Signs snapshots. Hosts trust this key and no other."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "snapshots.key"

    def public_key(self) -> str:
        """Return the public key, ASCII-armoured."""
        return str(self._certificate())

    def sign(self, text: str) -> bytes:
        """Return the text clearsigned, as apt wants an InRelease."""
        return bytes(sign(self._key().signer(), text.encode(), mode=SignatureMode.CLEAR))

    def verified(self, content: bytes, place: str) -> str:
        """Return the signed text. Raises TrustError unless it was signed with this key."""
        try:
            checked = verify(content, store=lambda _: [self._certificate()])
        except Exception as error:
            raise TrustError(f"{place}: the signature does not hold: {error}") from error
        if checked.bytes is None or not checked.valid_sigs:
            raise TrustError(f"{place}: no signature of ours")
        return bytes(checked.bytes).decode()

    def _certificate(self) -> Cert:
        return self._key().extract_certificate()

    def _key(self) -> Tsk:
        if not self._file.exists():
            self._make()
        try:
            return Tsk.from_file(str(self._file))
        except Exception as error:
            raise StorageError(
                f"{self._file} cannot be read as a key: {str(error).splitlines()[0]}",
                hint="restore it from a backup: hosts trust this key and no other",
            ) from error

    def _make(self) -> None:
        key = Tsk.generate(user_id="Oakum snapshots")
        draft = self._file.with_suffix(".new")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
            with os.fdopen(descriptor, "w") as file:
                file.write(str(key))
            draft.replace(self._file)
        except OSError as error:
            raise StorageError(f"{self._file} cannot be written: {error.strerror}") from error
