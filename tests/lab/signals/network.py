"""A network of its own for one host, with a name server: what it loses is not this machine's."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Thread

ZONE = b"\x03oak\x04test\x00"
ANSWERED = 0x8180
A_RECORD = 1


@dataclass(frozen=True, slots=True)
class Network:
    """Addresses of a range that is kept for trials of networks (RFC 2544)."""

    name: str
    ours: str
    """This machine in it: the gateway and the name server."""
    theirs: str


@contextmanager
def own_network() -> Iterator[Network]:
    """Have a network namespace with a way to this machine, and nothing of it afterwards."""
    number = os.getpid() % 250 + 1
    network = Network(f"oak{os.getpid()}", f"198.18.{number}.1", f"198.18.{number}.2")
    outer, inner = f"oako{number}", f"oaki{number}"
    _ip("netns", "add", network.name)
    try:
        _ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", network.name)
        _ip("addr", "add", f"{network.ours}/30", "dev", outer)
        _ip("link", "set", outer, "up")
        for words in (
            ("link", "set", "lo", "up"),
            ("addr", "add", f"{network.theirs}/30", "dev", inner),
            ("link", "set", inner, "up"),
            ("route", "add", "default", "via", network.ours),
            ("rule", "add", "pref", "100", "fwmark", "1", "lookup", "7"),
        ):
            _ip("-n", network.name, *words)
        with _names_of(network.ours):
            yield network
    finally:
        _ip("netns", "del", network.name)
        subprocess.run(["ip", "link", "del", outer], check=False, capture_output=True)


@contextmanager
def _names_of(address: str) -> Iterator[None]:
    """Answer for every name below oak.test with this machine's address."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, 53))
    thread = Thread(target=_answer, args=(server, address), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.close()
        thread.join(timeout=5)


def _answer(server: socket.socket, address: str) -> None:
    server.settimeout(0.5)
    while server.fileno() >= 0:
        with suppress(TimeoutError, OSError):
            asked, client = server.recvfrom(512)
            end = asked.index(b"\0", 12) + 5
            question = asked[12:end]
            is_known = question[:-4].lower().endswith(ZONE) and question[-3] == A_RECORD
            header = asked[:2] + ANSWERED.to_bytes(2) + b"\0\1" + bytes([0, is_known]) + b"\0\0\0\0"
            record = b"\xc0\x0c\0\1\0\1\0\0\0\x05\0\4" + socket.inet_aton(address)
            server.sendto(header + question + (record if is_known else b""), client)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)
