"""A component: all of a host that its findings in one package depend on.

Hosts differ in thousands of ways, and few of them matter here. What is judged is the component,
once, however many hosts have it; so the cost of judging a fleet follows its variety.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter

from oakum.core.advisories.statement import OF_SOURCE
from oakum.core.ids import CveId
from oakum.core.inventory.distribution import Support, base_of
from oakum.core.inventory.facts import Facts, StaleProcess
from oakum.core.inventory.package import InstalledPackage
from oakum.core.matching.coverage import (
    fips_release,
    foreign_packages,
    is_fips,
    owner_of,
    why_no_kernel,
)
from oakum.core.matching.kernel import (
    KERNEL_NAMES,
    booted_kernel,
    is_kernel,
    kernel_source,
    tracked_as,
)
from oakum.core.matching.memory import versions_in_memory
from oakum.core.versions.scheme import Scheme, scheme_of

Topic = tuple[str, str]
"""(release, package as vendors' data names it)."""
ANY_OLDER = "?"
"""What processes may still run is known to be old, and not how old."""


@dataclass(frozen=True, slots=True)
class Component:
    """One package of a host, as vendors' data speaks of it."""

    release: str
    source: str
    """The source package: what findings are named by."""
    name: str
    """What vendors' data is keyed by: the source, for a signed boot loader the one that it was
    built from, and for rpm the binary package."""
    version: str
    """What is compared: the source version, for rpm the package's own, or the booted kernel's."""
    module: str = ""
    loaded: str = ""
    """The lowest version that processes may still run, ANY_OLDER, or empty when none is old."""
    is_seen: bool = True
    """False where nobody could read what processes still run."""
    reboot_to: str = ""
    """Of a booted kernel, the newest one on disk; of anything else, empty."""
    livepatched: tuple[CveId, ...] = ()
    subscriptions: tuple[str, ...] = ()

    def __hash__(self) -> int:
        # What nearly always differs: whole fleets are looked up by it.
        return hash((self.source, self.name, self.version))

    @property
    def topics(self) -> tuple[Topic, ...]:
        """Return what statements about it are keyed by, the most exact first."""
        if scheme_of(self.release) is not Scheme.RPM:
            return ((self.release, self.name),)
        names = (self.name, f"{OF_SOURCE}{self.source}")
        # What a stream is silent on, its release may speak of: `answer` says what that means.
        releases = dict.fromkeys((self.release, base_of(self.release)))
        return tuple((release, name) for release in releases for name in names)

    @property
    def is_plain(self) -> bool:
        """Tell whether its version alone decides what a fix means for it.

        A booted kernel is as plain as a package while no other one waits for a reboot.
        """
        waits = self.reboot_to not in {"", self.version}
        return not (self.module or self.loaded or waits or self.livepatched)


@dataclass(frozen=True, slots=True)
class Part:
    """What of the host a component is made of: the evidence."""

    packages: tuple[InstalledPackage, ...]
    processes: tuple[StaleProcess, ...] = ()


def components_of(facts: Facts, earlier: Sequence[Facts] = ()) -> tuple[Component, ...]:
    """Return the components of a host, sorted.

    None for a distribution without vendor data; `coverage` says so. Earlier scans of the host,
    newest first, tell what its old processes can have loaded.
    """
    return tuple(component for component, _ in made_of(facts, earlier))


def made_of(facts: Facts, earlier: Sequence[Facts] = ()) -> list[tuple[Component, Part]]:
    """Return the components of a host, as `components_of`, each with what it is made of."""
    if facts.distribution.support is not Support.COVERED:
        return []
    release, seen = facts.distribution.judged_by, facts.saw_all_processes
    channel = fips_release(facts)
    groups, kernels = _grouped(facts.packages, release)
    own, own_kernels = set(groups), kernels
    if foreign := foreign_packages(facts):
        own = {of for of, packages in groups.items() if any(p.key not in foreign for p in packages)}
        own_kernels = [package for package in kernels if package.key not in foreign]
    stale, loaded = stale_by_source(facts), versions_in_memory(facts, earlier)
    found = [
        (
            _component(
                channel if channel and is_fips(version) else release,
                source,
                name,
                version,
                module,
                (loaded.get(source) or ANY_OLDER) if source in stale else "",
                seen,
                subscriptions=facts.subscriptions,
            ),
            Part(tuple(groups[source, name, version, module]), stale.get(source, ())),
        )
        for source, name, version, module in sorted(own)
    ]
    kernel = _kernel(facts, own_kernels)
    if kernel is not None:
        found.append((kernel, _part_of_kernel(kernel, kernels)))
        found.sort(key=lambda pair: ORDER(pair[0]))
    return found


_component = lru_cache(maxsize=1 << 16)(Component)
"""Hosts have most components in common, and one that is known costs less than one that is made."""
ORDER = attrgetter("source", "name", "version", "module")
"""What differs among the components of one host, so that they come in one order."""


def parts_of(
    components: Iterable[Component],
    packages: Sequence[InstalledPackage],
    processes: Mapping[str, tuple[StaleProcess, ...]],
) -> Iterator[tuple[Component, Part]]:
    """Give each component with what of a host it is made of. Processes are by source package."""
    groups: dict[_Group, list[InstalledPackage]] | None = None
    kernels: list[InstalledPackage] = []
    for component in components:
        if groups is None:
            groups, kernels = _grouped(packages, component.release)
        if component.reboot_to:
            yield component, _part_of_kernel(component, kernels)
            continue
        own = groups.get(
            (component.source, component.name, component.version, component.module), []
        )
        yield (
            component,
            Part(tuple(own), processes.get(component.source, ()) if component.loaded else ()),
        )


_Group = tuple[str, str, str, str]


def _grouped(
    packages: Iterable[InstalledPackage], release: str
) -> tuple[dict[_Group, list[InstalledPackage]], list[InstalledPackage]]:
    """Return packages by (source, name, version, module) as vendors know it; and the kernels."""
    is_rpm = scheme_of(release) is Scheme.RPM
    groups: dict[_Group, list[InstalledPackage]] = defaultdict(list)
    kernels = []
    for p in packages:
        source = p.source_name
        if source.startswith(KERNEL_NAMES) and is_kernel(p):
            kernels.append(p)
        elif is_rpm:
            groups[source, p.name, p.version, p.module].append(p)
        elif p.built_using:
            groups[source, *tracked_as(p), ""].append(p)
        else:
            groups[source, source, p.source_version, ""].append(p)
    return groups, kernels


def _part_of_kernel(kernel: Component, packages: Iterable[InstalledPackage]) -> Part:
    return Part(tuple(package for package in packages if _is_of_kernel(package, kernel)))


def _kernel(facts: Facts, packages: Sequence[InstalledPackage]) -> Component | None:
    """Judge the booted kernel, not the installed ones.

    In a container the kernel is the machine's, so its packages say nothing; where the booted
    kernel is none of the distribution's, vendor data says nothing either: `coverage` names both.
    """
    booted = None if why_no_kernel(facts) else booted_kernel(facts, packages)
    if booted is None:
        return None
    release, channel = facts.distribution.judged_by, fips_release(facts)
    is_rpm = scheme_of(release) is Scheme.RPM
    return Component(
        channel if channel and is_fips(booted.version) else release,
        "kernel" if is_rpm else booted.name,
        booted.name,
        booted.version,
        reboot_to=booted.newest,
        livepatched=facts.livepatched,
        subscriptions=facts.subscriptions,
    )


def _is_of_kernel(package: InstalledPackage, kernel: Component) -> bool:
    return kernel.source == "kernel" or kernel_source(package) == kernel.name


def stale_by_source(facts: Facts) -> Mapping[str, tuple[StaleProcess, ...]]:
    """Return the processes that run a file which is gone, by the source package that owned it."""
    found: dict[str, list[StaleProcess]] = defaultdict(list)
    for process in facts.stale_processes:
        source = owner_of(process, facts)
        if source:
            found[source].append(process)
    return {source: tuple(processes) for source, processes in found.items()}
