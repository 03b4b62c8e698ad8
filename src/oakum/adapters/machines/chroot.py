"""Machines without systemd: an sshd and init scripts in a chroot, for places that refuse nspawn."""

from pathlib import Path

from oakum.adapters.machines import processes
from oakum.adapters.machines.building import Builder
from oakum.adapters.machines.images import Images, unshare_command
from oakum.adapters.machines.programs import MachineError, succeeds
from oakum.adapters.machines.room import Room
from oakum.ports.machines import Machine, MachineSpec, Progress

STOP_SECONDS = 60

BOOT = """
[ "$1" = copy ] || mount -t overlay overlay -o "lowerdir=$3,upperdir=$4,workdir=$5" "$2"
if [ "$6" = contained ]; then
  mount -t proc proc "$2/proc"
  mount -t tmpfs -o mode=755,size=64m tmpfs "$2/run"
  mount -t tmpfs -o mode=1777,size=64m tmpfs "$2/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$2/dev/pts"
  ln -sf pts/ptmx "$2/dev/ptmx"
fi
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
  chroot "$2" /bin/sh -c '
    call_services() {
      for service in /etc/rc2.d/S*; do
        case $service in
          *ssh | *dbus | *cron | *sudo | *console-setup* | *rsync) ;;
          *) "$service" "$1" </dev/null || true ;;
        esac
      done
    }
    shut_down() {
      call_services stop
      exit 0
    }
    trap shut_down TERM
    find /run -mindepth 1 -delete
    mkdir -p /run/sshd /run/lock
    call_services start
    /usr/sbin/sshd -D &
    while :; do sleep 1 & wait $!; done'
"""
"""$6 is `contained` in mount and process namespaces of its own: elsewhere a mount would outlive us.

Without them /run is on the disk, and has pid files from before. What was started is stopped, and
nothing else is called: the scripts of rc0.d would set our clock and turn us off.
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
            prefix, how = unshare_command(), "bare"
            if prefix:
                prefix, how = (*prefix, "--pid", "--fork", "--kill-child"), "contained"
            arguments = (record.mode, root, record.lower, upper, work, how)
            command = [*prefix, "sh", "-eu", "-c", BOOT, "sh", *arguments]
            processes.start_detached(command, directory)
        return self._builder.machine(record)

    def stop(self, name: str) -> None:
        """Have its init scripts stop its services, then end what is left."""
        directory = self._room.path(self._room.read(name).name)
        stopped = processes.terminate(directory, timeout_seconds=STOP_SECONDS)
        self.kill(name)
        if not stopped:
            raise MachineError(
                f"{name} did not shut down within {STOP_SECONDS} s, and was killed",
                hint=f"its console is in {directory / 'console.log'}",
            )

    def kill(self, name: str) -> None:
        """End all its processes at once."""
        directory = self._room.path(self._room.read(name).name)
        processes.kill(directory)
        processes.kill_all_in(directory / "root")

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
