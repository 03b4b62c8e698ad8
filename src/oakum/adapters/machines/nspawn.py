"""Machines that boot: systemd-nspawn containers with systemd as their first process."""

from pathlib import Path
from shutil import which

from oakum.adapters.machines import processes
from oakum.adapters.machines.building import Builder
from oakum.adapters.machines.control_groups import make_groups, needs_scope_of_its_own
from oakum.adapters.machines.images import BTRFS, Images, unshare_command
from oakum.adapters.machines.programs import MachineError, succeeds
from oakum.adapters.machines.room import Record, Room
from oakum.ports.machines import Machine, MachineSpec, Progress

SHUTDOWN_SECONDS = 90

BOOT = """
case "$1" in
  overlay) mount -t overlay overlay -o "lowerdir=$3,upperdir=$4,workdir=$5" "$2" ;;
  btrfs)
    # A machine that was killed a moment ago may still have it: two loops over one file destroy it.
    while [ -n "$(losetup -j "$4")" ]; do sleep 0.1; done
    mount -o loop,noatime,subvol=root "$4" "$2" ;;
esac
while read -r group; do echo $$ >"$group/cgroup.procs"; done <"$7"
trap 'kill -TERM "$container"' TERM
status=133
while [ "$status" = 133 ]; do
  systemd-nspawn --quiet --directory="$2" --machine="$6" --boot --register=no $8 \\
    --resolv-conf=off --timezone=off --link-journal=no --console=pipe &
  container=$!
  status=0
  wait "$container" || status=$?
  while kill -0 "$container" 2>/dev/null; do wait "$container" || status=$?; done
done
exit "$status"
"""
"""The mount is in a namespace of its own and goes with the machine, however that ends.

$8 is --keep-unit, or nothing where systemd runs this computer; $7 lists groups to go into.
A machine that reboots ends nspawn with 133: with --keep-unit, booting it again is left to others.
A signal cuts `wait` short, hence the second one.
"""


class NspawnProvider:
    """Full boot, shared network: each machine's services listen on its own loopback address."""

    def __init__(self, directory: Path, images: Images, mode: str = "") -> None:
        self.name = f"nspawn-{mode}" if mode else "nspawn"
        self._room = Room(directory)
        self._builder = Builder(self._room, images, mode)
        self._needs_btrfs = mode == BTRFS

    def refusal(self) -> str | None:
        """Try namespaces and nspawn itself, on this computer's own root, read-only."""
        if not unshare_command():
            return "mount namespaces are refused here"
        trial = [
            "systemd-nspawn", "--quiet", "--directory=/", "--volatile=yes", "--register=no",
            "--keep-unit", "--as-pid2", "--console=pipe", "--link-journal=no",
            "--resolv-conf=off", "true",
        ]  # fmt: skip
        refused = succeeds([*unshare_command(), *trial])
        if refused is None and self._needs_btrfs and not (which("mkfs.btrfs") and which("btrfs")):
            return "btrfs-progs is not installed"
        return refused

    def create(self, spec: MachineSpec, progress: Progress) -> Machine:
        """Build a machine; it does not run yet."""
        return self._builder.create(spec, progress)

    def start(self, name: str) -> Machine:
        """Boot it."""
        record, directory = self._room.read(name), self._room.path(name)
        if processes.running_pid(directory) is None:
            self._room.keep_address(record)
            machine = f"oakum-{record.address.replace('.', '-')}"
            groups = str(make_groups(directory, machine))
            unit = "" if needs_scope_of_its_own() else "--keep-unit"
            places = (*_directories(record, directory), machine, groups, unit)
            arguments = ("sh", "-eu", "-c", BOOT, "sh", *places)
            processes.start_detached([*unshare_command(), *arguments], directory)
        return self._builder.machine(record)

    def stop(self, name: str) -> None:
        """Shut it down cleanly."""
        directory = self._room.path(self._room.read(name).name)
        if not processes.terminate(directory, timeout_seconds=SHUTDOWN_SECONDS):
            raise MachineError(
                f"{name} did not shut down within {SHUTDOWN_SECONDS} s",
                hint=f"its console is in {directory / 'console.log'}",
            )

    def kill(self, name: str) -> None:
        """Cut its power."""
        processes.kill(self._room.path(self._room.read(name).name))

    def destroy(self, name: str) -> None:
        """Remove it."""
        self._builder.remove(name)

    def clear(self) -> int:
        """Remove every machine, also half-built ones; return how many there were."""
        return self._builder.clear()

    def names(self) -> tuple[str, ...]:
        """Return every machine, also those whose building was interrupted."""
        return self._room.names()

    def machines(self) -> tuple[Machine, ...]:
        """Return every machine, by name."""
        return tuple(self._builder.machine(record) for record in self._room.records())


def _directories(record: Record, directory: Path) -> tuple[str, ...]:
    layer = "disk" if record.mode == BTRFS else "upper"
    root, upper, work = (str(directory / name) for name in ("root", layer, "work"))
    return (record.mode, root, record.lower, upper, work)
