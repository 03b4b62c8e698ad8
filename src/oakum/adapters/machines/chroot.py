"""Machines without systemd: an sshd and init scripts in a chroot, for places that refuse nspawn."""

from pathlib import Path

from oakum.adapters.machines import processes
from oakum.adapters.machines.building import Builder
from oakum.adapters.machines.images import Images, unshare_command
from oakum.adapters.machines.programs import succeeds
from oakum.adapters.machines.room import Room
from oakum.ports.machines import Machine, MachineSpec, Progress

BOOT = """
[ "$1" = copy ] || mount -t overlay overlay -o "lowerdir=$3,upperdir=$4,workdir=$5" "$2"
mount -t proc proc "$2/proc" 2>/dev/null || true
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
  chroot "$2" /bin/sh -c '
    trap "exit 0" TERM
    mkdir -p /run/sshd /run/lock
    for service in /etc/rc2.d/S*; do
      case $service in
        *ssh | *dbus | *cron | *sudo | *console-setup* | *rsync) ;;
        *) "$service" start </dev/null || true ;;
      esac
    done
    /usr/sbin/sshd -D &
    while sleep 1; do :; done'
"""


class ChrootProvider:
    """No boot and no systemd; also proves Oakum on hosts that have none."""

    name = "chroot"

    def __init__(self, directory: Path, images: Images) -> None:
        self._room = Room(directory)
        self._builder = Builder(self._room, images)

    def refusal(self) -> str | None:
        """Try to change the root."""
        return succeeds(["chroot", "/", "true"])

    def create(self, spec: MachineSpec, progress: Progress) -> Machine:
        """Build a machine; it does not run yet."""
        return self._builder.create(spec, progress)

    def start(self, name: str) -> Machine:
        """Start its services and its sshd, in process and mount namespaces where there are some."""
        record, directory = self._room.read(name), self._room.path(name)
        if processes.running_pid(directory) is None:
            self._room.keep_address(record)
            root, upper, work = (str(directory / part) for part in ("root", "upper", "work"))
            places = (record.mode, root, record.lower, upper, work)
            prefix = unshare_command()
            if prefix:
                prefix = (*prefix, "--pid", "--fork", "--kill-child")
            processes.start_detached([*prefix, "sh", "-eu", "-c", BOOT, "sh", *places], directory)
        return self._builder.machine(record)

    def stop(self, name: str) -> None:
        """End it: there is no init to shut it down in order."""
        self.kill(name)

    def kill(self, name: str) -> None:
        """End all its processes at once."""
        directory = self._room.path(self._room.read(name).name)
        processes.kill(directory)
        processes.kill_all_in(directory / "root")

    def destroy(self, name: str) -> None:
        """Remove it."""
        self._builder.remove(name)

    def names(self) -> tuple[str, ...]:
        """Return every machine, also those whose building was interrupted."""
        return self._room.names()

    def machines(self) -> tuple[Machine, ...]:
        """Return every machine, by name."""
        return tuple(self._builder.machine(record) for record in self._room.records())
