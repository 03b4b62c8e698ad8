"""What machines below a directory have left on this computer, found without asking Oakum."""

from pathlib import Path

CLAIMS = Path("/run/oakum-machines")
GROUPS = "oakum-machines"


def leftovers(directory: Path) -> list[str]:
    """Return processes, mounts, claims of addresses and files of machines in a directory."""
    place = str(directory)
    return [
        *(f"process {pid}" for pid in _processes(place)),
        *(
            f"mount {line}"
            for line in Path("/proc/mounts").read_text().splitlines()
            if place in line
        ),
        *(f"claim {claim}" for claim in _claims(place)),
        *(f"file {path}" for path in [directory] if path.exists()),
    ]


def orphaned_groups() -> list[str]:
    """Return control groups of machines whose network nobody claims: other labs may be up."""
    claimed = {claim.name for claim in CLAIMS.iterdir()} if CLAIMS.is_dir() else set[str]()
    found = Path("/sys/fs/cgroup").rglob(f"{GROUPS}/oakum-*")
    return sorted(
        str(path) for path in found if path.is_dir() and path.name.split("-")[3] not in claimed
    )


def _processes(place: str) -> list[int]:
    """Return the processes that name the directory, live in it or have mounts in it."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace")
            mounts = (process / "mounts").read_text()
            root = str((process / "root").readlink())
        except OSError:
            continue
        if place in words or place in mounts or root.startswith(place):
            found.append(int(process.name))
    return found


def _claims(place: str) -> list[str]:
    if not CLAIMS.is_dir():
        return []
    return [claim.name for claim in CLAIMS.iterdir() if claim.read_text().startswith(place)]
