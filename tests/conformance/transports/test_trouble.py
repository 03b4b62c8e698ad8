"""What can go wrong on the way to a host: each an error that names the host and the cause."""

import asyncio
import errno
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conformance.transports.conftest import CONNECT_SECONDS, REMOTE
from tests.conformance.transports.ssh_server import (
    SSH_PORT,
    SshServer,
    free_port,
    make_key,
    public_key,
    running_sshd,
)

from oakum.adapters.transports import ssh_library
from oakum.adapters.transports.asyncssh_transport import AsyncsshTransport
from oakum.adapters.transports.fingerprint import fingerprint
from oakum.adapters.transports.openssh import OpensshTransport
from oakum.core.errors import (
    ControllerError,
    HostError,
    HostKeyError,
    LoginError,
    OakumError,
    TimedOutError,
    TransportError,
    UnreachableError,
)
from oakum.core.inventory.host import Host
from oakum.ports.transport import CommandResult, Transport

SECONDS = 20
FAKE_SUDO = """#!/bin/sh
[ "$1" = -n ] || { echo "a person would be asked" >&2; exit 1; }
shift
[ "$1" = -- ] && shift
OAKUM_TEST_ROOT=yes exec "$@"
"""


def run(transport: Transport, host: Host, script: str, *arguments: str) -> CommandResult:
    async def ask() -> CommandResult:
        async with transport.connect(host) as session:
            return await session.run(script, *arguments, timeout_seconds=SECONDS)

    return asyncio.run(ask())


def refusal(transport: Transport, host: Host, kind: type[OakumError]) -> OakumError:
    """Return the error, which must be of this kind, name the host and say what to do next."""
    with pytest.raises(kind) as caught:
        run(transport, host, "echo never")
    assert host.name in caught.value.message
    assert caught.value.hint
    return caught.value


def test_refused_connection(remote: Transport, sshd: SshServer) -> None:
    """Nobody listens: unreachable, with address and port."""
    port = free_port("127.0.0.1")
    error = refusal(remote, replace(sshd.host, port=port), UnreachableError)
    assert f"port {port}" in error.message
    assert "refused" in error.message


def test_name_that_does_not_resolve(remote: Transport, sshd: SshServer) -> None:
    """A typing error in the address is unreachable, and the address is said."""
    error = refusal(remote, replace(sshd.host, address="no-such-host.invalid"), UnreachableError)
    assert "no-such-host.invalid" in error.message


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Listen, and never say a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("quick", ["asyncssh", "openssh"])
def test_host_that_accepts_and_says_nothing(sshd: SshServer, silent_port: int, quick: str) -> None:
    """A hung host is timed out, within the time for connecting."""
    began = time.monotonic()
    refusal(REMOTE[quick](1), replace(sshd.host, port=silent_port), TimedOutError)
    assert time.monotonic() - began < CONNECT_SECONDS


def test_something_else_listens_there(remote: Transport, sshd: SshServer) -> None:
    """A port where no SSH server answers is unreachable, not a traceback."""

    async def ask() -> None:
        async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with remote.connect(replace(sshd.host, port=port)):
                pytest.fail("connected to what is no SSH server")

    with pytest.raises(UnreachableError, match="web-1"):
        asyncio.run(ask())


def test_another_host_key_is_a_hard_stop(
    remote: Transport, sshd: SshServer, tmp_path: Path
) -> None:
    """Both fingerprints are shown, and the hint says not to trust the new one lightly."""
    make_key(tmp_path / "other")
    pinned = public_key(tmp_path / "other.pub")
    error = refusal(remote, replace(sshd.host, host_key=pinned), HostKeyError)
    assert fingerprint(pinned) in error.message
    assert fingerprint(sshd.host.host_key) in error.message
    assert "somebody may stand between" in (error.hint or "")


def test_another_kind_of_host_key_is_a_hard_stop(
    remote: Transport, sshd: SshServer, tmp_path: Path
) -> None:
    """A host that no longer has a key of the pinned kind is not the pinned host."""
    make_key(tmp_path / "other", "ecdsa")
    pinned = public_key(tmp_path / "other.pub")
    error = refusal(remote, replace(sshd.host, host_key=pinned), HostKeyError)
    assert fingerprint(pinned) in error.message


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_every_kind_of_host_key_can_be_pinned(remote: Transport, kind: str, tmp_path: Path) -> None:
    """A host without an ed25519 key is reached by the key that it has."""
    make_key(tmp_path / "key", kind)
    with running_sshd(f"HostKey {tmp_path}/key") as server:
        host = replace(server.host, host_key=public_key(tmp_path / "key.pub"))
        assert run(remote, host, "echo in").stdout == b"in\n"


def test_the_usual_port_needs_no_special_pinning(remote: Transport) -> None:
    """Port 22, where known_hosts files write addresses in another way, is as good as any."""
    with running_sshd(address="127.0.0.22", port=SSH_PORT) as server:
        assert run(remote, server.host, "echo in").stdout == b"in\n"


