"""Statements as parsers collect them: one for each fix, of several on the same the highest."""

from dataclasses import dataclass, field

from oakum.core.advisories.authority import supersedes
from oakum.core.advisories.statement import Subject, VendorStatement
from oakum.core.versions.scheme import scheme_of


@dataclass
class Collected:
    """What a feed says, each subject once."""

    by_subject: dict[Subject, VendorStatement] = field(default_factory=dict)

    def add(self, said: VendorStatement) -> None:
        """Take a statement up, unless one that is here already counts before it."""
        known = self.by_subject.get(said.subject)
        if known is None or supersedes(said, known):
            self.by_subject[said.subject] = said

    @property
    def statements(self) -> list[VendorStatement]:
        """Return them all."""
        return list(self.by_subject.values())


def require_version(release: str, version: str) -> None:
    """Raise InvalidVersionError unless the text is a version of the release's kind."""
    scheme_of(release).key(version)
