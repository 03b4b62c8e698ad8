"""Building and removing machines, the same for every way of running them."""

from oakum.adapters.machines import processes
from oakum.adapters.machines.control_groups import remove_groups
from oakum.adapters.machines.furnishing import FURNISH, archive
from oakum.adapters.machines.images import BTRFS, Image, Images
from oakum.adapters.machines.locked import locked
from oakum.adapters.machines.room import Record, Room
from oakum.core.errors import ConflictError
from oakum.ports.machines import Machine, MachineSpec, MachineState, Progress


class Builder:
    """Builds machines into a room, from cached images."""

    def __init__(self, room: Room, images: Images, mode: str = "") -> None:
        self._room = room
        self._images = images
        self._wanted = mode

    @property
    def _mode(self) -> str:
        return self._wanted or self._images.mode

    def create(self, spec: MachineSpec, progress: Progress) -> Machine:
        """Build a machine's root and keep its record."""
        if self._room.is_finished(spec.name):
            raise ConflictError(f"there is a machine {spec.name!r} already")
        self.remove(spec.name)  # what an interrupted building left
        extra = () if spec.is_exact else tuple(pin.name for pin in spec.packages)
        if self._mode == BTRFS:
            extra = (*extra, "btrfs-progs")
        image = self._images.with_packages(spec.release, extra, progress)
        address, port = self._room.reserve(spec.name)
        with locked(self._room.path(spec.name)):
            host_key = self._furnish(spec, image, address, port)
            record = Record(spec.name, address, port, host_key, image.lower, self._mode)
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
        if directory.exists():
            processes.kill(directory)
            processes.kill_all_in(directory / "root")
            with locked(directory):  # a building that is still under way ends first
                processes.kill(directory)
                processes.kill_all_in(directory / "root")
        remove_groups(directory)
        self._room.remove(name)

    def clear(self) -> int:
        """Remove every machine, and the room that they were in."""
        names = self._room.names()
        for name in names:
            self.remove(name)
        self._room.close()
        return len(names)

    def _furnish(self, spec: MachineSpec, image: Image, address: str, port: int) -> str:
        """Make the root; return the machine's public host key."""
        root = self._room.path(spec.name) / "root"
        if self._mode == "copy":
            self._images.copy_into(image, root)
        content = archive(spec, address, port)
        what = f"building {spec.name}"
        told = self._images.enter(root, image, FURNISH, stdin=content, what=what, mode=self._mode)
        return " ".join(told.decode().strip().splitlines()[-1].split()[:2])
