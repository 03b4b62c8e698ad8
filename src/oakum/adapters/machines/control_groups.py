"""Control groups: every machine that boots has groups of its own.

Machines that share one have inits that share `/system.slice` and `/user.slice`: each then trims
groups that another is just using, and ends the other's services with its own (seen as lost SSH
sessions and units that fail with 219/CGROUP). On a computer that runs systemd, nspawn makes a
scope; elsewhere nobody does, and we make groups below our own, in every hierarchy (cgroups(7)).
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from oakum.adapters.machines.programs import MachineError

SELF = Path("/proc/self/cgroup")
MOUNTS = Path("/proc/self/mounts")
OURS = "oakum-machines"
RECORD = "control-groups"
INHERITED = ("cpuset.cpus", "cpuset.mems")
"""A cpuset takes no process before it has these; every other controller starts without limits."""
LEAVE_SECONDS = 5.0


def needs_scope_of_its_own() -> bool:
    """Tell whether nspawn must be left to make a scope: where systemd runs this computer."""
    return Path("/run/systemd/system").exists()


def make_groups(directory: Path, machine: str) -> Path:
    """Make a machine's groups; return a file that lists them, one a line."""
    groups = [] if needs_scope_of_its_own() else list(_wanted(machine))
    record = directory / RECORD
    record.write_text("".join(f"{group}\n" for group in groups))  # first: who is killed left none
    for group in groups:
        _make(group)
    return record


def remove_groups(directory: Path) -> None:
    """Remove a machine's groups, which hold no process any more."""
    record = directory / RECORD
    if not record.exists():
        return
    for line in record.read_text().splitlines():
        group = Path(line)
        _remove(group)
        with contextlib.suppress(OSError):  # other machines have groups there
            group.parent.rmdir()


def _wanted(machine: str) -> Iterator[Path]:
    hierarchies = dict(_hierarchies(MOUNTS.read_text()))
    for line in SELF.read_text().splitlines():
        _, names, path = line.split(":", 2)
        mount = hierarchies.get(names)
        if mount is not None:
            yield mount / path.lstrip("/") / OURS / machine


def _hierarchies(mounts: str) -> Iterator[tuple[str, Path]]:
    """Give where each hierarchy is mounted, by the names that /proc/self/cgroup has for it."""
    for line in mounts.splitlines():
        _, place, kind, options, *_ = line.split(" ")
        if kind == "cgroup2":
            yield "", Path(place)
        if kind == "cgroup":
            names = [o for o in options.split(",") if o not in {"rw", "relatime", "nosuid"}]
            names = [name for name in names if name not in {"nodev", "noexec", "xattr"}]
            yield ",".join(names), Path(place)


def _make(group: Path) -> None:
    try:
        for part in (group.parent, group):
            part.mkdir(exist_ok=True)
            for name in INHERITED:
                if (part / name).exists() and not (part / name).read_text().strip():
                    (part / name).write_text((part.parent / name).read_text())
    except OSError as error:
        raise MachineError(
            f"the control group {group} cannot be made: {error.strerror}",
            hint="the chroot provider needs none: oakum lab up --provider chroot",
        ) from error


def _remove(group: Path) -> None:
    end = time.monotonic() + LEAVE_SECONDS
    while group.exists():
        inside = [path for path in group.rglob("*") if path.is_dir()]
        try:
            for path in (*sorted(inside, reverse=True), group):
                path.rmdir()
        except OSError as error:
            if time.monotonic() > end:
                raise MachineError(f"the control group {group} is still in use") from error
            time.sleep(0.05)
