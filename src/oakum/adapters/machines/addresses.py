"""Loopback addresses: a /24 for every group of machines, never shared by two groups."""

import contextlib
import socket
from pathlib import Path

from oakum.adapters.machines.locked import locked
from oakum.adapters.machines.programs import MachineError

CLAIMS = Path("/run/oakum-machines")
NETWORKS = range(10, 100)
SSH_PORT = 2222
"""Not 22: this computer's own sshd may listen on every address."""


def claim_network(owner: Path) -> str:
    """Return `127.0.N` for machines under this directory, the same at every call."""
    with locked(CLAIMS):
        claims = _claims()
        for number, holder in claims.items():
            if holder == str(owner):
                return f"127.0.{number}"
        for number in NETWORKS:
            if not _is_held(claims, number) and _is_free(f"127.0.{number}.1"):
                (CLAIMS / str(number)).write_text(str(owner))
                return f"127.0.{number}"
    raise MachineError(
        "no loopback network is free: 90 labs or twins are up",
        hint=f"take labs down that are no longer needed; {CLAIMS} names their directories",
    )


def keep_network(owner: Path, address: str) -> None:
    """Claim the network of a machine again: claims do not outlive a boot of this computer."""
    number = int(address.split(".")[2])
    with locked(CLAIMS):
        claims = _claims()
        if claims.get(number) == str(owner):
            return
        if _is_held(claims, number):
            raise MachineError(
                f"another lab has the addresses of {owner} now: {claims[number]}",
                hint="take one of the two down",
            )
        (CLAIMS / str(number)).write_text(str(owner))


def release_network(owner: Path) -> None:
    """Give the network back."""
    if not CLAIMS.exists():
        return
    with locked(CLAIMS):
        for number, holder in _claims().items():
            if holder == str(owner):
                (CLAIMS / str(number)).unlink()
        with contextlib.suppress(OSError):  # others still hold claims
            CLAIMS.rmdir()


def _claims() -> dict[int, str]:
    return {int(claim.name): claim.read_text() for claim in CLAIMS.iterdir()}


def _is_held(claims: dict[int, str], number: int) -> bool:
    """Tell whether an owner that still is there holds a network: a killed run leaves its claim."""
    return number in claims and Path(claims[number]).is_dir()


def _is_free(address: str) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, SSH_PORT))
        except OSError:
            return False
    return True
