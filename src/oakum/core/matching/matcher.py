"""Match a host against what vendors say: a pure function of facts and advisories."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from oakum.core.advisories.authority import COVERING, decide
from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.statement import VendorStatement
from oakum.core.ids import CveId, HostId
from oakum.core.inventory.facts import Facts, StaleProcess
from oakum.core.matching.answer import Answer, answer
from oakum.core.matching.component import (
    Component,
    Part,
    Topic,
    components_of,
    parts_of,
    stale_by_source,
)
from oakum.core.matching.coverage import Covered
from oakum.core.matching.finding import BAD_NEWS_FIRST, Evidence, Finding, FindingState
from oakum.core.text import counted


@dataclass
class AdvisoryIndex:
    """Statements by release and package, and the answers found so far."""

    feeds: Mapping[FeedName, FeedState]
    by_topic: Mapping[Topic, Mapping[CveId, Sequence[VendorStatement]]]
    """Those that count: one for each CVE, or several where channels or module streams differ."""
    _answers: dict[Component, tuple[Answer, ...]] = field(default_factory=dict)
    _open: dict[Component, tuple[Answer, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, feeds: Mapping[FeedName, FeedState], statements: Iterable[VendorStatement]
    ) -> "AdvisoryIndex":
        """Return an index over the statements that count. Their feeds must be among the feeds."""
        made_on = {feed.value: state.data_as_of.date() for feed, state in feeds.items()}
        by_topic: dict[Topic, list[VendorStatement]] = defaultdict(list)
        for said in decide(statements, made_on):
            by_topic[said.release, said.source_name].append(said)
        return cls.of_rulings(feeds, by_topic)

    @classmethod
    def of_rulings(
        cls,
        feeds: Mapping[FeedName, FeedState],
        rulings: Mapping[Topic, Iterable[VendorStatement]],
    ) -> "AdvisoryIndex":
        """Return an index over statements of which it was decided that they count."""
        return cls(feeds, {topic: _by_cve(said) for topic, said in rulings.items()})

    def extended(self, rulings: Mapping[Topic, Iterable[VendorStatement]]) -> "AdvisoryIndex":
        """Return an index that knows of further packages too; answers that were found stay."""
        further = {topic: _by_cve(said) for topic, said in rulings.items()}
        return AdvisoryIndex(self.feeds, {**self.by_topic, **further}, self._answers, self._open)

    @property
    def covered(self) -> Covered:
        """Return the packages that feeds name which speak for a whole release.

        Lists of advisories leave out what is open: of a release that only they name nothing may be
        called judged.
        """
        found: dict[str, set[str]] = defaultdict(set)
        for (release, name), by_cve in self.by_topic.items():
            if any(said.source in COVERING for group in by_cve.values() for said in group):
                found[release].add(name)
        return found

    def as_of(self, statement: VendorStatement) -> str:
        """Return the ISO date of the data that a statement came with."""
        return self._dates[statement.source]

    @cached_property
    def _dates(self) -> Mapping[str, str]:
        return {f.value: state.data_as_of.date().isoformat() for f, state in self.feeds.items()}

    def said_of(self, component: Component) -> Mapping[CveId, Sequence[VendorStatement]]:
        """Return what counts about a component; what is said of its source counts less."""
        known = [self.by_topic[topic] for topic in component.topics if topic in self.by_topic]
        if len(known) < 2:  # noqa: PLR2004 (nothing to lay together)
            return known[0] if known else {}
        return {cve: said for less_exact in reversed(known) for cve, said in less_exact.items()}

    def answers(self, component: Component) -> tuple[Answer, ...]:
        """Return what is said of a component, one answer a CVE; computed once."""
        known = self._answers.get(component)
        if known is None:
            found = (answer(component, said) for said in self.said_of(component).values())
            known = self._answers[component] = tuple(a for a in found if a is not None)
        return known

    def open_answers(self, component: Component) -> tuple[Answer, ...]:
        """Return those of which something is still to be done; computed once."""
        known = self._open.get(component)
        if known is None:
            found = (a for a in self.answers(component) if a.state.is_open)
            known = self._open[component] = tuple(found)
        return known


def _by_cve(said: Iterable[VendorStatement]) -> Mapping[CveId, Sequence[VendorStatement]]:
    found: dict[CveId, list[VendorStatement]] = {}
    for statement in said:
        if statement.cve in found:
            found[statement.cve].append(statement)
        else:
            found[statement.cve] = [statement]
    return found


def match(
    host: HostId, facts: Facts, index: AdvisoryIndex, earlier: Sequence[Facts] = ()
) -> tuple[Finding, ...]:
    """Return every finding of a host, sorted by source and CVE.

    Good news (fixed, not affected) is returned as well: it is what closes a finding. A host of a
    distribution without vendor data has no findings; `coverage` says that it is unknown.
    Earlier scans of the host, newest first, tell what its old processes can have loaded.
    """
    parts = parts_of(components_of(facts, earlier), facts.packages, stale_by_source(facts))
    return match_parts(host, parts, index)


def match_parts(
    host: HostId, parts: Iterable[tuple[Component, Part]], index: AdvisoryIndex
) -> tuple[Finding, ...]:
    """Return every finding of a host of which the components are known."""
    return _one_of_each(
        finding
        for component, part in parts
        for finding in _findings(host, component, part, index.answers(component), index)
    )


def match_open(
    host: HostId, parts: Iterable[tuple[Component, Part]], index: AdvisoryIndex
) -> tuple[Finding, ...]:
    """Return the open findings of a host of which the components are known.

    They are the same as among all: where a source is installed twice, bad news comes first.
    """
    return _one_of_each(
        finding
        for component, part in parts
        for finding in _findings(host, component, part, index.open_answers(component), index)
    )


def _findings(
    host: HostId, component: Component, part: Part, answers: Iterable[Answer], index: AdvisoryIndex
) -> Iterator[Finding]:
    packages = tuple(sorted(f"{package.key} {package.version}" for package in part.packages))
    for found in answers:
        statement = found.statement
        evidence = Evidence(
            installed_version=component.version,
            fixed_version=_fix(component, found),
            rule=found.rule,
            feed=statement.source,
            feed_as_of=index.as_of(statement),
            packages=packages,
        )
        if found.state is FindingState.EXPOSED_IN_MEMORY:
            evidence = _with_processes(evidence, part.processes)
        yield Finding(
            host=host,
            source_name=component.source,
            cve=statement.cve,
            state=found.state,
            evidence=evidence,
            urgency=statement.urgency,
            no_dsa=statement.no_dsa,
            known_since=statement.known_since,
        )


def _fix(component: Component, found: Answer) -> str:
    """Return the version that mends it here; unstable's mends no release, nor RHEL 9.4's 9.2."""
    is_elsewhere = (
        found.state is FindingState.UNKNOWN and found.statement.release != component.release
    )
    if is_elsewhere or found.state is FindingState.AFFECTED_NO_FIX:
        return ""
    return found.statement.fixed_version


def _with_processes(evidence: Evidence, processes: Sequence[StaleProcess]) -> Evidence:
    names = tuple(f"{p.pid} {p.command} {p.unit or 'no unit'} {p.path}" for p in processes)
    count = counted(len({p.pid for p in processes}), "process", "processes")
    rule = evidence.rule.replace("but a process may", f"but {count} may")
    return replace(evidence, rule=rule, processes=names)


def _one_of_each(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Keep the worst finding of each identity: a source can be installed in two versions."""
    worst: dict[tuple[str, str, str], Finding] = {}
    for finding in findings:
        known = worst.get(finding.key)
        if known is None or _rank(finding) < _rank(known):
            worst[finding.key] = finding
    return tuple(worst[identity] for identity in sorted(worst))


def _rank(finding: Finding) -> int:
    return BAD_NEWS_FIRST.index(finding.state)


def topics_of(facts: Facts) -> frozenset[Topic]:
    """Return what statements are needed about to judge a host."""
    return frozenset(topic for component in components_of(facts) for topic in component.topics)
