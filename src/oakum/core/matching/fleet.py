"""Judge a whole fleet at once: components are judged, and hosts are joined in as bitmaps.

The versions of a package that the fleet has are sorted once, and each step of that ladder knows the
hosts at or below it. What a fix means for a hundred thousand hosts is then one search on a ladder
of some ten steps.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import accumulate
from operator import or_
from typing import Any

from pyroaring import BitMap

from oakum.core.advisories.statement import Urgency, VendorStatement, VendorStatus
from oakum.core.ids import CveId
from oakum.core.inventory.distribution import base_of
from oakum.core.matching.answer import answer
from oakum.core.matching.component import Component
from oakum.core.matching.finding import BAD_NEWS_FIRST, FindingState
from oakum.core.matching.matcher import AdvisoryIndex
from oakum.core.versions.order import InvalidVersionError
from oakum.core.versions.scheme import scheme_of

HostSet = BitMap
"""Hosts, by the numbers that the database gave them."""
Source = tuple[str, str]
"""(release, source package); a stream of a release is of the release: a host may have both."""
Held = tuple[Component, HostSet]
"""A component, and who has it."""


COMPARED = {
    VendorStatus.FIXED: FindingState.AFFECTED_FIX_AVAILABLE,
    VendorStatus.FIXED_IN_UNSTABLE: FindingState.AFFECTED_NO_FIX,
}
"""What a version decides, and what those are that have a lower one."""


@dataclass(frozen=True, slots=True)
class Holding:
    """The hosts that got a component on one day."""

    since: date
    is_successor: bool
    """They had another version of the package before."""
    hosts: HostSet


@dataclass(frozen=True, slots=True)
class Rung:
    """A component, and the hosts that have it."""

    component: Component
    hosts: HostSet
    holdings: tuple[Holding, ...]
    """Only of those hosts."""


@dataclass(frozen=True, slots=True)
class Fix:
    """A fix that some hosts lack: those on the lowest rungs."""

    lacking: int
    """On how many rungs."""
    statement: VendorStatement


@dataclass(frozen=True, slots=True)
class Exposed:
    """A package of the fleet with the fixes that are missing."""

    release: str
    source: str
    rungs: tuple[Rung, ...]
    """From the lowest version up; only those that lack something."""
    fixes: tuple[Fix, ...]
    """The highest first."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the fleet stands to one CVE in one source package of one release."""

    release: str
    source: str
    cve: CveId
    hosts: Mapping[FindingState, HostSet]
    """Each host in one state: the worst that any of its packages of the source has."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Findings of a fleet, counted."""

    by_state: Mapping[FindingState, int]
    """Without those that the vendor calls unimportant."""
    minor: int
    """Of open states, those that it does call so."""

    @property
    def total(self) -> int:
        """Return how many findings there are that the vendor does not call unimportant."""
        return sum(self.by_state.values())


class _Ladder:
    """What the fleet has of one package: plain components by version, and others."""

    def __init__(self, held: Sequence[Held]) -> None:
        first = held[0][0]
        self.any = first
        """One of them: what is said of it is said of all."""
        self.key = scheme_of(first.release).key
        self.fixed = FindingState.FIXED if first.is_seen else FindingState.FIXED_ON_DISK
        plain = list[tuple[Any, Component, HostSet]]()
        self.others = list[Held]()
        for component, hosts in held:
            try:
                sort_key = self.key(component.version) if component.is_plain else None
            except InvalidVersionError:
                sort_key = None
            if sort_key is None:
                self.others.append((component, hosts))
            else:
                plain.append((sort_key, component, hosts))
        plain.sort(key=lambda rung: rung[0])
        self.keys = [sort_key for sort_key, _, _ in plain]
        self.rungs = [(component, hosts) for _, component, hosts in plain]
        self._steps: dict[str, int | None] = {}

    @cached_property
    def below(self) -> Sequence[HostSet]:
        """Return the hosts at or below each step, beginning with none."""
        return list(accumulate((hosts for _, hosts in self.rungs), or_, initial=HostSet()))

    @cached_property
    def counts(self) -> Sequence[int]:
        """Return how many hosts are at or below each step, beginning with none.

        A host has seldom two versions of a package; where none has, nothing need be joined.
        """
        counts = list(accumulate((len(hosts) for _, hosts in self.rungs), initial=0))
        every = HostSet.union(HostSet(), *(hosts for _, hosts in self.rungs))
        return counts if counts[-1] == len(every) else [len(hosts) for hosts in self.below]

    def step(self, said: Sequence[VendorStatement]) -> int | None:
        """Return how many rungs a fix is above; None when more than the version decides."""
        first = said[0]
        is_of_base = first.release != self.any.release
        if len(said) > 1 or first.channel or first.module or is_of_base:
            return None
        if first.status not in COMPARED:
            return 0
        return self.fix_step(first.fixed_version)

    def fix_step(self, version: str) -> int | None:
        """Return how many rungs a fix is above; None for what is no version."""
        if version not in self._steps:
            try:
                self._steps[version] = bisect_left(self.keys, self.key(version))
            except InvalidVersionError:
                self._steps[version] = None
        return self._steps[version]

    def states(self, said: Sequence[VendorStatement]) -> Iterator[tuple[FindingState, HostSet]]:
        """Give what the statements on one CVE mean for whom; a host may be in several."""
        others, step = self.others, self.step(said)
        if step is None:
            others = [*self.rungs, *others]
        elif said[0].status in COMPARED:
            affected = self.below[step]
            yield COMPARED[said[0].status], affected
            yield self.fixed, self.below[-1] - affected
        elif self.rungs:
            found = answer(self.rungs[0][0], said)
            if found is not None:
                yield found.state, self.below[-1]
        for component, hosts in others:
            found = answer(component, said)
            if found is not None:
                yield found.state, hosts


