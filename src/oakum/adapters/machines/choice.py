"""Choosing how machines run here: by trying, and saying why."""

from pathlib import Path

from oakum.adapters.machines.chroot import ChrootProvider
from oakum.adapters.machines.images import BTRFS, Archives, Images
from oakum.adapters.machines.nspawn import NspawnProvider
from oakum.adapters.machines.programs import MachineError
from oakum.core.errors import InputError
from oakum.ports.machines import MachineProvider


class ProviderChooser:
    """Gives providers that keep their machines below one directory."""

    def __init__(self, directory: Path, cache: Path, archives: Archives) -> None:
        self._directory = directory
        self._images = Images(cache / "images", archives)

    def __call__(self, wanted: str) -> tuple[MachineProvider, str]:
        """Return a provider and why it is this one; `NAME!` takes it without trying."""
        nspawn = NspawnProvider(self._directory / "nspawn", self._images)
        chroot = ChrootProvider(self._directory / "chroot", self._images)
        btrfs = NspawnProvider(self._directory / "nspawn-btrfs", self._images, BTRFS)
        by_name: dict[str, MachineProvider] = {
            provider.name: provider for provider in (nspawn, btrfs, chroot)
        }
        if wanted.endswith("!"):
            return by_name[wanted[:-1]], "as before"
        if wanted in by_name:
            return _required(by_name[wanted])
        if wanted != "auto":
            raise InputError(
                f"{wanted!r} is no provider", hint=f"there are: auto, {', '.join(by_name)}"
            )
        refusal = nspawn.refusal()
        if refusal is None:
            return nspawn, "hosts boot in systemd-nspawn containers"
        provider, _ = _required(chroot)
        return provider, f"hosts run in chroots, without systemd: nspawn is refused ({refusal})"


def _required(provider: MachineProvider) -> tuple[MachineProvider, str]:
    refusal = provider.refusal()
    if refusal is not None:
        raise MachineError(
            f"{provider.name} machines cannot run here: {refusal}",
            hint="run as root on a machine that allows namespaces; docs/guides/lab.md says more",
        )
    return provider, f"hosts run as {provider.name} machines, as asked"