def test_a_host_with_old_key_exchange_is_reached(remote: Transport) -> None:
    """Preferring quick algorithms does not lock out a host that has only others."""
    with running_sshd("KexAlgorithms ecdh-sha2-nistp384") as server:
        assert run(remote, server.host, "echo in").stdout == b"in\n"


def test_a_host_with_which_nothing_can_be_agreed_is_not_an_attacker(remote: Transport) -> None:
    """No common algorithm is unreachable: the key did not change, and is not said to have."""
    with running_sshd("Ciphers aes128-cbc") as server:
        refusal(remote, server.host, UnreachableError)


def test_unknown_user_key(remote: Transport, sshd: SshServer) -> None:
    """A login that is refused names the user, and the hint where to look."""
    error = refusal(remote, sshd.stranger, LoginError)
    assert sshd.host.user in error.message
    assert "authorized_keys" in (error.hint or "")


def test_too_many_wrong_keys(remote: Transport) -> None:
    """A server that hangs up after the first wrong key has refused the login as well."""
    with running_sshd("MaxAuthTries 1") as server:
        refusal(remote, server.stranger, LoginError)


def test_a_missing_identity_file_is_named(remote: Transport, sshd: SshServer) -> None:
    """A key of ours that is not there is not the host's fault."""
    host = replace(sshd.host, identity_file="/nonexistent/key")
    error = refusal(remote, host, ControllerError)
    assert "/nonexistent/key, cannot be used: No such file or directory" in error.message


