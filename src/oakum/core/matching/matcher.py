"""Match a host against what vendors say: a pure function of facts and advisories."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any

from oakum.core.advisories.authority import COVERING, decide
from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.ids import CveId, HostId
from oakum.core.inventory.facts import Facts, StaleProcess
from oakum.core.inventory.package import InstalledPackage
from oakum.core.matching.answer import Answer, answer, is_simple, lacking
from oakum.core.matching.component import Component, Part, Topic, components_of, made_of
from oakum.core.matching.coverage import Covered
from oakum.core.matching.finding import BAD_NEWS_FIRST, Evidence, Finding, FindingState
from oakum.core.text import counted
from oakum.core.versions.order import InvalidVersionError, Key
from oakum.core.versions.scheme import scheme_of

KEPT_ANSWERS = 200_000
"""With their evidence, some hundred MiB."""


class _Open:
    """What is said of a package, in the order in which its fixes sort: few of them are missing."""

    def __init__(
        self, said_of: Iterable[Sequence[VendorStatement]], release: str, key: Key
    ) -> None:
        fixes = list[tuple[Any, VendorStatement]]()
        self._unfixed, self._others = list[VendorStatement](), list[Sequence[VendorStatement]]()
        for said in said_of:
            first = said[0]
            # What is said of unstable, or of the release of which this is a stream, is weighed.
            is_weighed = first.status is VendorStatus.FIXED_IN_UNSTABLE or first.release != release
            if is_weighed or not is_simple(said):
                self._others.append(said)
            elif first.status is VendorStatus.FIXED:
                try:
                    fixes.append((key(first.fixed_version), first))
                except InvalidVersionError:
                    self._others.append(said)
            elif first.status is not VendorStatus.NOT_AFFECTED:
                self._unfixed.append(first)
        fixes.sort(key=itemgetter(0))
        self._keys = [sort_key for sort_key, _ in fixes]
        self._fixes = [statement for _, statement in fixes]

    def answers(self, component: Component, key: Any) -> Iterator[Answer]:  # noqa: ANN401 (one of three)
        """Give what is open of a plain component, of which the version sorts by this key."""
        for statement in self._fixes[bisect_right(self._keys, key) :]:
            yield lacking(component.version, statement)
        for said in (*((statement,) for statement in self._unfixed), *self._others):
            found = answer(component, said)
            if found is not None and found.state.is_open:
                yield found


@dataclass
class AdvisoryIndex:
    """Statements by release and package, and the answers found so far."""

    feeds: Mapping[FeedName, FeedState]
    by_topic: dict[Topic, Sequence[VendorStatement]]
    """Those that count: one for each CVE, or several where channels or module streams differ."""
    _by_cve: dict[Topic, Mapping[CveId, Sequence[VendorStatement]]] = field(default_factory=dict)
    _answers: dict[Component, tuple[Answer, ...]] = field(default_factory=dict)
    _open: dict[Component, tuple[Answer, ...]] = field(default_factory=dict)
    _open_of: dict[tuple[Topic, ...], _Open] = field(default_factory=dict)
    _covered: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _told: dict[Component, "_Told"] = field(default_factory=dict)

    _kept: int = 0
    """How many answers are kept."""

    def __post_init__(self) -> None:
        self._cover(self.by_topic)

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
        rulings: Mapping[Topic, Sequence[VendorStatement]],
    ) -> "AdvisoryIndex":
        """Return an index over statements of which it was decided that they count."""
        return cls(feeds, dict(rulings))

    def learn(self, rulings: Mapping[Topic, Sequence[VendorStatement]]) -> None:
        """Know of further packages too. Answers that were found stay, so they must be new ones."""
        self.by_topic |= rulings
        self._cover(rulings)

    @property
    def covered(self) -> Covered:
        """Return the packages that feeds name which speak for a whole release.

        Lists of advisories leave out what is open: of a release that only they name nothing may be
        called judged.
        """
        return self._covered

    def _cover(self, by_topic: Mapping[Topic, Sequence[VendorStatement]]) -> None:
        for (release, name), statements in by_topic.items():
            if any(said.source in COVERING for said in statements):
                self._covered[release].add(name)

    def as_of(self, statement: VendorStatement) -> str:
        """Return the ISO date of the data that a statement came with."""
        return self._dates[statement.source]

    @cached_property
    def _dates(self) -> Mapping[str, str]:
        return {f.value: state.data_as_of.date().isoformat() for f, state in self.feeds.items()}

    def said_of(self, component: Component) -> Mapping[CveId, Sequence[VendorStatement]]:
        """Return what counts about a component; what is said of its source counts less."""
        known = [self._grouped(topic) for topic in component.topics if topic in self.by_topic]
        if len(known) < 2:  # noqa: PLR2004 (nothing to lay together)
            return known[0] if known else {}
        return {cve: said for less_exact in reversed(known) for cve, said in less_exact.items()}

    def _grouped(self, topic: Topic) -> Mapping[CveId, Sequence[VendorStatement]]:
        if topic not in self._by_cve:
            self._by_cve[topic] = _by_cve(self.by_topic[topic])
        return self._by_cve[topic]

    def only_said_of(self, component: Component) -> Sequence[VendorStatement] | None:
        """Return all that counts about a component; None where two topics are to be laid together.

        Nothing is grouped by CVE for that, which takes longer than it takes to count.
        """
        known = [self.by_topic[topic] for topic in component.topics if topic in self.by_topic]
        if len(known) > 1:
            return None
        return known[0] if known else ()

    def answers(self, component: Component) -> tuple[Answer, ...]:
        """Return what is said of a component, one answer a CVE; computed once."""
        known = self._answers.get(component)
        if known is None:
            found = (answer(component, said) for said in self.said_of(component).values())
            present = (a for a in found if a is not None)
            known = tuple(sorted(present, key=_BY_CVE))
            self._keep(len(known))
            self._answers[component] = known
        return known

    def _keep(self, answers: int) -> None:
        """Make room for so many answers: a fleet has more than memory does."""
        self._kept += answers
        if self._kept > KEPT_ANSWERS:
            self._answers.clear()
            self._open.clear()
            self._told.clear()
            self._kept = answers

    def open_answers(self, component: Component) -> tuple[Answer, ...]:
        """Return those of which something is still to be done, by CVE; computed once."""
        known = self._open.get(component)
        if known is None:
            known = tuple(sorted(self._opens(component), key=_BY_CVE))
            self._keep(len(known))
            self._open[component] = known
        return known

    def _opens(self, component: Component) -> Iterable[Answer]:
        key = scheme_of(component.release).key
        try:
            sort_key = key(component.version) if component.is_plain else None
        except InvalidVersionError:
            sort_key = None
        if sort_key is None:
            return (a for a in self.answers(component) if a.state.is_open)
        topics = component.topics
        if topics not in self._open_of:
            said_of = self.said_of(component).values()
            self._open_of[topics] = _Open(said_of, component.release, key)
        return self._open_of[topics].answers(component, sort_key)

    def has_judged(self, component: Component) -> bool:
        """Tell whether the open answers on a component were asked for before."""
        return component in self._open

    def evidence(
        self,
        component: Component,
        packages: tuple[InstalledPackage, ...],
        answers: Sequence[Answer],
    ) -> Sequence[Evidence]:
        """Return the evidence for each of these answers, as it was told of the host before."""
        known = self._told.get(component)
        if known is None or known.packages != packages or known.answers is not answers:
            names = tuple(sorted(f"{package.key} {package.version}" for package in packages))
            evidence = [
                Evidence(
                    component.version, _fix(component, found), found.rule, found.statement.source,
                    self._dates[found.statement.source], names,
                )
                for found in answers
            ]  # fmt: skip
            known = self._told[component] = _Told(packages, answers, evidence)
        return known.evidence


@dataclass(frozen=True, slots=True)
class _Told:
    """What was last told of a component: of the next host, it is nearly always the same."""

    packages: tuple[InstalledPackage, ...]
    answers: Sequence[Answer]
    evidence: Sequence[Evidence]


_BY_CVE = attrgetter("statement.cve")


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
    return match_parts(host, made_of(facts, earlier), index)


def match_parts(
    host: HostId, parts: Iterable[tuple[Component, Part]], index: AdvisoryIndex
) -> tuple[Finding, ...]:
    """Return every finding of a host of which the components are known."""
    return _matched(host, parts, index, index.answers)


def match_open(
    host: HostId, parts: Iterable[tuple[Component, Part]], index: AdvisoryIndex
) -> tuple[Finding, ...]:
    """Return the open findings of a host of which the components are known.

    They are the same as among all: where a source is installed twice, bad news comes first.
    """
    return _matched(host, parts, index, index.open_answers)


def _matched(
    host: HostId,
    parts: Iterable[tuple[Component, Part]],
    index: AdvisoryIndex,
    answers_on: Callable[[Component], tuple[Answer, ...]],
) -> tuple[Finding, ...]:
    by_source: dict[str, list[list[Finding]]] = {}
    for component, part in parts:
        if answers := answers_on(component):
            findings = _findings(host, component, part, answers, index)
            by_source.setdefault(component.source, []).append(findings)
    return tuple(
        chain.from_iterable(_one_of_each(by_source[source]) for source in sorted(by_source))
    )


def _findings(
    host: HostId,
    component: Component,
    part: Part,
    answers: Sequence[Answer],
    index: AdvisoryIndex,
) -> list[Finding]:
    """Return the findings in a component, by CVE as its answers are."""
    source, found = component.source, list[Finding]()
    told = index.evidence(component, part.packages, answers)
    for answered, evidence in zip(answers, told, strict=True):
        said, state = answered.statement, answered.state
        if state is FindingState.EXPOSED_IN_MEMORY:
            evidence = _with_processes(evidence, part.processes)  # noqa: PLW2901 (more of the same)
        found.append(
            Finding(
                host, source, said.cve, state, evidence, said.urgency, said.no_dsa, said.known_since
            )
        )
    return found


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


def _one_of_each(components: Sequence[Sequence[Finding]]) -> Sequence[Finding]:
    """Return the worst finding on each CVE: a source can be installed in two versions."""
    if len(components) == 1:
        return components[0]
    worst: dict[CveId, Finding] = {}
    for finding in chain.from_iterable(components):
        known = worst.get(finding.cve)
        if known is None or _rank(finding) < _rank(known):
            worst[finding.cve] = finding
    return [worst[cve] for cve in sorted(worst)]


def _rank(finding: Finding) -> int:
    return BAD_NEWS_FIRST.index(finding.state)


def topics_of(facts: Facts) -> frozenset[Topic]:
    """Return what statements are needed about to judge a host."""
    return frozenset(topic for component in components_of(facts) for topic in component.topics)
