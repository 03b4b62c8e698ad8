"""A tiny signed apt repository of packages that are built on the spot, as a snapshot would be."""

import hashlib
import shutil
import subprocess
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pysequoia
from demo.archive import ARCHITECTURE, sign_archive

from oakum.core.ids import Digest, SnapshotId
from oakum.core.planning.change import ChangeKind, PackageChange, RollbackClass
from oakum.ports.package_manager import SnapshotAccess

SUITE = "bookworm"


@dataclass(frozen=True, slots=True)
class SmallPackage:
    """What goes into one .deb."""

    name: str
    version: str
    files: dict[str, str] = field(default_factory=dict)
    """Absolute path → content; paths in /etc are conffiles; programs are copied by `programs`."""
    programs: dict[str, str] = field(default_factory=dict)
    """Absolute path → program of this machine that is copied there."""
    scripts: dict[str, str] = field(default_factory=dict)
    """preinst, postinst … → shell text."""
    depends: str = ""
    architecture: str = ARCHITECTURE

    @property
    def key(self) -> str:
        return f"{self.name}:{self.architecture}"


class SmallArchive:
    """Builds packages and serves them over HTTP under a signed Release."""

    def __init__(self, directory: Path, address: str = "127.0.0.1") -> None:
        self.root = directory / "archive"
        self.pool = self.root / "pool"
        self.pool.mkdir(parents=True)
        self._work = directory / "work"
        self._key = pysequoia.Tsk.generate("Oakum test snapshot")
        handler = partial(_QuietHandler, directory=str(self.root))
        self._server = ThreadingHTTPServer((address, 0), handler)
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def access(self) -> SnapshotAccess:
        address, port = self._server.server_address[:2]
        return SnapshotAccess(
            snapshot=SnapshotId("0" * 64),
            url=f"http://{address!s}:{port}",
            suite=SUITE,
            public_key=str(self._key.extract_certificate()),
        )

    def path_of(self, package: SmallPackage) -> Path:
        return self.pool / f"{package.name}_{package.version}_{package.architecture}.deb"

    def add(self, *packages: SmallPackage) -> None:
        for package in packages:
            self._build(package)
        self.publish()

    def publish(self) -> None:
        """Write the index anew and sign it."""
        sign_archive(self.root, SUITE, "Oakum", self._key)

    def change(self, old: SmallPackage | None, new: SmallPackage | None) -> PackageChange:
        """Return the change from one package to another (or to or from nothing)."""
        there = new or old
        if there is None:
            raise ValueError
        content = self.path_of(new).read_bytes() if new else b""
        return PackageChange(
            kind=_kind(old, new),
            name=there.name,
            architecture=there.architecture,
            old_version=old.version if old else "",
            new_version=new.version if new else "",
            sha256=Digest(hashlib.sha256(content).hexdigest()) if new else Digest(""),
            size_bytes=len(content),
            source_name=there.name,
            rollback_class=RollbackClass.SERVICE,
        )

    def _build(self, package: SmallPackage) -> None:
        tree = self._work / f"{package.name}_{package.version}"
        shutil.rmtree(tree, ignore_errors=True)
        control = tree / "DEBIAN"
        control.mkdir(parents=True)
        (control / "control").write_text(_control(package))
        for path, content in package.files.items():
            _place(tree, path).write_text(content)
        for path, program in package.programs.items():
            shutil.copy(program, _place(tree, path))
            # An appended byte makes another file of it, not another program.
            with (tree / path.lstrip("/")).open("ab") as out:
                out.write(package.version.encode())
        conffiles = [path for path in package.files if path.startswith("/etc/")]
        (control / "conffiles").write_text("".join(f"{path}\n" for path in conffiles))
        for name, text in package.scripts.items():
            (control / name).write_text(f"#!/bin/sh\n{text}\n")
            (control / name).chmod(0o755)
        _run(
            "dpkg-deb",
            "--root-owner-group",
            "-Zgzip",
            "--build",
            str(tree),
            str(self.path_of(package)),
        )


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is inherited
        pass


def _place(tree: Path, path: str) -> Path:
    place = tree / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _control(package: SmallPackage) -> str:
    depends = f"Depends: {package.depends}\n" if package.depends else ""
    return (
        f"Package: {package.name}\nVersion: {package.version}\n"
        f"Architecture: {package.architecture}\nMaintainer: Tests <tests@oakum.invalid>\n"
        f"{depends}Description: made for a test\n"
    )


def _kind(old: SmallPackage | None, new: SmallPackage | None) -> ChangeKind:
    if old is None:
        return ChangeKind.INSTALL
    if new is None:
        return ChangeKind.REMOVE
    return ChangeKind.UPGRADE if old.version < new.version else ChangeKind.DOWNGRADE


def _run(*command: str, cwd: Path | None = None) -> bytes:
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, timeout=60).stdout
