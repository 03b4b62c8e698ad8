"""What processes may still run: a lower bound for the version of code that is gone from disk."""

from collections.abc import Iterable, Mapping

from oakum.core.inventory.facts import Facts
from oakum.core.versions.deb import key
from oakum.core.versions.order import InvalidVersionError


def stale_sources(facts: Facts) -> frozenset[str]:
    """Return the sources of which a process still runs a replaced file."""
    owners = {package.name: package.source_name for package in facts.packages}
    names = {process.package.partition(":")[0] for process in facts.stale_processes}
    return frozenset(owners[name] for name in names if name in owners)


def versions_in_memory(facts: Facts, earlier: Iterable[Facts]) -> Mapping[str, str]:
    """Return, for stale sources, the lowest version that a process can have loaded.

    `earlier` are scans of the same host, newest first. At the last one in which no process ran
    old code of a source, all of them ran what was then on disk. A source that no scan of this
    boot saw clean is not in the answer: nothing is known, and the worst must be assumed.
    """
    wanted = set(stale_sources(facts)) if facts.saw_all_processes else set[str]()
    found: dict[str, str] = {}
    for scan in earlier:
        if scan.boot_id != facts.boot_id:
            break
        clean = wanted - stale_sources(scan) if scan.saw_all_processes else set[str]()
        for source in clean:
            lowest = _lowest(scan, source)
            if lowest:
                found[source] = lowest
        wanted -= clean
    return found


def _lowest(facts: Facts, source: str) -> str:
    versions = [p.source_version for p in facts.packages if p.source_name == source]
    try:
        return min(versions, key=key, default="")
    except InvalidVersionError:
        return ""
