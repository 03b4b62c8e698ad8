import pytest

from oakum.core.risk.disruption import Disruption, disruption_of


@pytest.mark.parametrize(
    ("source", "disruption"),
    [
        ("linux", Disruption.REBOOT),
        ("linux-6.1", Disruption.REBOOT),
        ("linux-signed-amd64", Disruption.REBOOT),
        ("linux-atm", Disruption.RESTART),
        ("glibc", Disruption.REBOOT),
        ("vim", Disruption.NONE),
        ("python3.11-doc", Disruption.NONE),
        ("nginx", Disruption.RESTART),
        ("never-heard-of", Disruption.RESTART),
    ],
)
def test_what_a_patch_is_expected_to_disturb(source: str, disruption: Disruption) -> None:
    """Every kernel is a reboot, whatever its source is called; the unknown is a restart."""
    assert disruption_of(source) is disruption


def test_more_disruption_costs_more() -> None:
    """A reboot waits longer than a restart, and what disturbs nothing does not wait."""
    assert Disruption.NONE.cost < Disruption.RESTART.cost < Disruption.REBOOT.cost
