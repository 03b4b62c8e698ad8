"""What must hold of whatever a parser makes of an input: none of it lost, none of it an order."""

import json
from collections.abc import Iterable
from typing import Any

from oakum.adapters.feeds.parsing import Parsed
from oakum.core.advisories.statement import VendorStatement
from oakum.core.reconciling.report import ScannerReport
from oakum.core.text import is_plain


class BrokenClaimError(AssertionError):
    """A parser answered, and its answer cannot be right."""


def claim(holds: object, what: str) -> None:
    """Raise BrokenClaimError unless it holds."""
    if not holds:
        raise BrokenClaimError(what)


def tree_of(content: bytes) -> Any:
    """Return a JSON document as Python reads it; msgspec passes over bad text in what it skips."""
    return json.loads(content.decode(errors="replace"), parse_int=_number)


def _number(digits: str) -> int:
    """Return a number; of more digits than Python reads at once, some number."""
    return int(digits[:4000])


def nothing_lost(read: int, there: int, what: str) -> None:
    """Claim that as much was read, or named as unreadable, as there was."""
    claim(read == there, f"{there} {what} were there, {read} came out")


def plain(texts: Iterable[str], what: str) -> None:
    """Claim that no text holds control characters."""
    for text in texts:
        claim(is_plain(text), f"{what} holds control characters: {text!r}")


def harmless_feed(parsed: Parsed) -> None:
    """Claim that nothing of a feed can give orders to a terminal, and that its times are whole."""
    for said in parsed.statements:
        plain(_texts(said), "a statement")
    for signal in parsed.signals:
        plain((signal.cve, signal.summary, *signal.cwes), "a signal")
        plain((signal.kev.name,) if signal.kev else (), "an entry of KEV")
        plain((signal.cvss.vector, signal.cvss.source) if signal.cvss else (), "a score")
    plain(parsed.unreadable, "a line about what cannot be read")
    claim(parsed.data_as_of is None or parsed.data_as_of.tzinfo, "a date has no zone")


def _texts(said: VendorStatement) -> tuple[str, ...]:
    return (*said.subject, said.fixed_version, said.source, said.advisory)


def harmless_report(report: ScannerReport) -> None:
    """Claim the same of a scanner's report."""
    for host in report.hosts:
        plain((host.name, *host.addresses), "a host")
    for result in report.results:
        plain(
            (result.package, result.installed_version, result.fixed_version, result.scanner_id),
            "a result",
        )
    plain(report.unreadable, "a line about what cannot be read")
    claim(report.made_at is None or report.made_at.tzinfo, "a date has no zone")
