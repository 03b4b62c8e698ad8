"""The transports, and the one sshd that most of their tests share."""

from collections.abc import Callable, Iterator

import pytest
from tests.conformance.transports.ssh_server import SshServer, running_sshd

from oakum.adapters.transports.asyncssh_transport import AsyncsshTransport
from oakum.adapters.transports.local import LocalTransport
from oakum.adapters.transports.openssh import OpensshTransport
from oakum.ports.transport import Transport

CONNECT_SECONDS = 5
REMOTE: dict[str, Callable[[float], Transport]] = {
    "asyncssh": AsyncsshTransport,
    "openssh": OpensshTransport,
}


@pytest.fixture(scope="session")
def sshd() -> Iterator[SshServer]:
    with running_sshd() as server:
        yield server


@pytest.fixture(params=["local", *REMOTE])
def transport(request: pytest.FixtureRequest) -> Transport:
    """Every way to reach a host."""
    if request.param == "local":
        return LocalTransport()
    return REMOTE[request.param](CONNECT_SECONDS)


@pytest.fixture(params=[*REMOTE])
def remote(request: pytest.FixtureRequest) -> Transport:
    """Every way to reach a host over SSH."""
    return REMOTE[request.param](CONNECT_SECONDS)
