"""One exact change of one package."""

from dataclasses import dataclass
from enum import Enum

from oakum.core.canonical import Json
from oakum.core.ids import Digest


class ChangeKind(Enum):
    """What happens to the package."""

    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
    INSTALL = "install"
    REMOVE = "remove"


class RollbackClass(Enum):
    """How a source package can be undone (the classes A to F of docs/concepts/rollback.md)."""

    LIBRARY = "A"
    SERVICE = "B"
    STATEFUL = "C"
    CORE = "D"
    KERNEL = "E"
    ONE_WAY = "F"


@dataclass(frozen=True, slots=True)
class PackageChange:
    """`name:architecture old → new sha256`, the line that people approve."""

    kind: ChangeKind
    name: str
    architecture: str
    """The architecture of the installed package as dpkg knows it, `all` included."""
    old_version: str
    """Empty for an installation."""
    new_version: str
    """Empty for a removal."""
    sha256: Digest
    """Of the .deb that is installed; empty for a removal."""
    size_bytes: int
    source_name: str
    rollback_class: RollbackClass

    @property
    def key(self) -> str:
        """Return `name:architecture`."""
        return f"{self.name}:{self.architecture}"

    def line(self) -> str:
        """Return the exact change, one line, as the digest and the host see it."""
        columns = (self.kind.value, self.key, self.old_version, self.new_version, self.sha256)
        return "\t".join(column or "-" for column in columns)

    def to_json(self) -> Json:
        """Return the canonical form."""
        return {
            "kind": self.kind.value,
            "name": self.name,
            "architecture": self.architecture,
            "old": self.old_version,
            "new": self.new_version,
            "sha256": self.sha256,
            "size": self.size_bytes,
            "source": self.source_name,
            "rollback_class": self.rollback_class.value,
        }