@pytest.fixture
def keyless(sshd: SshServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Host:
    """Return a host whose key is only in an agent, on a machine without keys of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return replace(sshd.host, identity_file="")


@contextmanager
def _agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Run an agent without keys. A socket's path may hold some 100 bytes: pytest's are longer."""
    with tempfile.TemporaryDirectory() as directory:
        socket_path = Path(directory, "agent")
        agent = subprocess.Popen(
            ["ssh-agent", "-D", "-a", str(socket_path)], stdout=subprocess.DEVNULL
        )
        try:
            while not socket_path.exists():
                time.sleep(0.01)
            monkeypatch.setenv("SSH_AUTH_SOCK", str(socket_path))
            yield socket_path
        finally:
            agent.terminate()
            agent.wait(timeout=SECONDS)


def _add_key(path: Path) -> None:
    subprocess.run(["ssh-add", "-q", str(path)], check=True)


def test_no_key_at_all_is_not_the_hosts_silence(
    keyless: Host, sshd: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever way the agent came to hold none: no host would be let in to with it."""
    transport = AsyncsshTransport(CONNECT_SECONDS)
    error = refusal(transport, keyless, ControllerError)
    assert "SSH_AUTH_SOCK is not set" in error.message
    with _agent(monkeypatch) as socket_path:
        error = refusal(transport, keyless, ControllerError)
        assert f"{socket_path} holds no key" in error.message
        _add_key(sshd.directory / "user")
        assert run(transport, keyless, "echo in").stdout == b"in\n"
    error = refusal(transport, keyless, ControllerError)
    assert f"{socket_path} does not answer: No such file" in error.message


def test_a_damaged_key_of_ours_is_not_the_hosts_silence(keyless: Host, tmp_path: Path) -> None:
    """Nothing is sent to any host while it is there."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/id_ed25519").write_text("no key\n")
    error = refusal(AsyncsshTransport(CONNECT_SECONDS), keyless, ControllerError)
    assert "one in ~/.ssh cannot be read: Invalid private key" in error.message


def test_a_key_that_the_host_does_not_know_is_its_refusal(
    keyless: Host, sshd: SshServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An agent's, or one of the machine: whether it was the right one nobody here can tell."""
    transport = AsyncsshTransport(CONNECT_SECONDS)
    with _agent(monkeypatch):
        _add_key(sshd.directory / "stranger")
        refusal(transport, keyless, LoginError)
    (tmp_path / ".ssh").mkdir()
    make_key(tmp_path / ".ssh/id_ed25519")
    refusal(transport, keyless, LoginError)


def test_a_shortage_here_is_not_the_hosts_silence(
    sshd: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no file left for a connection nothing is known of the host."""

    def connect(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(ssh_library.asyncssh, "connect", connect)
    error = refusal(AsyncsshTransport(CONNECT_SECONDS), sshd.host, ControllerError)
    assert "Too many open files" in error.message


def test_a_client_that_is_not_there_is_not_the_hosts_silence(
    sshd: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is it a defect, which would end the rollout."""
    monkeypatch.setenv("PATH", "/nonexistent")
    error = refusal(OpensshTransport(CONNECT_SECONDS), sshd.host, ControllerError)
    assert "No such file or directory" in error.message


def test_a_directory_that_cannot_be_made_is_not_the_hosts_silence(
    sshd: SshServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The disk for temporary files is full or away."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "away"))
    refusal(OpensshTransport(CONNECT_SECONDS), sshd.host, ControllerError)


def test_connection_lost_in_the_middle(remote: Transport, sshd: SshServer) -> None:
    """A command whose sshd is killed is not taken for ended; the hint says how to go on."""
    with pytest.raises(UnreachableError, match="connection to web-1 was lost") as caught:
        run(remote, sshd.host, "echo half; kill -9 $PPID; sleep 20")
    assert "goes on there" in (caught.value.hint or "")


def test_a_lost_session_stays_lost(remote: Transport, sshd: SshServer) -> None:
    """What is asked over a connection that died is a transport error, not a defect."""

    async def ask() -> None:
        async with remote.connect(sshd.host) as session:
            with pytest.raises(TransportError):
                await session.run("kill -9 $PPID; sleep 20", timeout_seconds=SECONDS)
            with pytest.raises(TransportError):
                await session.run("kill -9 $PPID; sleep 20", timeout_seconds=SECONDS)

    asyncio.run(ask())


@pytest.mark.parametrize("noise", ["echo Welcome", "printf 'no newline'", "printf '@x\\n\\033[2J'"])
def test_what_a_login_prints_is_not_our_output(remote: Transport, noise: str) -> None:
    """A start-up file that greets us does not spoil the first line of the answer."""
    with running_sshd(f'ForceCommand {noise}; eval "$SSH_ORIGINAL_COMMAND"') as server:
        assert run(remote, server.host, "echo ours").stdout == b"ours\n"


def test_an_account_without_a_shell_is_said(remote: Transport) -> None:
    """What the host said in place of running our script is in the message."""
    with running_sshd("ForceCommand echo This account is not available; exit 1") as server:
        error = refusal(remote, server.host, HostError)
    assert "This account is not available" in error.message


def test_what_a_host_says_cannot_colour_our_terminal(remote: Transport) -> None:
    """Control characters of the host are written out in our message."""
    with running_sshd(r"ForceCommand printf '\033[31mred'; exit 1") as server:
        error = refusal(remote, server.host, HostError)
    assert "\x1b" not in error.message
    assert "\\x1b[31mred" in error.message


def test_an_ordinary_user_without_sudo_stays_one(remote: Transport, sshd: SshServer) -> None:
    """A host where root is not to be had is asked as the user that we are."""
    assert run(remote, sshd.as_user, "id -un").stdout == f"{sshd.as_user.user}\n".encode()


@pytest.mark.parametrize(
    "answer", [FAKE_SUDO, "#!/bin/sh\necho 'a password is required' >&2; exit 1\n"]
)
def test_an_ordinary_user_becomes_root_where_no_password_is_asked(
    remote: Transport, answer: str
) -> None:
    """Sudo is used when it asks nobody, and left alone when it would."""
    with running_sshd("SetEnv PATH=/sudo/is/elsewhere:/usr/bin:/bin") as probe:
        directory = probe.directory / "bin"
        directory.mkdir()
        (directory / "sudo").write_text(answer)
        (directory / "sudo").chmod(0o755)
        with running_sshd(f"SetEnv PATH={directory}:/usr/bin:/bin") as server:
            result = run(
                remote, server.as_user, 'echo "${OAKUM_TEST_ROOT:-no}"; cat; echo "$1"', "a 'b"
            )
    assert result.stdout == (b"yes" if answer == FAKE_SUDO else b"no") + b"\na 'b\n"


def test_host_key_is_read_before_it_is_trusted(sshd: SshServer) -> None:
    """The key that a host shows is what ssh-keygen made, without a comment."""
    reader = AsyncsshTransport(CONNECT_SECONDS)
    key = asyncio.run(reader.read_host_key("127.0.0.1", sshd.host.port, timeout_seconds=5))
    assert key == sshd.host.host_key


def test_host_key_of_another_kind_is_read(tmp_path: Path) -> None:
    """Where there is no ed25519 key, the next best is shown."""
    make_key(tmp_path / "key", "rsa")
    with running_sshd(f"HostKey {tmp_path}/key", "HostKeyAlgorithms rsa-sha2-512") as server:
        reader = AsyncsshTransport(CONNECT_SECONDS)
        key = asyncio.run(reader.read_host_key("127.0.0.1", server.host.port, timeout_seconds=5))
    assert key == public_key(tmp_path / "key.pub")


def test_host_key_of_nobody(silent_port: int) -> None:
    """Asking for a key ends in time, and says where it asked."""
    reader = AsyncsshTransport(CONNECT_SECONDS)
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1 port"):
        asyncio.run(reader.read_host_key("127.0.0.1", free_port("127.0.0.1"), timeout_seconds=5))
    with pytest.raises(TimedOutError, match=f"127.0.0.1 port {silent_port}"):
        asyncio.run(reader.read_host_key("127.0.0.1", silent_port, timeout_seconds=0.5))
