"""What the lab keeps beside its machines."""

from typing import Protocol

from oakum.ports.machines import Machine, MachineProvider


class LabFiles(Protocol):
    """The lab's key and the files by which its hosts are reached and imported."""

    def authorized_key(self) -> str:
        """Return the lab's public key, making the pair at first use."""
        ...

    def remember_provider(self, name: str) -> None: ...

    def provider(self) -> str:
        """Return the provider that the present lab was made with; empty without a lab."""
        ...

    def write_access(self, machines: tuple[Machine, ...], roles: dict[str, str]) -> str:
        """Write ssh_config, known_hosts and inventory.ini; return their directory."""
        ...

    def remove(self) -> None:
        """Remove every file of the lab."""
        ...


class ProviderChoice(Protocol):
    """Chooses how machines run here."""

    def __call__(self, wanted: str) -> tuple[MachineProvider, str]:
        """Return the provider, and in words why it was chosen."""
        ...
