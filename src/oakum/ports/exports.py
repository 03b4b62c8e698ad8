"""What leaves Oakum in other programs' formats."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Protocol

from oakum.core.advisories.feed import FeedState
from oakum.core.advisories.signals import CveSignals
from oakum.core.ids import CveId, HostId
from oakum.core.inventory.host import Host
from oakum.core.matching.finding import Finding


class ExportFormat(Enum):
    """The formats."""

    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    SARIF = "sarif"
    CYCLONEDX = "cyclonedx"
    OPENVEX = "openvex"


@dataclass(frozen=True, slots=True)
class HostFindings:
    """What is to be told of one host."""

    host: Host
    distribution: str
    """As package URLs name it: `debian-12`."""
    package_type: str
    """As package URLs name it: `deb`, `rpm` or `apk`."""
    findings: Sequence[Finding]
    first_seen: Mapping[tuple[str, str, str], date]


@dataclass(frozen=True, slots=True)
class Export:
    """All of an export but the hosts, which are given one by one."""

    made_at: datetime
    version: str
    """Oakum's."""
    feeds: Sequence[FeedState]
    signals: Mapping[CveId, CveSignals]
    """Of the CVEs of the hosts that were given so far: a format that needs all has them last."""
    hosts: Sequence[HostId]
    """Those that are told of, in the order in which they are given."""


class Exporter(Protocol):
    """Writes findings in one format."""

    def __call__(self, export: Export, hosts: Iterator[HostFindings]) -> Iterator[str]:
        """Give the text in parts, as hosts come: there may be more than memory holds.

        The same input gives the same text.
        """
        ...
