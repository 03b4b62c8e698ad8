"""What we sign, and whose signatures we believe."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Signed:
    """A text whose signature holds."""

    text: str
    signer: str
    """The fingerprint of the key, in hexadecimal digits."""


class Verifier(Protocol):
    """Knows whose signatures count."""

    def verified(self, content: bytes, place: str) -> Signed:
        """Return the signed text. Raises TrustError unless a key that counts has signed it."""
        ...


class Signer(Verifier, Protocol):
    """Signs with a key of our own, whose signatures count."""

    def public_key(self) -> str:
        """Return the public key, ASCII-armoured."""
        ...

    def sign(self, text: str) -> bytes:
        """Return the text signed within itself (OpenPGP's cleartext signature, RFC 9580, 7)."""
        ...
