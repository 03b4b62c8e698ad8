"""Hand findings to other programs, host by host."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from oakum.core.inventory.facts import Facts
from oakum.core.inventory.host import Host
from oakum.core.matching.finding import Finding
from oakum.core.versions.scheme import Scheme, scheme_of
from oakum.ports.exports import Export, Exporter, HostFindings
from oakum.ports.stores import UnitOfWork
from oakum.services.find_exposure import findings_of, first_seen

PACKAGE_TYPES = {Scheme.DPKG: "deb", Scheme.RPM: "rpm", Scheme.APK: "apk"}


def export_findings(
    work: UnitOfWork,
    exporter: Exporter,
    hosts: Sequence[Host],
    wanted: Callable[[Finding], bool],
    made: tuple[datetime, str],
) -> Iterator[str]:
    """Give the text of an export in parts. `made` is when, and by which version of Oakum.

    CVEs come first in some formats, so that findings are computed twice rather than all kept.
    """
    cves = {f.cve for host in hosts for f in findings_of(work, [host.id]) if wanted(f)}
    now, version = made
    feeds = tuple(work.advisories.feeds().values())
    signals = work.advisories.signals(cves)

    def each() -> Iterator[HostFindings]:
        for host in hosts:
            found = tuple(f for f in findings_of(work, [host.id]) if wanted(f))
            facts = work.facts.latest(host.id)
            yield HostFindings(host, _system(facts), _type(facts), found, first_seen(work, found))

    yield from exporter(Export(now, version, feeds, signals), each())


def _system(facts: Facts | None) -> str:
    if facts is None:
        return ""
    return f"{facts.distribution.id}-{facts.distribution.version_id}"


def _type(facts: Facts | None) -> str:
    release = facts.distribution.release if facts is not None else ""
    return PACKAGE_TYPES[scheme_of(release)]
