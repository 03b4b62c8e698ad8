"""What a case's run has to do: a plan over the tiny packages, and the snapshot's manifest."""

import asyncio
import hashlib
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tests.lab.faults.archive import NAME, FaultyArchive
from tests.lab.faults.kinds import Extra
from tests.lab.faults.machine import FaultHost
from tests.lab.faults.packages import UPGRADES, kernel, kernel_new
from tests.lab.transactions.booted_host import InsideSession, ThrowAwayHost
from tests.plans import NOW, PLAN

from oakum.adapters.machines.addresses import SSH_PORT
from oakum.adapters.package_managers.apt import AptPackageManager
from oakum.core.ids import Digest, HostId
from oakum.core.inventory.host import Host
from oakum.core.planning.change import ChangeKind, PackageChange, RollbackClass
from oakum.core.planning.plan import RebootPolicy, RestartPolicy
from oakum.core.repositories.snapshot import Role, SnapshotManifest, SnapshotPackage
from oakum.core.staging.check import Check, CheckKind
from oakum.core.staging.vitals import VitalQuestions
from oakum.ports.package_manager import Target
from oakum.services.drive_host import Assignment

CHECKS = (Check("the service runs", CheckKind.UNIT, "*", "oak-service.service"),)
Pair = tuple[Path | None, Path]
Debs = Mapping[Extra, tuple[Pair, ...]]
"""What a plan changes beside the tiny packages, as files: (installed or nothing, newer)."""
CORE = {Extra.SSHD: "openssh-server", Extra.LIBC: "libc6"}


@dataclass(frozen=True, slots=True)
class Login:
    """How the hosts of this lab are entered."""

    identity_file: str
    host_key: str


def assign(
    host: FaultHost,
    archive: FaultyArchive,
    extra: tuple[Pair, ...],
    login: Login,
    *,
    reboots: RebootPolicy,
    deadman_seconds: int,
) -> Assignment:
    """Return what a controller would have planned for the host."""
    tiny: list[Pair] = [
        (None if old is None else archive.path_of(old), archive.path_of(new))
        for old, new in UPGRADES
    ]
    pairs = [*tiny, *extra]
    changes = tuple(sorted((_change(*pair) for pair in pairs), key=lambda change: change.key))
    packages = tuple(_package(deb) for pair in pairs for deb in pair if deb is not None)
    plan = replace(
        PLAN,
        restart_policy=RestartPolicy.AFFECTED,
        reboot_policy=reboots,
        deadman_seconds=deadman_seconds,
    )
    return Assignment(
        host=Host(
            HostId(host.name), host.name, host.address, SSH_PORT, "root", login.host_key, NOW,
            identity_file=login.identity_file,
        ),
        plan=plan,
        plan_id=plan.id,
        changes=changes,
        manifest=SnapshotManifest("bookworm", "amd64", packages, ()),
        access=archive.named_access,
        checks=CHECKS,
        vital=VitalQuestions(names=(NAME,), packages=tuple(c.name for c in changes)),
    )  # fmt: skip


def extras(base: Path, archive: FaultyArchive, directory: Path) -> Debs:
    """Make what only some plans bring: a kernel, and newer builds of the real sshd and libc."""
    made: dict[Extra, tuple[Pair, ...]] = {
        Extra.NOTHING: (),
        Extra.KERNEL: ((archive.path_of(kernel), archive.path_of(kernel_new)),),
    }
    directory.mkdir()
    for extra, name in CORE.items():
        old = _repack(base, name, directory)
        made[extra] = ((old, _newer(old, directory)),)
    return made


def _repack(base: Path, name: str, directory: Path) -> Path:
    """Make the installed version's .deb out of a host, as Oakum does when no archive has it."""
    host = ThrowAwayHost(base, ("chroot", str(base)))
    version = host.shell(f"dpkg-query -W -f '${{Version}}' {name}")
    target = Target(name, "amd64", version)
    (content,) = asyncio.run(AptPackageManager().repack(InsideSession(host), (target,)))
    path = directory / f"{name}_{version.replace(':', '%3a')}_amd64.deb"
    path.write_bytes(content)
    return path


def _newer(deb: Path, directory: Path) -> Path:
    """Build the same package under a later version, every file written anew."""
    tree = directory / f"{deb.stem}.tree"
    _run("dpkg-deb", "-R", str(deb), str(tree))
    control = tree / "DEBIAN/control"
    text = re.sub(r"(?m)^(Version: .*)$", r"\1+oak1", control.read_text())
    control.write_text(re.sub(r"\(= [^)]*\)", _at_least, text))
    path = directory / deb.name.replace("_amd64", "+oak1_amd64")
    _run("dpkg-deb", "--root-owner-group", "-Zgzip", "--build", str(tree), str(path))
    shutil.rmtree(tree)
    return path


def _at_least(match: re.Match[str]) -> str:
    return match[0].replace("(=", "(>=")


def _change(old: Path | None, new: Path) -> PackageChange:
    package = _package(new)
    return PackageChange(
        kind=ChangeKind.INSTALL if old is None else ChangeKind.UPGRADE,
        name=package.name,
        architecture=package.architecture,
        old_version="" if old is None else _package(old).version,
        new_version=package.version,
        sha256=package.sha256,
        size_bytes=package.size_bytes,
        source_name=package.name,
        rollback_class=RollbackClass.SERVICE,
    )


def _package(deb: Path) -> SnapshotPackage:
    content = deb.read_bytes()
    shown = _run("dpkg-deb", "-W", "--showformat", "${Package}\t${Version}\t${Architecture}", deb)
    name, version, architecture = shown.decode().split("\t")
    return SnapshotPackage(
        name=name,
        version=version,
        architecture=architecture,
        source_name=name,
        source_version=version,
        sha256=Digest(hashlib.sha256(content).hexdigest()),
        size_bytes=len(content),
        installed_size_kib=0,
        roles=(Role.CANDIDATE,),
        origin="the fault cases",
    )


def _run(*command: str | Path) -> bytes:
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
