"""Loopback addresses: a /24 for every group of machines, never shared by two groups."""

import contextlib
import socket
from pathlib import Path

from oakum.adapters.machines.programs import MachineError

CLAIMS = Path("/run/oakum-machines")
NETWORKS = range(10, 100)
SSH_PORT = 2222
"""Not 22: this computer's own sshd may listen on every address."""


def claim_network(owner: Path) -> str:
    """Return `127.0.N` for machines under this directory, the same at every call."""
    CLAIMS.mkdir(exist_ok=True)
    for claim in CLAIMS.iterdir():
        if claim.read_text() == str(owner):
            return f"127.0.{claim.name}"
    for number in NETWORKS:
        claim = CLAIMS / str(number)
        if claim.exists() and not Path(claim.read_text()).exists():
            claim.unlink(missing_ok=True)  # its owner is gone: a run that was killed
        if _is_free(f"127.0.{number}.1") and _take(claim, owner):
            return f"127.0.{number}"
    raise MachineError(
        "no loopback network is free: 90 labs or twins are up",
        hint=f"take labs down that are no longer needed; {CLAIMS} names their directories",
    )


def release_network(owner: Path) -> None:
    """Give the network back."""
    if not CLAIMS.exists():
        return
    for claim in CLAIMS.iterdir():
        if claim.read_text() == str(owner):
            claim.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # others still hold claims
        CLAIMS.rmdir()


def _take(claim: Path, owner: Path) -> bool:
    try:
        with claim.open("x") as file:
            file.write(str(owner))
    except FileExistsError:
        return False
    return True


def _is_free(address: str) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, SSH_PORT))
        except OSError:
            return False
    return True
