"""A snapshot that can be switched off, altered, or signed at a wrong time."""

import re
import shutil
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pysequoia
from tests.lab.faults.packages import INSTALLED, OFFERED, library_new
from tests.lab.transactions.small_archive import SUITE, SmallArchive, SmallPackage

from oakum.ports.package_manager import SnapshotAccess

NAME = "snapshot.lab"
"""Known to the hosts by their /etc/hosts: what is taken from there cannot be resolved."""


class FaultyArchive(SmallArchive):
    """A signed snapshot of the tiny packages, for one host."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.is_off = False
        self._server.RequestHandlerClass = partial(_Handler, self, directory=str(self.root))
        self.add(*INSTALLED, *OFFERED)
        self._good = self.path_of(library_new).read_bytes()

    @property
    def named_access(self) -> SnapshotAccess:
        """Return the access by a name that the host must resolve."""
        access = self.access
        return SnapshotAccess(
            access.snapshot, access.url.replace("127.0.0.1", NAME), SUITE, access.public_key
        )

    def take(self, *debs: Path) -> None:
        """Add packages that were built elsewhere."""
        for deb in debs:
            shutil.copy(deb, self.pool / deb.name)
        self.publish()

    def switch_off(self) -> None:
        """Answer nobody any more."""
        self.is_off = True

    def misdate(self, hours: int) -> None:
        """Sign anew as if the host's clock went wrong by so many hours, seen from the archive.

        Hosts of the lab share this machine's clock, which is not ours to set: what apt compares
        it with is moved instead. Behind: a release of the future; ahead: one that has expired.
        """
        dist = self.root / "dists" / SUITE
        signed = (dist / "InRelease").read_text()
        body = signed.split("\n\n", 1)[1].split("-----BEGIN PGP SIGNATURE", 1)[0]
        now = datetime.now(tz=UTC)  # noqa: TID251 (the time of an archive, not of Oakum)
        date = now - timedelta(hours=hours)
        body = re.sub(r"(?m)^Date: .*$", f"Date: {_stamp(date)}", body)
        valid = f"Valid-Until: {_stamp(date + timedelta(hours=12))}\n"
        body = body.replace("Date:", f"{valid}Date:", 1)
        mode = pysequoia.SignatureMode.CLEAR
        (dist / "InRelease").write_bytes(
            pysequoia.sign(self._key.signer(), body.encode(), mode=mode)
        )

    def alter(self) -> None:
        """Change one byte of a package in the pool; the index still tells of the old bytes."""
        path = self.path_of(library_new)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    def replace_package(self) -> None:
        """Offer other bytes under the same version, and sign for them."""
        new = SmallPackage(library_new.name, library_new.version, {"/usr/share/oak/library": "3\n"})
        self.add(new)

    def mend(self) -> None:
        """Be as at the start."""
        self.is_off = False
        self.path_of(library_new).write_bytes(self._good)
        self.publish()


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, archive: FaultyArchive, *rest: object, directory: str) -> None:
        self._archive = archive
        super().__init__(*rest, directory=directory)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        if self._archive.is_off:
            self.close_connection = True
            return
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is inherited
        pass


def _stamp(moment: datetime) -> str:
    return moment.strftime("%a, %d %b %Y %H:%M:%S UTC")
