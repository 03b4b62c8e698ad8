"""Reading what a host says of its vital signs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.adapters.checks.vital_signs import parse_vitals
from oakum.core.errors import HostError
from oakum.core.staging.vitals import UnitSeen
from oakum.core.text import is_plain
from oakum.ports.transport import CommandResult

ANSWER = b"""clock\t1795660185
name\tweb-1
name\tdeb.example
nameserver\t192.0.2.53
way\ta default route over IPv4
rule\tIPv4 100: from all fwmark 0x1 lookup 7
rules\ttold
unit\tssh.service\tactive\tenabled
unit\tdbus.service\tactive\tother
failed\tcron-job.service
units\ttold
end\tok
"""


def test_an_answer_is_read() -> None:
    """Each kind of line goes to its field."""
    seen = parse_vitals(CommandResult(0, ANSWER, b""))
    assert seen.clock is not None
    assert (seen.clock.year, seen.resolved) == (2026, ("deb.example", "web-1"))
    assert seen.rules == ("IPv4 100: from all fwmark 0x1 lookup 7",)
    assert seen.units == (
        UnitSeen("ssh.service", "active", is_enabled=True),
        UnitSeen("dbus.service", "active"),
    )
    assert seen.failed_units == ("cron-job.service",)


def test_what_a_host_cannot_tell_is_unknown() -> None:
    """Without `ip` and systemd there are no rules and units, which is not the same as none."""
    seen = parse_vitals(CommandResult(0, b"clock\t1795660185\nend\tok\n", b""))
    assert (seen.rules, seen.units) == (None, None)


@pytest.mark.parametrize("output", [b"", b"clock\t1795660185\n", ANSWER[:-4], b"end\tok\nmore\n"])
def test_half_an_answer_is_none(output: bytes) -> None:
    """An answer without its end is an error: what is missing is neither lost nor good."""
    with pytest.raises(HostError, match="vital signs"):
        parse_vitals(CommandResult(1, output, b"sh: killed"))


@given(st.binary(max_size=200))
def test_no_answer_is_too_strange(noise: bytes) -> None:
    """Whatever a host prints, it is read or refused, and nothing of it reaches a terminal raw."""
    try:
        seen = parse_vitals(CommandResult(0, noise + b"\nend\tok\n", b""))
    except HostError:
        return
    assert all(map(is_plain, (*seen.resolved, *seen.ways, *seen.failed_units)))
