"""The facts of this machine, and of hosts that answer badly."""

import asyncio
import subprocess
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime

import pytest
from tests.conformance.stores import examples
from tests.conformance.transports.ssh_server import running_sshd
from tests.fakes.transport import FakeSession, FakeTransport

from oakum.adapters.facts.collector import ShellFactCollector
from oakum.adapters.transports.asyncssh_transport import AsyncsshTransport
from oakum.adapters.transports.local import LocalTransport
from oakum.core.errors import HostError
from oakum.core.inventory.facts import Facts, IndexReading
from oakum.core.inventory.host import Host
from oakum.ports.transport import CommandResult, Session, Transport

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LIST = "${db:Status-Abbrev}|${Package}|${Version}|${Architecture}|${source:Package}\n"


@dataclass
class Overheard:
    """A session of which the answers are kept."""

    inner: Session
    heard: list[bytes]

    async def run(
        self, script: str, *arguments: str, stdin: bytes = b"", timeout_seconds: float
    ) -> CommandResult:
        result = await self.inner.run(
            script, *arguments, stdin=stdin, timeout_seconds=timeout_seconds
        )
        self.heard.append(result.stdout)
        return result


def collect(transport: Transport, host: Host) -> Facts:
    async def ask() -> Facts:
        async with transport.connect(host) as session:
            return await ShellFactCollector().collect(session, now=NOW)

    return asyncio.run(ask())


@pytest.fixture(scope="module")
def here() -> Facts:
    """Ask this machine once."""
    return collect(LocalTransport(), examples.host("this machine"))


def test_no_line_of_this_machine_is_unreadable(here: Facts) -> None:
    """A real Debian prints nothing that we do not understand."""
    assert here.unreadable == ()
    assert here.distribution.id == "debian"
    assert here.collected_at == NOW


def test_packages_are_those_of_dpkg(here: Facts) -> None:
    """No package of the real dpkg is missing, and none is made up."""
    command = ["dpkg-query", "-W", f"-f={LIST}"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    expected = {
        tuple(column.strip() for column in line.split("|"))
        for line in printed.splitlines()
        if line[1] not in "nc"
    }
    assert {
        (p.status, p.name, p.version, p.architecture, p.source_name) for p in here.packages
    } == expected


def test_the_same_facts_come_over_ssh_through_a_noisy_login(here: Facts) -> None:
    """What a login prints, and which way is taken, changes no fact."""
    noise = r"printf 'Welcome\n@0 packages\nno newline'"
    with running_sshd(f'ForceCommand {noise}; eval "$SSH_ORIGINAL_COMMAND"') as server:
        there = collect(AsyncsshTransport(5), server.host)
    assert there.packages == here.packages
    assert there.unreadable == ()
    assert replace(there.kernel) == here.kernel


def test_facts_are_the_same_where_indices_are_not_read_again(here: Facts) -> None:
    """This machine, asked once more by who has its answer."""
    last = IndexReading(**{f.name: getattr(here, f.name) for f in fields(IndexReading)})
    heard: list[bytes] = []

    async def ask() -> Facts:
        async with LocalTransport().connect(examples.host("this machine")) as session:
            listening = Overheard(session, heard)
            return await ShellFactCollector().collect(listening, now=NOW, last=last)

    again = asyncio.run(ask())
    # Lists of this moment, or none at all, have no digest: then all is told once more.
    assert (b"same\tyes\n" in heard[0]) == bool(here.indices_digest)
    assert again.indices_digest == here.indices_digest or not here.indices_digest
    told = {f.name for f in fields(IndexReading)} - {"indices_digest"}
    for name in (*told, "packages", "has_package_indices"):
        assert getattr(again, name) == getattr(here, name)


def test_an_answer_that_is_cut_off_is_refused() -> None:
    """Half the sections are not half the facts: the host's own complaint is shown."""
    cut = FakeSession(
        lambda asked: CommandResult(
            1, f"@{asked.arguments[0]} os-release\n".encode(), b"sh: \x1b[31mkilled"
        )
    )
    with pytest.raises(HostError, match="incomplete") as caught:
        collect(FakeTransport({"web-1": cut}), examples.host())
    assert r"it also said: sh: \x1b[31mkilled" in caught.value.message


def test_an_answer_of_another_token_is_refused() -> None:
    """A host cannot know beforehand what its sections must begin with."""
    forged = FakeSession(lambda _: CommandResult(0, b"@0123 os-release\n@0123 end\n", b""))
    with pytest.raises(HostError):
        collect(FakeTransport({"web-1": forged}), examples.host())
