"""Adding and removing hosts: who is meant is never in doubt."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.integration.services.conftest import SteppingClock

from oakum.core.audit.event import Action
from oakum.core.errors import ConflictError, InputError, NotFoundError
from oakum.core.inventory.host import Guard
from oakum.core.inventory.known_address import KnownAddress
from oakum.ports.stores import UnitOfWorkFactory
from oakum.services.manage_hosts import HostKeeper, NewHost, is_known

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


def test_a_host_that_is_here_already_is_unchanged(keeper: HostKeeper) -> None:
    """Importing the same file twice is no failure."""
    new = NewHost(_known(), labels=("role=web",))
    assert not is_known(new, KEY, {})
    here = {"web-1": keeper.add(new, KEY)}
    assert is_known(new, KEY, here)
    assert is_known(new, None, here)


@pytest.mark.parametrize(
    ("new", "key", "said"),
    [
        (NewHost(_known(address="192.0.2.9")), KEY, "address 192.0.2.1, and not 192.0.2.9"),
        (NewHost(_known(port=99)), KEY, "port 22, and not 99"),
        (NewHost(_known(), labels=("a",)), KEY, "labels none, and not a"),
        (NewHost(_known()), "ssh-ed25519 other", "host key ssh-ed25519 AAAAkey, and not"),
    ],
)
def test_a_host_that_differs_is_named_with_what_differs(
    keeper: HostKeeper, new: NewHost, key: str, said: str
) -> None:
    """Neither is overwritten in silence, and the next step is named."""
    here = {"web-1": keeper.add(NewHost(_known()), KEY)}
    with pytest.raises(ConflictError, match=said) as caught:
        is_known(new, key, here)
    assert "hosts remove web-1" in (caught.value.hint or "")


def test_a_prepared_host_is_known_by_an_inventory_that_names_another_login(
    keeper: HostKeeper,
) -> None:
    """It was imported as root; that it is logged in to as oakum since is no other machine."""
    host = keeper.add(NewHost(_known()), KEY)
    prepared = replace(host, user="oakum", guard=Guard(1, ("SHA256:ann",)))
    assert is_known(NewHost(_known()), KEY, {"web-1": prepared})
    with pytest.raises(ConflictError, match="user"):
        is_known(NewHost(_known()), KEY, {"web-1": replace(prepared, guard=None)})


def test_a_host_that_is_reached_in_a_way_of_its_own_is_refused(keeper: HostKeeper) -> None:
    """Without its ProxyCommand ssh may come to another machine of the same address."""
    known = replace(_known(), not_carried_out=("ProxyCommand",))
    with pytest.raises(InputError, match="web-1 is reached with ProxyCommand"):
        keeper.add(NewHost(known), KEY)


def test_every_key_is_read_and_every_failure_is_kept(keeper: HostKeeper) -> None:
    """One host that cannot be asked does not keep the others out."""
    told: list[tuple[str, int, int]] = []
    bad = _known("web-2", address="-x")
    found = asyncio.run(keeper.read_keys([_known(), bad], lambda *line: told.append(line)))
    assert found["web-1"] == KEY
    assert isinstance(found["web-2"], InputError)
    assert told[-1] == ("reading host keys", 2, 2)