_Named = list[tuple[_Ladder, Sequence[VendorStatement]]]
"""What is said of one CVE in each package of a source that the fleet has."""


@dataclass
class Fleet:
    """The hosts of a fleet, or of a chosen part of it, by what they have."""

    holdings: Mapping[Component, Sequence[Holding]]
    chosen: HostSet
    """The hosts that count; others may be in the holdings."""

    @cached_property
    def ladders(self) -> Mapping[Source, Sequence[_Ladder]]:
        """Return what the chosen hosts have, by source: a ladder for each package of it.

        And one more for hosts whose memory nobody could see, and for those of each subscription.
        """
        found: dict[Source, dict[object, list[Held]]] = defaultdict(dict)
        for c, holdings in self.holdings.items():
            first, *others = (held.hosts for held in holdings)
            hosts = (HostSet.union(first, *others) if others else first) & self.chosen
            if hosts:
                of_source = found[base_of(c.release), c.source]
                alike = (c.release, c.name, c.is_seen, c.subscriptions)
                of_source.setdefault(alike, []).append((c, hosts))
        return {
            source: [_Ladder(held) for held in groups.values()] for source, groups in found.items()
        }

    def tally(self, index: AdvisoryIndex) -> Tally:
        """Return how many findings the fleet has in each state."""
        counts: dict[tuple[FindingState, bool], int] = defaultdict(int)
        for source, ladders in self.ladders.items():
            if len(ladders) == 1 and _counted(ladders[0], index, counts):
                continue
            alike: dict[object, list[int]] = {}
            examples: dict[object, _Named] = {}
            for said, named in self._topics(source, index):
                effect = _effect(said.cve, named)
                if effect not in alike:
                    alike[effect], examples[effect] = [0, 0], named
                alike[effect][_is_minor(said)] += 1
            for effect, (major, minor) in alike.items():
                for state, hosts in _joined(examples[effect]).items():
                    counts[state, False] += major * len(hosts)
                    counts[state, True] += minor * len(hosts)
        unimportant = sum(n for (state, minor), n in counts.items() if minor and state.is_open)
        return Tally({state: counts[state, False] for state in FindingState}, unimportant)

    def standings(
        self, index: AdvisoryIndex, cves: frozenset[CveId] = frozenset(), only: str = ""
    ) -> Iterator[Standing]:
        """Give how the fleet stands to each CVE, or to some, in each source package, or in one."""
        for release, source in sorted(self.ladders):
            if only not in {"", source}:
                continue
            for said, named in self._topics((release, source), index):
                if not cves or said.cve in cves:
                    yield Standing(release, source, said.cve, _joined(named))

    def exposed(self, index: AdvisoryIndex) -> Iterator[Exposed]:
        """Give every package for which fixes are missing that the vendor thinks matter."""
        for (_, source), ladders in self.ladders.items():
            for ladder in ladders:
                release = ladder.any.release
                for rungs, fixes in _missing(ladder, index):
                    lowest = max(fix.lacking for fix in fixes)
                    held = tuple(
                        Rung(component, hosts, tuple(self._held_by(hosts, component)))
                        for component, hosts in rungs[:lowest]
                    )
                    ordered = sorted(fixes, key=lambda fix: (-fix.lacking, fix.statement.cve))
                    yield Exposed(release, source, held, tuple(ordered))

    def _held_by(self, hosts: HostSet, component: Component) -> Iterator[Holding]:
        for held in self.holdings[component]:
            if of_those := held.hosts & hosts:
                yield Holding(held.since, held.is_successor, of_those)

    def _topics(
        self, source: Source, index: AdvisoryIndex
    ) -> Iterator[tuple[VendorStatement, _Named]]:
        """Give each CVE that is said of a source, with what is said of each of its packages."""
        by_cve: dict[CveId, _Named] = {}
        for ladder in self.ladders[source]:
            for cve, said in index.said_of(ladder.any).items():
                by_cve.setdefault(cve, []).append((ladder, said))
        for named in by_cve.values():
            yield named[0][1][0], named


