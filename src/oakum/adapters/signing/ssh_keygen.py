"""Approvers' signatures, made and read by OpenSSH's ssh-keygen."""

import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from oakum.core.canonical import digest_of_bytes
from oakum.core.errors import InputError, TrustError
from oakum.core.orders.order import NAMESPACE, OrderSignature
from oakum.core.text import one_line

GOOD = re.compile(r'Good "[^"]*" signature with ED25519(?:-SK)? key (SHA256:[A-Za-z0-9+/]{43})')
PRINT = re.compile(r"\d+ (SHA256:[A-Za-z0-9+/]{43}) .*\((?:ED25519|ED25519-SK)\)")
MAX_SIGNATURE = 8192
SECONDS = 300
"""A person may have to type a passphrase, or touch a key."""


class SshKeygen:
    """Signs orders and reads signatures. It judges no signer: hosts know whom they obey."""

    def sign(self, document: bytes, key_file: str) -> OrderSignature:
        """Sign with a private key, or with the agent's when the file holds the public one.

        Raises InputError when ssh-keygen cannot.
        """
        done = _run(["-Y", "sign", "-n", NAMESPACE, "-f", key_file], document)
        if done.returncode != 0:
            raise InputError(
                f"ssh-keygen cannot sign with {key_file}: {_said(done)}",
                hint="give an ed25519 key; a public key signs with the one in the agent",
            )
        return self.read(document, done.stdout.decode("ascii", errors="replace"))

    def read(self, document: bytes, text: str) -> OrderSignature:
        """Return a signature of exactly these bytes, made for an order, by an ed25519 key.

        Raises TrustError for any other.
        """
        if len(text) > MAX_SIGNATURE or not text.isascii():
            raise TrustError("this is no signature: it is too long, or not ASCII")
        with TemporaryDirectory(prefix="oakum-signature-") as directory:
            file = Path(directory) / "signature"
            file.write_text(text)
            done = _run(["-Y", "check-novalidate", "-n", NAMESPACE, "-s", str(file)], document)
        good = GOOD.match(done.stdout.decode(errors="replace"))
        if done.returncode != 0 or good is None:
            raise TrustError(
                f"the signature is not one of this order by an ed25519 key: {_said(done)}",
                hint=f"sign the order itself: ssh-keygen -Y sign -n {NAMESPACE} -f KEY ORDER",
            )
        return OrderSignature(good[1], digest_of_bytes(document), f"{text.rstrip()}\n")

    def fingerprint(self, public_key: str) -> str:
        """Return a public key as signatures name it. Raises InputError for one that is none."""
        done = _run(["-l", "-E", "sha256", "-f", "/dev/stdin"], public_key.encode())
        found = PRINT.match(done.stdout.decode(errors="replace"))
        if done.returncode != 0 or found is None:
            raise InputError(
                f"{one_line(public_key, 60)!r} cannot be read as an ed25519 key: {_said(done)}"
            )
        return found[1]


def _run(words: list[str], stdin: bytes) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(
            ["ssh-keygen", *words], input=stdin, capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(
            f"ssh-keygen did not run: {error}", hint="install openssh-client on this machine"
        ) from error


def _said(done: "subprocess.CompletedProcess[bytes]") -> str:
    return one_line((done.stderr + done.stdout).decode(errors="replace")) or "it says nothing"
