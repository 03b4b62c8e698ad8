"""Hand findings to other programs, host by host."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from oakum.core.advisories.signals import CveSignals
from oakum.core.ids import CveId, HostId
from oakum.core.inventory.facts import Facts
from oakum.core.inventory.host import Host
from oakum.core.versions.scheme import Scheme, scheme_of
from oakum.ports.exports import Export, Exporter, HostFindings
from oakum.ports.stores import UnitOfWork, UnitOfWorkFactory
from oakum.services.find_exposure import first_seen
from oakum.services.list_findings import About, FindingsReader

PACKAGE_TYPES = {Scheme.DPKG: "deb", Scheme.RPM: "rpm", Scheme.APK: "apk"}


def export_findings(
    begin: UnitOfWorkFactory,
    exporter: Exporter,
    hosts: Sequence[Host],
    made: tuple[datetime, str],
    *,
    every: bool,
    report: Callable[[int, int], None],
) -> Iterator[str]:
    """Give the text of an export in parts. `made` is when, and by which version of Oakum.

    Open findings are told of, without those that the vendor calls unimportant, or every one.
    What is known of CVEs is read with the hosts that have them, before these are given: nothing but
    that is kept of hosts that were written. Raises RefusedError as `FindingsReader.read` does.
    """
    now, version = made
    with begin() as work:
        feeds = tuple(work.advisories.feeds().values())
        reader = FindingsReader.of(work, [host.id for host in hosts], About(only_open=not every))
    signals = dict[CveId, CveSignals]()
    export = Export(now, version, feeds, signals, tuple(host.id for host in hosts))
    read = _Read(reader, {host.id: host for host in hosts}, every, signals)
    yield from exporter(export, read.each(begin, report))


@dataclass(frozen=True, slots=True)
class _Read:
    """What an export reads, part by part."""

    reader: FindingsReader
    hosts: Mapping[HostId, Host]
    every: bool
    signals: dict[CveId, CveSignals]
    """Of the CVEs so far: it grows."""

    def each(
        self, begin: UnitOfWorkFactory, report: Callable[[int, int], None]
    ) -> Iterator[HostFindings]:
        """Give every host."""
        done, total = 0, len(self.reader.hosts)
        for part in self.reader.parts():
            with begin() as work:
                found = self._part(work, part)
            yield from found
            done += len(part)
            report(done, total)

    def _part(self, work: UnitOfWork, part: Sequence[HostId]) -> list[HostFindings]:
        judged = {of.scan.host: of for of in self.reader.read(work, part)}
        wanted = {
            host: tuple(finding for finding in of.findings if self.every or not finding.is_minor)
            for host, of in judged.items()
        }
        every = [finding for found in wanted.values() for finding in found]
        new = {finding.cve for finding in every} - self.signals.keys()
        self.signals.update(work.advisories.signals(new))
        seen = first_seen(work, every)
        facts = {host: of.scan.facts for host, of in judged.items()}
        return [
            HostFindings(
                self.hosts[host], _system(facts.get(host)), _type(facts.get(host)),
                wanted.get(host, ()), seen,
            )
            for host in part
        ]  # fmt: skip


def _system(facts: Facts | None) -> str:
    if facts is None:
        return ""
    return f"{facts.distribution.id}-{facts.distribution.version_id}"


def _type(facts: Facts | None) -> str:
    release = facts.distribution.release if facts is not None else ""
    return PACKAGE_TYPES[scheme_of(release)]
