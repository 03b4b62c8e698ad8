"""A few hosts for fault cases over one base, and cases shared out among them."""

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue

from tests.lab.faults.archive import FaultyArchive
from tests.lab.faults.assignment import CORE, Login, extras
from tests.lab.faults.case import Case, CaseRunner, Outcome
from tests.lab.faults.machine import FaultHost, furnish
from tests.lab.faults.packages import half
from tests.lab.transactions.booted_host import unpack_base_image

from oakum.adapters.machines.addresses import claim_network, release_network

MEMORY = "/dev/shm"  # noqa: S108 (a directory of its own is made in it)
"""Hosts are kept in memory: of what is on a disk a lab's power cut loses nothing either."""


@contextlib.contextmanager
def fault_lab(hosts: int) -> "Iterator[FaultLab]":
    """Have a lab, and nothing of it afterwards."""
    with tempfile.TemporaryDirectory(prefix="oakum-faults-", dir=MEMORY) as directory:
        lab = FaultLab(Path(directory), hosts)
        try:
            yield lab
        finally:
            lab.close()


class FaultLab:
    """Hosts that fault cases are run on, each with a snapshot of its own."""

    def __init__(self, directory: Path, hosts: int) -> None:
        self._directory = directory
        key = directory / "access"
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)], check=True
        )
        base = unpack_base_image(directory, "openssh-server")
        host_key = furnish(base, directory, key.with_suffix(".pub").read_text().strip())
        login = Login(str(key), host_key)
        network = claim_network(directory)
        self._idle: SimpleQueue[CaseRunner] = SimpleQueue()
        self.runners: list[CaseRunner] = []
        for number in range(1, hosts + 1):
            archive = FaultyArchive(directory / f"snapshot-{number}")
            debs = extras(base, archive, directory / f"extras-{number}")
            archive.take(*(deb for extra in CORE for pair in debs[extra] for deb in pair if deb))
            host = FaultHost(
                base, directory / f"host-{number}", f"{network}.{number}", f"fault{number}"
            )
            self.runners.append(CaseRunner(host, archive, debs, login))
        archive = self.runners[0].archive
        archive.add(half)
        (base / "usr/lib/oak/half.deb").write_bytes(archive.path_of(half).read_bytes())
        for runner in self.runners:
            self._idle.put(runner)
        self._workers = ThreadPoolExecutor(hosts)

    def submit(self, case: Case) -> "Future[Outcome]":
        """Have a case run on the next idle host."""
        return self._workers.submit(self._run, case)

    def run_all(
        self, cases: Iterable[Case], said: Callable[[Outcome], None], minutes: float
    ) -> None:
        """Run cases on all hosts, none begun after so many minutes; `said` is told of each."""
        until = time.monotonic() + 60 * minutes
        futures = [self.submit(case) for case in cases]
        for future in as_completed(futures):
            if future.cancelled():
                continue
            said(future.result())
            if time.monotonic() > until:
                for waiting in futures:
                    waiting.cancel()

    def _run(self, case: Case) -> Outcome:
        runner = self._idle.get()
        try:
            return runner.run(case)
        finally:
            self._idle.put(runner)

    def close(self) -> None:
        """Take everything down; cases that have not begun are dropped."""
        self._workers.shutdown(cancel_futures=True)
        for runner in self.runners:
            runner.host.close()
            runner.archive.close()
        release_network(self._directory)