def _counted(
    ladder: _Ladder, index: AdvisoryIndex, counts: dict[tuple[FindingState, bool], int]
) -> bool:
    """Count the findings in a package that is all of its source, if versions decide alone.

    Then no host is in two states, and numbers of hosts are enough. That is nearly always.
    """
    said = None if ladder.others else index.only_said_of(ladder.any)
    if said is None:
        return False
    alike = Counter(
        [
            (
                s.status,
                s.fixed_version,
                s.urgency is Urgency.UNIMPORTANT,
                s.channel or s.module or s.release != ladder.any.release,
            )
            for s in said
        ]
    )
    if any(special for *_, special in alike):
        return False
    steps = {
        version: ladder.fix_step(version) for status, version, *_ in alike if status in COMPARED
    }
    if None in steps.values():
        return False
    every = ladder.counts[-1]
    for (status, version, is_minor, _), number in alike.items():
        step = steps.get(version) if status in COMPARED else None
        if step is not None:
            affected = ladder.counts[step]
            counts[COMPARED[status], is_minor] += number * affected
            counts[ladder.fixed, is_minor] += number * (every - affected)
        elif every:
            found = answer(ladder.any, [next(s for s in said if s.status is status)])
            if found is not None:
                counts[found.state, is_minor] += number * every
    return True


def _effect(cve: CveId, named: _Named) -> object:
    """Return a value that is equal for CVEs which concern the same hosts in the same way."""
    steps = []
    for ladder, said in named:
        if ladder.others:
            return cve
        step: object = ladder.step(said)
        if step is None:
            step = tuple((s.status, s.fixed_version, s.channel, s.module) for s in said)
        steps.append((id(ladder), said[0].status, step))
    return tuple(steps)


def _joined(named: _Named) -> dict[FindingState, HostSet]:
    """Return each host in the worst state that any package of the source gives it."""
    if len(named) == 1 and not named[0][0].others and named[0][0].step(named[0][1]) is not None:
        # One package, and its version decides: no host is in two states. That is nearly always.
        ladder, said = named[0]
        return {state: hosts for state, hosts in ladder.states(said) if hosts}
    found: dict[FindingState, HostSet] = {}
    for ladder, said in named:
        for state, hosts in ladder.states(said):
            found[state] = found[state] | hosts if state in found else hosts
    seen, worst = HostSet(), dict[FindingState, HostSet]()
    for state in BAD_NEWS_FIRST:
        if state in found and (left := found[state] - seen):
            worst[state] = left
            seen |= left
    return worst


def _missing(ladder: _Ladder, index: AdvisoryIndex) -> Iterator[tuple[Sequence[Held], list[Fix]]]:
    """Give rungs with the fixes that they lack: the ladder as a whole, and others one by one."""
    said_of, alone = index.said_of(ladder.any), list(ladder.others)
    steps = [(ladder.step(said), said[0]) for said in said_of.values()]
    if any(step is None for step, _ in steps):
        alone += ladder.rungs
    else:
        fixes = [
            Fix(step, said)
            for step, said in steps
            if step and said.status is VendorStatus.FIXED and not _is_minor(said)
        ]
        if fixes:
            yield ladder.rungs, fixes
    for component, hosts in alone:
        answers = [answer(component, said) for said in said_of.values()]
        lacking = [
            Fix(1, found.statement)
            for found in answers
            if found is not None
            and found.state is FindingState.AFFECTED_FIX_AVAILABLE
            and not _is_minor(found.statement)
        ]
        if lacking:
            yield [(component, hosts)], lacking


def _is_minor(said: VendorStatement) -> bool:
    return said.urgency is Urgency.UNIMPORTANT
