"""Building and removing machines, the same for every way of running them."""

from oakum.adapters.machines import processes
from oakum.adapters.machines.furnishing import FURNISH, archive
from oakum.adapters.machines.images import Images
from oakum.adapters.machines.room import Record, Room
from oakum.core.errors import ConflictError
from oakum.ports.machines import Machine, MachineSpec, MachineState, Progress


class Builder:
    """Builds machines into a room, from cached images."""

    def __init__(self, room: Room, images: Images) -> None:
        self._room = room
        self._images = images

    def create(self, spec: MachineSpec, progress: Progress) -> Machine:
        """Build a machine's root and keep its record."""
        directory = self._room.path(spec.name)
        if (directory / "machine.json").exists():
            raise ConflictError(f"there is a machine {spec.name!r} already")
        self.remove(spec.name)  # what an interrupted building left
        images = self._images
        extra = () if spec.is_exact else tuple(pin.name for pin in spec.packages)
        image = images.with_packages(spec.release, extra, progress)
        address, port = self._room.next_address()
        root = directory / "root"
        if not images.can_overlay:
            images.copy_into(image, root)
        content = archive(spec, address, port)
        told = images.enter(root, image, FURNISH, stdin=content, what=f"building {spec.name}")
        host_key = " ".join(told.decode().strip().splitlines()[-1].split()[:2])
        mode = "overlay" if images.can_overlay else "copy"
        record = Record(spec.name, address, port, host_key, image.lower, mode)
        self._room.write(record)
        return self.machine(record)

    def machine(self, record: Record) -> Machine:
        """Return a machine as it stands."""
        pid = processes.running_pid(self._room.path(record.name))
        state = MachineState.STOPPED if pid is None else MachineState.RUNNING
        return Machine(record.name, record.address, record.port, record.host_key, state, pid)

    def remove(self, name: str) -> None:
        """End what runs of a machine, and remove its files."""
        directory = self._room.path(name)
        processes.kill(directory)
        processes.kill_all_in(directory / "root")
        self._room.remove(name)
