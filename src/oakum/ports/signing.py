"""What we sign, and whose signatures we believe."""

from dataclasses import dataclass
from typing import Protocol

from oakum.core.orders.order import OrderSignature


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


class OrderSigner(Protocol):
    """Makes and reads approvers' signatures of orders. It judges no signer: hosts do."""

    def sign(self, document: bytes, key_file: str) -> OrderSignature:
        """Sign with a private key, or with the agent's when the file holds the public one.

        Raises InputError when that key cannot sign.
        """
        ...

    def read(self, document: bytes, text: str) -> OrderSignature:
        """Return a signature of exactly these bytes. Raises TrustError for any other."""
        ...

    def fingerprint(self, public_key: str) -> str:
        """Return a public key as signatures name it. Raises InputError for one that is none."""
        ...
