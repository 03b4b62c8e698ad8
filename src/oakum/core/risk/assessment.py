"""What one CVE means on one host: exploited, exposed, automatable, when due, in which lane."""

from dataclasses import dataclass, field
from datetime import date, timedelta

from oakum.core.advisories.signals import CveSignals, Exploitation, TechnicalImpact
from oakum.core.errors import InputError
from oakum.core.inventory.host import Criticality, Exposure, Host
from oakum.core.risk.lane import CisaDecision, Lane
from oakum.core.risk.tables import DeadlineRule, PolicyTables

CRITICAL_TENTHS = 90
HUMAN_IMPACT = {
    Criticality.LOW: "low",
    Criticality.MEDIUM: "medium",
    Criticality.HIGH: "high",
    Criticality.VERY_HIGH: "very high",
}
MISSION = HUMAN_IMPACT | {Criticality.VERY_HIGH: "high"}
"""CISA's Mission and Well-being, which ends at high."""

Circumstances = tuple[bool, bool, bool, TechnicalImpact, bool, bool]
"""(in KEV, exposed, automatable, impact, critical, an exploit exists): what sets a deadline."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """The answer for one CVE on one host, with the reasons."""

    lane: Lane
    due: date | None
    """None: no enabled policy sets a date."""
    deadline_row: str
    """The rule that set the date, in words."""
    deadline_source: str
    """Where that rule is written; empty when no policy sets a date."""
    exploitation: Exploitation
    unexposed_lane: Lane
    """The lane that it would be in if the host were not exposed."""
    counterfactual: str
    """The same in words; empty when nothing would be otherwise."""
    cisa: CisaDecision
    """What CISA's own table says: as a second opinion, nothing follows from it."""


@dataclass(frozen=True, slots=True)
class Assessor:
    """Assesses by tables and the policies that are enabled."""

    tables: PolicyTables
    policies: tuple[str, ...]
    _rules: dict[Circumstances, DeadlineRule | None] = field(
        default_factory=dict, compare=False, repr=False
    )
    """The strictest rule for each of the few circumstances that there are."""

    def __post_init__(self) -> None:
        known = self.tables.policies
        for policy in self.policies:
            if policy not in known:
                raise InputError(
                    f"there is no deadline policy {policy!r}",
                    hint=f"[policy] deadlines may name: {', '.join(known)}",
                )

    def assess(self, signals: CveSignals, host: Host, first_seen: date) -> Assessment:
        """Return what a CVE means on a host; unknown exposure counts as open."""
        exposure = effective(host.exposure)
        rule = self._rule(signals, exposure)
        due = None if rule is None or rule.days is None else first_seen + timedelta(days=rule.days)
        lane = self._lane(signals, exposure, host.criticality)
        otherwise = self._lane(signals, Exposure.SMALL, host.criticality)
        words = f"would be {otherwise.value} if {host.name} were not exposed"
        return Assessment(
            lane=lane,
            due=due,
            deadline_row=_in_words(rule, signals),
            deadline_source=rule.source if rule is not None else "",
            exploitation=exploitation(signals),
            unexposed_lane=otherwise,
            counterfactual="" if otherwise is lane else words,
            cisa=self._cisa(signals, host.criticality),
        )

    def _lane(self, signals: CveSignals, exposure: Exposure, criticality: Criticality) -> Lane:
        impact = HUMAN_IMPACT[criticality]
        key = (exploitation(signals), exposure, is_automatable(signals), impact)
        return self.tables.lanes[key]

    def _cisa(self, signals: CveSignals, criticality: Criticality) -> CisaDecision:
        impact, mission = technical_impact(signals), MISSION[criticality]
        return self.tables.cisa[exploitation(signals), is_automatable(signals), impact, mission]

    def _rule(self, signals: CveSignals, exposure: Exposure) -> DeadlineRule | None:
        """Return the rule that sets the date; None where none does.

        A CVE that is disputed or rejected stays a finding, and its fix is still taken: nobody is
        held to a date for it.
        """
        if signals.reservation is not None:
            return None
        circumstances = (
            signals.kev is not None,
            exposure is not Exposure.SMALL,
            is_automatable(signals),
            technical_impact(signals),
            is_critical(signals),
            exploitation(signals) is not Exploitation.NONE,
        )
        if circumstances not in self._rules:
            self._rules[circumstances] = self._strictest(circumstances)
        return self._rules[circumstances]

    def _strictest(self, circumstances: Circumstances) -> DeadlineRule | None:
        """Return the rule with the earliest date, of all enabled policies."""
        kev, exposed, automatable, impact, critical, exploit = circumstances
        answers = {
            "kev": _word(holds=kev),
            "exposed": _word(holds=exposed),
            "automatable": _word(holds=automatable),
            "impact": impact.value,
            "critical": _word(holds=critical),
            "exploit": _word(holds=exploit),
        }
        dated = [
            (rule.days, rule)
            for rule in self.tables.deadlines
            if rule.policy in self.policies and rule.days is not None and rule.holds(answers)
        ]
        return min(dated, key=lambda pair: pair[0])[1] if dated else None


def _in_words(rule: DeadlineRule | None, signals: CveSignals) -> str:
    if signals.reservation is not None:
        return f"no date: the CVE is {signals.reservation.value}"
    if rule is None:
        return "no date: fix on the next scheduled upgrade"
    note = f" ({rule.note})" if rule.note else ""
    return f"{rule.policy} {rule.version}: {rule.days} days{note}"


def exploitation(signals: CveSignals) -> Exploitation:
    """Return SSVC's Exploitation: KEV is active; a proof of concept is what CISA says it is."""
    if signals.kev is not None:
        return Exploitation.ACTIVE
    return signals.ssvc.exploitation if signals.ssvc is not None else Exploitation.NONE


def is_automatable(signals: CveSignals) -> bool:
    """Return SSVC's Automatable; unknown counts as yes."""
    return signals.ssvc.automatable if signals.ssvc is not None else True


def technical_impact(signals: CveSignals) -> TechnicalImpact:
    """Return SSVC's Technical Impact; unknown counts as total."""
    return signals.ssvc.technical_impact if signals.ssvc is not None else TechnicalImpact.TOTAL


def is_critical(signals: CveSignals) -> bool:
    """Tell whether the CVSS base score is 9.0 or more; an unknown score is not critical."""
    return signals.cvss is not None and signals.cvss.base_tenths >= CRITICAL_TENTHS


def effective(exposure: Exposure) -> Exposure:
    """Return the exposure to reckon with: what nobody stated counts as open."""
    return Exposure.OPEN if exposure is Exposure.UNKNOWN else exposure


def _word(*, holds: bool) -> str:
    return "yes" if holds else "no"
