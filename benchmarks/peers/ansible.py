"""Ansible, from PyPI, in an environment of the benchmarks' own that is made where it is missing."""

import os
import subprocess
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "ansible-core"
KEY_EXCHANGE = "curve25519-sha256"


def environment() -> Path:
    """Return the environment that Ansible is installed in; the first call installs it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = cache / "oakum-benchmarks" / PACKAGE
    if not (place / "bin" / "ansible").exists():
        print(f"installing {PACKAGE} into {place} (once)")
        venv.create(place, with_pip=True)
        subprocess.run([place / "bin" / "pip", "install", "-q", PACKAGE], check=True)
    return place


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host as an inventory has it."""

    name: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Ansible:
    """Ansible with as many forks as hosts are asked at once, and with its documented speed-ups."""

    place: Path
    """Its inventory and settings, and the sockets of its connections."""
    forks: int

    @property
    def version(self) -> str:
        """Return the version, as it says itself."""
        said = subprocess.run(
            [environment() / "bin" / "ansible", "--version"], check=True, capture_output=True
        )
        return said.stdout.decode().splitlines()[0]

    def write(self, hosts: Sequence[Endpoint], *, key: Path, known_hosts: Path) -> None:
        """Write the inventory."""
        lines = [f"{h.name} ansible_host={h.address} ansible_port={h.port}" for h in hosts]
        common = f"-o UserKnownHostsFile={known_hosts} -o KexAlgorithms={KEY_EXCHANGE}"
        lines += ["[all:vars]", "ansible_user=root", f"ansible_ssh_private_key_file={key}"]
        lines += [
            f"ansible_ssh_common_args='{common}'",
            "ansible_python_interpreter=/usr/bin/python3",
        ]
        (self.place / "hosts.ini").write_text("\n".join([*lines, ""]))

    def module(self, name: str, arguments: str = "") -> list[str]:
        """Return the command that runs one module on every host."""
        words = [str(environment() / "bin" / "ansible"), "all", "-m", name]
        return [*words, *(("-a", arguments) if arguments else ()), "-f", str(self.forks)]

    def playbook(self, path: Path) -> list[str]:
        """Return the command that runs a playbook."""
        return [str(environment() / "bin" / "ansible-playbook"), str(path), "-f", str(self.forks)]

    def settings(self, *, pipelining: bool) -> Mapping[str, str]:
        """Return its settings as variables of the environment."""
        return {
            "ANSIBLE_INVENTORY": str(self.place / "hosts.ini"),
            "ANSIBLE_PIPELINING": str(pipelining),
            "ANSIBLE_HOME": str(self.place / "ansible"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.place / "sockets"),
            "ANSIBLE_NOCOLOR": "1",
        }

    def hang_up(self) -> None:
        """End the connections that it keeps: the next run begins as the first one did."""
        for socket in (self.place / "sockets").glob("*"):
            words = ["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "any"]
            subprocess.run(words, check=False, capture_output=True)
