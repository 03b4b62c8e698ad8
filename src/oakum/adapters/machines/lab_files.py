"""The lab's key and access files, in one directory."""

import contextlib
import shutil
from pathlib import Path

from oakum.adapters.machines.locked import locked
from oakum.adapters.machines.programs import run
from oakum.ports.machines import Machine


class DirectoryLabFiles:
    """Keeps the lab's files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def identity_file(self) -> Path:
        """Return the private key's path."""
        return self._directory / "key"

    def authorized_key(self) -> str:
        """Return the lab's public key, making the pair at first use."""
        public = self.identity_file.with_suffix(".pub")
        with locked(self._directory):  # hosts are built at the same time, and all ask for it
            if not public.exists():
                self.identity_file.unlink(missing_ok=True)  # a killed run left half a pair
                command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "oakum-lab"]
                run([*command, "-f", str(self.identity_file)], what="making the lab's key")
        return public.read_text().strip()

    def remember_provider(self, name: str) -> None:
        """Keep which provider the lab was made with."""
        self._directory.mkdir(parents=True, exist_ok=True)
        (self._directory / "provider").write_text(name)

    def provider(self) -> str:
        """Return it; empty without a lab."""
        try:
            return (self._directory / "provider").read_text().strip()
        except FileNotFoundError:
            return ""

    def write_access(self, machines: tuple[Machine, ...], roles: dict[str, str]) -> str:
        """Write ssh_config, known_hosts and inventory.ini; return their directory."""
        known = self._directory / "known_hosts"
        known.write_text("".join(f"[{m.address}]:{m.port} {m.host_key}\n" for m in machines))
        blocks = [
            f"Host {m.name}\n  HostName {m.address}\n  Port {m.port}\n  User root\n"
            f"  IdentityFile {self.identity_file}\n"
            f"  UserKnownHostsFile {known}\n  StrictHostKeyChecking yes\n"
            for m in machines
        ]
        (self._directory / "ssh_config").write_text("\n".join(blocks))
        (self._directory / "inventory.ini").write_text(self._inventory(machines, roles))
        return str(self._directory)

    def remove(self) -> None:
        """Remove every file of the lab."""
        shutil.rmtree(self._directory, ignore_errors=True)
        with contextlib.suppress(OSError):  # machines are beside it
            self._directory.parent.rmdir()

    def _inventory(self, machines: tuple[Machine, ...], roles: dict[str, str]) -> str:
        lines: list[str] = []
        for role in sorted(set(roles.values())):
            lines.append(f"[role_{role}]")
            lines.extend(
                f"{m.name} ansible_host={m.address} ansible_port={m.port}"
                for m in machines
                if roles.get(m.name) == role
            )
            lines.append("")
        lines += ["[all:vars]", "ansible_user=root"]
        lines.append(f"ansible_ssh_private_key_file={self.identity_file}")
        return "\n".join(lines) + "\n"
