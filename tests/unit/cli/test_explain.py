from datetime import UTC, date, datetime

from oakum.adapters.policies.shipped import shipped_tables
from oakum.core.advisories.signals import CveSignals, KevEntry
from oakum.core.ids import CveId, HostId
from oakum.core.inventory.host import Criticality, Exposure, Host
from oakum.core.risk.assessment import Assessor
from oakum.entrypoints.cli.explain import _priority
from oakum.services.explain_finding import Explanation

CVE = CveId("CVE-2026-0001")
SEEN = date(2026, 11, 1)
HOST = Host(
    HostId("web-1"), "web-1", "192.0.2.1", 22, "root", "", datetime(2026, 1, 1, tzinfo=UTC),
    exposure=Exposure.OPEN, criticality=Criticality.HIGH,
)  # fmt: skip


def explained(policy: str, signals: CveSignals) -> list[str]:
    answer = Assessor(shipped_tables(), (policy,)).assess(signals, HOST, SEEN)
    return list(_priority(Explanation(HOST, None, None, (), (), signals, (), (), answer, ())))


def test_cisas_word_stands_beside_the_lane_and_the_rule_can_be_looked_up() -> None:
    """Two tables, each by its name; and where the rule of the date is written."""
    kev = KevEntry(CVE, SEEN, None, is_used_by_ransomware=False)
    assert explained("asd-e8", CveSignals(CVE, kev=kev)) == [
        "lane immediate (SSVC, deployer); CISA's own table says act",
        "due 2026-11-03 (asd-e8 ML3: 2 days (working exploit: 48 hours))",
        "  by ASD ISM-1877 and ISM-1696",
        "exploitation active; host exposure open, criticality high",
        "would be out-of-cycle if web-1 were not exposed",
    ]


def test_without_a_date_there_is_no_rule_to_look_up() -> None:
    """It says that there is none."""
    said = explained("pci-dss", CveSignals(CVE))
    assert said[1] == "due at no date (no date: fix on the next scheduled upgrade)"
    assert not any(line.startswith("  by") for line in said)
