"""Furnish a machine's root: packages, another host's /etc, files, and an identity of its own."""

import io
import tarfile
import uuid
from importlib.resources import files

from oakum.adapters.machines.images import source_text
from oakum.ports.machines import MachineFile, MachineSpec, PackagePin

FURNISH = (files(__package__) / "furnish.sh").read_text()

SSHD = """\
Port {port}
ListenAddress lab-address
PermitRootLogin prohibit-password
PasswordAuthentication no
"""
HOSTS = """\
127.0.0.1 localhost
{address} lab-address {name}
"""
IDENTITY = (
    "etc/hostname", "etc/hosts", "etc/machine-id", "etc/resolv.conf", "etc/fstab", "etc/mtab",
    "etc/passwd-?", "etc/shadow-?", "etc/group-?", "etc/gshadow-?", "etc/subuid-?", "etc/subgid-?",
    "etc/ssh/ssh_host_.*", "etc/ssl/private/.*", "etc/ssl/certs/.*", "etc/ld\\.so\\.cache",
    "etc/\\.pwd\\.lock", "etc/apt/sources\\.list\\.d/oakum-build\\.sources",
)  # fmt: skip
"""What makes a machine itself, or is secret: never taken from another host (patterns of grep)."""


def identity(spec: MachineSpec, address: str, port: int) -> tuple[MachineFile, ...]:
    """Return the files in which machines of one image differ.

    Service configuration is not among them: it says `lab-address`, which each machine's own hosts
    file resolves.
    """
    sshd = SSHD.format(port=port)
    return (
        MachineFile("/etc/hostname", f"{spec.name}\n".encode()),
        MachineFile("/etc/hosts", HOSTS.format(address=address, name=spec.name).encode()),
        MachineFile("/etc/machine-id", f"{uuid.uuid4().hex}\n".encode(), 0o444),
        MachineFile("/etc/ssh/sshd_config.d/oakum-lab.conf", sshd.encode()),
        MachineFile("/root/.ssh/authorized_keys", f"{spec.authorized_key}\n".encode(), 0o600),
    )


def archive(spec: MachineSpec, address: str, port: int) -> bytes:
    """Return the tar that furnish.sh reads."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for file in _build_files(spec):
            _add(tar, f"./.oakum-build{file.path}", file)
        for file in (*spec.files, *identity(spec, address, port)):
            _add(tar, f"./.oakum-build/files{file.path}", file)
    return content.getvalue()


def _build_files(spec: MachineSpec) -> tuple[MachineFile, ...]:
    pins = "".join(_pin_line(pin) for pin in spec.packages) if spec.is_exact else ""
    source = source_text(spec.source) if spec.source is not None else ""
    return (
        MachineFile("/pins", pins.encode()),
        MachineFile("/build.sources", source.encode()),
        MachineFile("/etc.tar", spec.etc_archive),
        MachineFile("/etc.kept", "".join(f"{pattern}\n" for pattern in IDENTITY).encode()),
        MachineFile("/setup.sh", spec.setup_script.encode()),
    )


def _pin_line(pin: PackagePin) -> str:
    mark = "auto" if pin.is_automatic else "manual"
    hold = "hold" if pin.is_held else "-"
    return f"{pin.name}:{pin.architecture}\t{pin.version}\t{mark}\t{hold}\n"


def _add(tar: tarfile.TarFile, name: str, file: MachineFile) -> None:
    parents = name.split("/")[1:-1]
    for depth in range(1, len(parents) + 1):
        directory = tarfile.TarInfo("./" + "/".join(parents[:depth]))
        directory.type, directory.mode = tarfile.DIRTYPE, 0o755
        if directory.name not in tar.getnames():
            tar.addfile(directory)
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(file.content), file.mode
    tar.addfile(entry, io.BytesIO(file.content))
