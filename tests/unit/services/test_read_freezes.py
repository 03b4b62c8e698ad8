"""What is frozen is read anew, and nothing is begun while it cannot be read."""

from datetime import UTC, datetime, timedelta

from oakum.core.errors import InputError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Host
from oakum.core.planning.openings import Freeze, HostFreeze
from oakum.core.planning.schedule import FreezeRule, Rules
from oakum.services.read_freezes import UNREADABLE, DeclaredFreezes

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
FREEZE = Freeze(NOW, NOW + timedelta(hours=1), "sale")
WEB, DB = (
    Host(HostId(name), name, name, 22, "root", "ssh-ed25519 AAAA", NOW, (f"role={name}",))
    for name in ("web", "db")
)


class _Site:
    """A clock and a file that a person edits."""

    def __init__(self) -> None:
        self.moment = NOW
        self.freezes: tuple[FreezeRule, ...] = ()
        self.fault = ""
        self.declared = DeclaredFreezes(self._read, [WEB, DB], self)

    def now(self) -> datetime:
        return self.moment

    def _read(self) -> Rules:
        if self.fault:
            raise InputError(self.fault)
        return Rules((), self.freezes, "oakum.toml")


def test_one_that_is_declared_later_is_found() -> None:
    """And one that is lifted is gone; those that bind no host of the rollout are left out."""
    site = _Site()
    assert site.declared() == ()
    site.freezes = (FreezeRule("role:web", FREEZE), FreezeRule("role:mail", FREEZE))
    assert site.declared() == (HostFreeze(FREEZE, (WEB.id,)),)
    site.freezes = (FreezeRule("", FREEZE),)
    assert HostFreeze(FREEZE) in site.declared()
    assert site.declared() == (HostFreeze(FREEZE),)
    site.freezes = ()
    site.declared()
    assert site.declared() == ()


def test_a_file_that_is_being_written_lifts_nothing() -> None:
    """For a moment it is empty, or not there: hosts that begin then begin in the freeze."""
    site = _Site()
    site.freezes = (FreezeRule("", FREEZE),)
    assert site.declared() == (HostFreeze(FREEZE),)
    for _ in range(3):
        site.freezes = ()
        assert site.declared() == (HostFreeze(FREEZE),)
        site.freezes = (FreezeRule("", FREEZE),)
        assert site.declared() == (HostFreeze(FREEZE),)


def test_while_it_cannot_be_read_everything_is_frozen() -> None:
    """It says why; the same freeze for a while, so that it is not recorded at each look."""
    site = _Site()
    site.fault = "oakum.toml line 3: no such key"
    (first,) = site.declared()
    assert (first.hosts, first.is_in_force(NOW)) == ((), True)
    assert first.freeze.reason == "what is frozen cannot be read: oakum.toml line 3: no such key"
    site.moment += UNREADABLE - timedelta(seconds=1)
    assert site.declared() == (first,)
    site.moment += timedelta(seconds=1)
    (second,) = site.declared()
    assert second.is_in_force(site.moment)
    site.fault = ""
    assert site.declared() == ()


def test_a_selector_without_sense_freezes_as_well() -> None:
    """Nobody can tell whom it was meant for."""
    site = _Site()
    site.freezes = (FreezeRule("role:(", FREEZE),)
    (held,) = site.declared()
    assert held.hosts == ()
    assert "cannot be read" in held.freeze.reason
