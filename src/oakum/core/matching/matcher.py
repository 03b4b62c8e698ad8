"""Match a host against what vendors say: a pure function of facts and advisories.

Source package and source version are compared, in the host's own release, in dpkg's order. Each
distinct (source, version) is compared once, however many hosts have it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from oakum.core.advisories.authority import TRACKER, decide
from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.ids import HostId
from oakum.core.inventory.distribution import Support
from oakum.core.inventory.facts import Facts, StaleProcess
from oakum.core.inventory.package import InstalledPackage
from oakum.core.matching.coverage import Covered, foreign_packages, owner_of, why_no_kernel
from oakum.core.matching.finding import Evidence, Finding, FindingState
from oakum.core.matching.kernel import (
    KERNEL,
    is_image,
    is_kernel,
    running_version,
    tracker_version,
)
from oakum.core.matching.memory import versions_in_memory
from oakum.core.text import counted
from oakum.core.versions.deb import compare, key
from oakum.core.versions.order import InvalidVersionError


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one statement means for one version, whichever host has it."""

    statement: VendorStatement
    state: FindingState
    rule: str


@dataclass
class AdvisoryIndex:
    """Statements by release and source, and the answers found so far for distinct versions."""

    feeds: Mapping[FeedName, FeedState]
    by_source: Mapping[tuple[str, str], Sequence[VendorStatement]]
    _answers: dict[tuple[str, str, str], tuple[_Answer, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, feeds: Mapping[FeedName, FeedState], statements: Iterable[VendorStatement]
    ) -> "AdvisoryIndex":
        """Return an index over the statements that count. The tracker must be among the feeds."""
        made_on = feeds[FeedName.DEBIAN_TRACKER].data_as_of.date()
        by_source: dict[tuple[str, str], list[VendorStatement]] = defaultdict(list)
        for statement in decide(statements, made_on):
            by_source[statement.release, statement.source_name].append(statement)
        return cls(feeds, by_source)

    @property
    def covered(self) -> Covered:
        """Return what the tracker speaks of: advisories alone leave out what is open.

        Of a release that only advisories name nothing may be called judged.
        """
        found: dict[str, set[str]] = defaultdict(set)
        for (release, source), statements in self.by_source.items():
            if any(statement.source == TRACKER for statement in statements):
                found[release].add(source)
        return found

    def feed_of(self, statement: VendorStatement) -> FeedState:
        """Return the feed that a statement came with."""
        return self.feeds[FeedName(statement.source)]

    def answers(self, release: str, source: str, version: str) -> tuple[_Answer, ...]:
        """Return what every statement about a source means for a version of it."""
        wanted = (release, source, version)
        if wanted not in self._answers:
            statements = self.by_source.get((release, source), ())
            self._answers[wanted] = tuple(_answer(statement, version) for statement in statements)
        return self._answers[wanted]


def match(
    host: HostId, facts: Facts, index: AdvisoryIndex, earlier: Sequence[Facts] = ()
) -> tuple[Finding, ...]:
    """Return every finding of a host, sorted by source and CVE.

    Good news (fixed, not affected) is returned as well: it is what closes a finding. A host of a
    distribution without vendor data has no findings; `coverage` says that it is unknown.
    Earlier scans of the host, newest first, tell what its old processes can have loaded.
    """
    if facts.distribution.support is not Support.COVERED:
        return ()
    release = facts.distribution.codename
    foreign = foreign_packages(facts)
    findings = list(_kernel_findings(host, facts, index))
    sources: dict[tuple[str, str], list[InstalledPackage]] = defaultdict(list)
    for package in facts.packages:
        if package.key not in foreign and not is_kernel(package):
            sources[package.source_name, package.source_version].append(package)
    stale, loaded = _stale_by_source(facts), versions_in_memory(facts, earlier)
    for (source, version), packages in sources.items():
        for answer in index.answers(release, source, version):
            found = _finding(host, answer, version, packages, index.feed_of(answer.statement))
            found = _in_memory(found, stale.get(source, ()), loaded.get(source, ""))
            findings.append(found if facts.saw_all_processes else _unseen(found))
    return _one_of_each(findings)


def _answer(statement: VendorStatement, version: str) -> _Answer:
    match statement.status:
        case VendorStatus.NOT_AFFECTED:
            return _Answer(statement, FindingState.NOT_AFFECTED, "the vendor says: not affected")
        case VendorStatus.UNDETERMINED:
            return _Answer(statement, FindingState.UNKNOWN, "the vendor has not determined it")
        case VendorStatus.OPEN:
            return _Answer(statement, FindingState.AFFECTED_NO_FIX, "the vendor has no fix yet")
        case VendorStatus.FIXED:
            return _compared(statement, version)


def _compared(statement: VendorStatement, version: str) -> _Answer:
    try:
        order = compare(version, statement.fixed_version)
    except InvalidVersionError as error:
        return _Answer(statement, FindingState.UNKNOWN, error.message)
    said = f" ({statement.advisory})" if statement.advisory else ""
    if order < 0:
        rule = f"{version} < {statement.fixed_version} by dpkg's order{said}"
        return _Answer(statement, FindingState.AFFECTED_FIX_AVAILABLE, rule)
    rule = f"{version} >= {statement.fixed_version} by dpkg's order{said}"
    return _Answer(statement, FindingState.FIXED, rule)


def _finding(
    host: HostId,
    answer: _Answer,
    version: str,
    packages: Iterable[InstalledPackage],
    feed: FeedState,
) -> Finding:
    statement = answer.statement
    names = sorted(f"{package.key} {package.version}" for package in packages)
    return Finding(
        host=host,
        source_name=statement.source_name,
        cve=statement.cve,
        state=answer.state,
        evidence=Evidence(
            installed_version=version,
            fixed_version=statement.fixed_version,
            rule=answer.rule,
            feed=statement.source,
            feed_as_of=feed.data_as_of.date().isoformat(),
            packages=tuple(names),
        ),
        urgency=statement.urgency,
        no_dsa=statement.no_dsa,
    )


def _kernel_findings(host: HostId, facts: Facts, index: AdvisoryIndex) -> Iterable[Finding]:
    """Judge the booted kernel, not the installed ones.

    In a container the kernel is the machine's, so its packages say nothing; where the booted
    kernel is none of Debian's, vendor data says nothing either: `coverage` names both.
    """
    running = running_version(facts)
    if running is None or why_no_kernel(facts):
        return
    foreign = foreign_packages(facts)
    packages = [p for p in facts.packages if is_kernel(p) and p.key not in foreign]
    images = {tracker_version(package) for package in packages if is_image(package)}
    newest = max(images, key=key, default=running)
    release = facts.distribution.codename
    on_disk = {a.statement.cve: a for a in index.answers(release, KERNEL, newest)}
    for answer in index.answers(release, KERNEL, running):
        found = _finding(host, answer, running, packages, index.feed_of(answer.statement))
        disk = on_disk[answer.statement.cve]
        if answer.state is FindingState.AFFECTED_FIX_AVAILABLE and disk.state is FindingState.FIXED:
            why = f"{newest} is installed and fixed; {running} is booted: {answer.rule}"
            found = _with_state(found, FindingState.AWAITING_REBOOT, why, ())
        yield found


def _stale_by_source(facts: Facts) -> Mapping[str, tuple[StaleProcess, ...]]:
    found: dict[str, list[StaleProcess]] = defaultdict(list)
    for process in facts.stale_processes:
        source = owner_of(process, facts)
        if source:
            found[source].append(process)
    return {source: tuple(processes) for source, processes in found.items()}


def _in_memory(finding: Finding, stale: Sequence[StaleProcess], in_memory: str) -> Finding:
    """Turn FIXED into EXPOSED_IN_MEMORY while a process may still run an affected version.

    `in_memory` is the lowest version that can be loaded; empty when that is not known.
    """
    if finding.state is not FindingState.FIXED or not stale:
        return finding
    if in_memory and compare(in_memory, finding.evidence.fixed_version) >= 0:
        return finding
    names = tuple(f"{p.pid} {p.command} {p.unit or 'no unit'} {p.path}" for p in stale)
    count = counted(len({p.pid for p in stale}), "process", "processes")
    rule = f"{finding.evidence.rule}; but {count} may still run {in_memory or 'an older version'}"
    return _with_state(finding, FindingState.EXPOSED_IN_MEMORY, rule, names)


def _unseen(finding: Finding) -> Finding:
    """Turn FIXED into FIXED_ON_DISK: fixed means effective, and that nobody could see."""
    if finding.state is not FindingState.FIXED:
        return finding
    rule = f"{finding.evidence.rule}; what processes still run could not be read"
    return _with_state(finding, FindingState.FIXED_ON_DISK, rule, ())


def _with_state(
    finding: Finding, state: FindingState, rule: str, processes: tuple[str, ...]
) -> Finding:
    evidence = finding.evidence
    changed = Evidence(
        evidence.installed_version,
        evidence.fixed_version,
        rule,
        evidence.feed,
        evidence.feed_as_of,
        evidence.packages,
        processes,
    )
    return Finding(
        finding.host,
        finding.source_name,
        finding.cve,
        state,
        changed,
        finding.urgency,
        finding.no_dsa,
    )


BAD_NEWS_FIRST = (
    FindingState.AFFECTED_FIX_AVAILABLE,
    FindingState.AFFECTED_NO_FIX,
    FindingState.AWAITING_REBOOT,
    FindingState.EXPOSED_IN_MEMORY,
    FindingState.UNKNOWN,
    FindingState.FIXED_ON_DISK,
    FindingState.FIXED,
    FindingState.NOT_AFFECTED,
)


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


def sources_of(facts: Facts) -> frozenset[str]:
    """Return the sources whose statements are needed to judge a host."""
    names = {KERNEL if is_kernel(package) else package.source_name for package in facts.packages}
    return frozenset(names | {KERNEL})
