"""Statements as parsers collect them: one for each fix, of several on the same the highest."""

from dataclasses import dataclass, field

from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.versions.scheme import scheme_of

Subject = tuple[str, str, str, str, str]
"""(release, package, CVE, channel, module)."""


@dataclass
class Collected:
    """What a feed says, each subject once."""

    by_subject: dict[Subject, VendorStatement] = field(default_factory=dict)

    def add(self, said: VendorStatement) -> None:
        """Take a statement up; of several fixes the highest counts: an earlier was not enough.

        A fix counts more than a statement without one: some parts of a release get it first.
        """
        subject = (said.release, said.source_name, said.cve, said.channel, said.module)
        known = self.by_subject.get(subject)
        if known is None or _is_better(said, known):
            self.by_subject[subject] = said

    @property
    def statements(self) -> list[VendorStatement]:
        """Return them all."""
        return list(self.by_subject.values())


def _is_better(said: VendorStatement, known: VendorStatement) -> bool:
    if said.status is not VendorStatus.FIXED:
        return False
    if known.status is not VendorStatus.FIXED:
        return True
    if said.fixed_version == known.fixed_version:
        return False
    return scheme_of(said.release).compare(said.fixed_version, known.fixed_version) > 0


def require_version(release: str, version: str) -> None:
    """Raise InvalidVersionError unless the text is a version of the release's kind."""
    scheme_of(release).key(version)
