"""Packages as a host reports them."""

from dataclasses import dataclass

GONE = "nc"
"""dpkg's second letter: not installed; only configuration files left."""


@dataclass(frozen=True, slots=True)
class InstalledPackage:
    """One installed binary package; versions are kept exactly as reported."""

    name: str
    version: str
    architecture: str
    source_name: str
    source_version: str
    status: str = "ii"
    """dpkg's two or three letters: wanted, actual, and `R` where it must be reinstalled."""
    is_automatic: bool = False
    built_using: str = ""
    """The field as it stands, for signed kernels: `linux (= 6.1.192-2)`."""
    module: str = ""
    """The stream of the rpm module that it is of: `nodejs:18`."""

    @property
    def is_held(self) -> bool:
        """Tell whether the administrator holds it at this version."""
        return self.status.startswith("h")

    @property
    def is_configured(self) -> bool:
        """Tell whether dpkg finished with it: anything else is an interrupted change."""
        return self.status[1:].strip() == "i"

    @property
    def is_half_way(self) -> bool:
        """Tell whether an interrupted change left it so that dpkg has to finish it."""
        return not self.is_gone and not self.is_configured

    @property
    def is_gone(self) -> bool:
        """Tell whether it is not installed; its configuration files may be left."""
        return self.status[1:2] in GONE

    @property
    def key(self) -> str:
        """Return `name:architecture`, how plans name it."""
        return f"{self.name}:{self.architecture}"
