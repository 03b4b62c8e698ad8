"""Adding and removing hosts: who is meant is never in doubt."""

import asyncio
from collections.abc import Callable

import pytest
from tests.integration.services.conftest import SteppingClock

from oakum.core.audit.event import Action
from oakum.core.errors import InputError, NotFoundError
from oakum.core.inventory.ssh_config import KnownAddress
from oakum.ports.stores import UnitOfWorkFactory
from oakum.services.manage_hosts import HostKeeper, NewHost

KEY = "ssh-ed25519 AAAAkey"


class Reader:
    """Shows the same key for every address."""

    async def read_host_key(self, address: str, port: int, *, timeout_seconds: float) -> str:
        assert address
        assert port
        assert timeout_seconds
        return KEY


@pytest.fixture
def keeper(begin: UnitOfWorkFactory, clock: SteppingClock) -> HostKeeper:
    return HostKeeper(begin, Reader(), clock, "alice")


def _known(name: str = "web-1", address: str = "192.0.2.1", port: int = 22) -> KnownAddress:
    return KnownAddress(name, address, port, "root")


def test_a_host_that_comes_again_is_another_one(
    keeper: HostKeeper, begin: UnitOfWorkFactory, actions: Callable[[], list[Action]]
) -> None:
    """Its id is new, and no name of a host can be equal to it."""
    first = keeper.add(NewHost(_known()), KEY)
    keeper.remove("web-1")
    second = keeper.add(NewHost(_known()), KEY)
    assert (first.id, second.id) == ("web-1", "web-1:2")
    with pytest.raises(InputError, match="cannot be a host's name"):
        keeper.add(NewHost(_known("web-1:2", port=23)), KEY)
    with begin() as work:
        assert [host.name for host in work.hosts.all()] == ["web-1"]
    assert actions() == [Action.HOST_ADDED, Action.HOST_REMOVED, Action.HOST_ADDED]


def test_only_the_whole_name_removes_a_host(keeper: HostKeeper) -> None:
    """Neither a beginning nor an id."""
    keeper.add(NewHost(_known()), KEY)
    keeper.remove("web-1")
    keeper.add(NewHost(_known()), KEY)
    for typed in ("web", "web-", "web-1:2", "WEB-1"):
        with pytest.raises(NotFoundError):
            keeper.remove(typed)
    assert keeper.remove("web-1").id == "web-1:2"


@pytest.mark.parametrize(
    "known",
    [
        *(
            _known(name)
            for name in ("", "../../evil", "-oProxyCommand=x", ".hidden", "a\nb", "a b", "x" * 101)
        ),
        *(_known(name) for name in ("latest", "local", "rollout-1", "plan-1", "host:1", "é")),
        *(_known(address=address) for address in ("", "-oProxyCommand=x", "a b", "a\x1b", "a;b")),
        KnownAddress("web-1", "192.0.2.1", 22, "-l"),
        KnownAddress("web-1", "192.0.2.1", 22, "a\nb"),
        KnownAddress("web-1", "192.0.2.1", 22, "root", "-F/x"),
        KnownAddress("web-1", "192.0.2.1", 22, "root", "", "-oProxyCommand=x"),
    ],
    ids=repr,
)
def test_words_that_could_be_taken_for_something_else_are_refused(
    keeper: HostKeeper, begin: UnitOfWorkFactory, known: KnownAddress
) -> None:
    """What becomes a file name, a unit name or an argument on other machines is plain."""
    with pytest.raises(InputError, match=r"cannot be|is no address"):
        keeper.add(NewHost(known), KEY)
    with begin() as work:
        assert work.hosts.all() == ()
        assert work.audit.events() == ()


@pytest.mark.parametrize("address", ["::1", "fe80::1%eth0", "192.0.2.1", "db.example", "db_1"])
def test_every_usual_address_can_be_used(keeper: HostKeeper, address: str) -> None:
    """IPv6 with a zone too."""
    assert keeper.add(NewHost(_known(address=address)), KEY).address == address


def test_a_label_that_no_selector_could_name_is_refused(keeper: HostKeeper) -> None:
    """Otherwise it would be there, and never match."""
    with pytest.raises(InputError, match="cannot be a label"):
        keeper.add(NewHost(_known(), labels=("role=web", "two words")), KEY)


def test_no_bad_address_is_even_asked_for_its_key(keeper: HostKeeper) -> None:
    """The words are judged before anything is started with them."""
    with pytest.raises(InputError):
        asyncio.run(keeper.read_key(_known(address="-oProxyCommand=x")))
