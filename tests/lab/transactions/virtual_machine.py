"""Hosts with a kernel of their own and a root on a logical volume, which no container can have."""

import asyncio
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.lab.transactions.booted_host import ThrowAwayHost, unpack_base_image

from oakum.core.errors import TimedOutError
from oakum.ports.transport import CommandResult

BOOT_SECONDS = 240.0
ANSWER_SECONDS = 10.0
COMMAND_SECONDS = 240.0
GIGABYTES = 5
KERNEL = "linux-image-cloud-amd64"
PACKAGES = ("lvm2", "thin-provisioning-tools", "xfsprogs", "e2fsprogs", "initramfs-tools-core")
MODULES = "virtio_pci virtio_blk virtio_net dm_mod dm_snapshot dm_thin_pool xfs"
ACCELERATOR = "tcg,thread=multi"
"""Not kvm: there are machines, such as some virtual ones, whose /dev/kvm opens and then hangs."""
OUTSIDE = "10.0.2.2"
"""How a machine calls this one."""

HOOK = f"""#!/bin/sh
[ "$1" != prereqs ] || exit 0
. /usr/share/initramfs-tools/hook-functions
for module in {MODULES}; do manual_add_modules $module; done
for program in tar mkfs.ext4 mkfs.xfs thin_check; do copy_exec "$(command -v $program)"; done
"""
MAKE_VOLUMES = """#!/bin/sh
# The first boot makes the disk's volumes and fills the root; later ones find it as any host does.
[ "$1" != prereqs ] || exit 0
kind=
read -r words </proc/cmdline
for word in $words; do case "$word" in oak.kind=*) kind=${word#*=} ;; esac; done
[ -n "$kind" ] || exit 0
exec </dev/null
set -x
lvm pvcreate -y /dev/vda && lvm vgcreate fleet-vg /dev/vda
case "$kind" in
  thin-*)
    lvm lvcreate -y -L 4G -T fleet-vg/pool
    lvm lvcreate -y -V 2G -T fleet-vg/pool -n root
    ;;
  *) lvm lvcreate -y -L 2G -n root fleet-vg ;;
esac
case "$kind" in
  *xfs) mkfs.xfs -q -f /dev/fleet-vg/root ;;
  *) mkfs.ext4 -q -E lazy_itable_init=1 /dev/fleet-vg/root ;;
esac
mkdir -p /made && mount -t "${kind#*-}" /dev/fleet-vg/root /made || exit 1
tar -C /made -xpf /dev/vdb
umount /made
"""
SOCKET = """[Socket]
ListenStream=99
Accept=yes
[Install]
WantedBy=sockets.target
"""
SERVICE = """[Service]
ExecStart=-/bin/sh /usr/local/sbin/oak-shell
StandardInput=socket
StandardOutput=socket
StandardError=null
"""
SHELL = """# Reads two lengths, script, input; says exit code, two lengths, what was printed.
read -r script input
place=$(mktemp -d /run/oak-shell.XXXXXX)
head -c "$script" >"$place/script"
head -c "$input" >"$place/input"
sh "$place/script" <"$place/input" >"$place/out" 2>"$place/err"
echo "$? $(stat -c %s "$place/out") $(stat -c %s "$place/err")"
cat "$place/out" "$place/err"
rm -rf "$place"
"""
NETWORK = """[Match]
Name=e*
[Network]
Address=10.0.2.15/24
Gateway=10.0.2.2
LinkLocalAddressing=no
"""


@dataclass(frozen=True, slots=True)
class MachineImage:
    """What a machine boots: Debian's kernel and initramfs, and a root in a tar file."""

    kernel: Path
    initramfs: Path
    root: Path


def build_image(directory: Path, debs: list[Path]) -> MachineImage:
    """Make a bookworm with a kernel, LVM and these packages."""
    tree = unpack_base_image(directory, *PACKAGES)
    unpacked = _kernel()
    release = next((unpacked / "lib/modules").iterdir()).name
    shutil.copytree(unpacked / "lib/modules", tree / "usr/lib/modules", symlinks=True)
    shutil.copy(unpacked / f"boot/config-{release}", tree / "boot")
    _write(tree / "usr/share/initramfs-tools/hooks/oak", HOOK, 0o755)
    _write(tree / "usr/share/initramfs-tools/scripts/local-top/oak", MAKE_VOLUMES, 0o755)
    _write(tree / "etc/systemd/system/oak-shell.socket", SOCKET)
    _write(tree / "etc/systemd/system/oak-shell@.service", SERVICE)
    _write(tree / "usr/local/sbin/oak-shell", SHELL)
    _write(tree / "etc/systemd/network/oak.network", NETWORK)
    _write(tree / "etc/fstab", "")
    for deb in debs:
        shutil.copy(deb, tree / "var/tmp")
    host = ThrowAwayHost(tree, ("chroot", str(tree)))
    host.shell("dpkg -i /var/tmp/*.deb && rm /var/tmp/*.deb && apt-mark auto oak-auto")
    host.shell("systemctl enable oak-service.service oak-shell.socket systemd-networkd.service")
    host.shell(
        "sed -i 's/^MODULES=.*/MODULES=list/' /etc/initramfs-tools/initramfs.conf;"
        f" depmod {release}; cp /dev/null /etc/resolv.conf;"
        f" mkinitramfs -c gzip -o /boot/initrd.img-{release} {release}"
    )
    image = MachineImage(directory / "vmlinuz", directory / "initrd", directory / "root.tar")
    shutil.copy(next((unpacked / "boot").glob("vmlinuz-*")), image.kernel)
    shutil.copy(tree / f"boot/initrd.img-{release}", image.initramfs)
    unneeded = [f"--exclude=./usr/share/{name}/*" for name in ("doc", "man", "locale", "info")]
    _run("tar", "-C", str(tree), *unneeded, "-cf", str(image.root), ".")
    shutil.rmtree(tree)
    return image


class VirtualMachine:
    """One booted machine; as a session it runs scripts inside."""

    def __init__(self, image: MachineImage, directory: Path, kind: str) -> None:
        self._image = image
        self._kind = kind
        self._disk = directory / "disk"
        self._console = directory / "console"
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    def boot(self) -> None:
        """Boot it and wait until systemd has settled."""
        is_new = not self._disk.exists()
        with self._disk.open("ab") as out:
            out.truncate(GIGABYTES << 30)
        self._port = _free_port()
        words = [
            "root=/dev/mapper/fleet--vg-root",
            "rw",
            "console=ttyS0",
            "quiet",
            "panic=-1",
            "systemd.firstboot=off",
        ]
        words += [f"oak.kind={self._kind}"] * is_new
        drives = [("disk", self._disk, "off"), ("root", self._image.root, "on")]
        command = [
            *("timeout", "-k", "5", "900", "qemu-system-x86_64", "-accel", ACCELERATOR),
            *("-m", "1024", "-smp", "2", "-nodefaults", "-display", "none", "-no-reboot"),
            *("-serial", f"file:{self._console}", "-kernel", str(self._image.kernel)),
            *("-initrd", str(self._image.initramfs), "-append", " ".join(words)),
            *("-netdev", f"user,id=n,restrict=off,hostfwd=tcp:127.0.0.1:{self._port}-:99"),
            *("-device", "virtio-net-pci,netdev=n,romfile="),
        ]
        for name, path, read_only in drives:
            options = f"id={name},file={path},format=raw,if=none,readonly={read_only},cache=unsafe"
            command += ["-drive", options, "-device", f"virtio-blk-pci,drive={name}"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._wait_until_up()

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        assert self._process is not None
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                said = self._ask("systemctl is-system-running", b"", ANSWER_SECONDS)
            except (OSError, ValueError):
                time.sleep(0.2)
                continue
            if said.stdout.strip() in {b"running", b"degraded"}:
                return
            time.sleep(0.5)
        console = self._console.read_text(errors="replace")[-3000:]
        raise TimedOutError(f"the machine did not boot: {console}", hint="look at its console")

    def cut_power(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)

    def close(self) -> None:
        """End it and remove its disk."""
        self.cut_power()
        self._disk.unlink(missing_ok=True)

    async def run(
        self, script: str, *arguments: str, stdin: bytes = b"", timeout_seconds: float
    ) -> CommandResult:
        """Run a script inside."""
        line = shlex.join(("exec", "sh", "-c", script, "oakum", *arguments))
        return await asyncio.to_thread(self._ask, line, stdin, timeout_seconds)

    def shell(self, script: str) -> str:
        """Run a shell line inside and return what it prints; fail when it fails."""
        done = self._ask(script, b"", COMMAND_SECONDS)
        assert done.exit_status == 0, f"{script}: {done.stdout!r} {done.stderr!r}"
        return done.stdout.decode()

    def try_shell(self, script: str) -> str:
        """Run a shell line inside, whatever it ends with."""
        return self._ask(script, b"", COMMAND_SECONDS).stdout.decode()

    def _ask(self, script: str, stdin: bytes, seconds: float) -> CommandResult:
        text = script.encode()
        with socket.create_connection(("127.0.0.1", self._port), seconds) as connection:
            connection.sendall(b"%d %d\n%b%b" % (len(text), len(stdin), text, stdin))
            with connection.makefile("rb") as answer:
                code, out, err = (int(word) for word in answer.readline().split())
                return CommandResult(code, answer.read(out), answer.read(err))


def _kernel() -> Path:
    """Return Debian's kernel, unpacked; fetched once, kept in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "oakum"
    kept = cache / "tests-kernel"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as place:
            depends = _run("apt-cache", "depends", "--important", KERNEL).decode().split()
            name = next(word for word in depends if word.startswith("linux-image-6"))
            _run("apt-get", "download", name, cwd=place)
            (deb,) = Path(place).glob("*.deb")
            _run("dpkg-deb", "-x", str(deb), f"{place}/kernel")
            (Path(place) / "kernel").rename(kept)
    return kept


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def _run(*command: str, cwd: str | None = None) -> bytes:
    done = subprocess.run(command, capture_output=True, timeout=300, check=False, cwd=cwd)
    assert done.returncode == 0, f"{command}: {done.stderr.decode()}"
    return done.stdout
