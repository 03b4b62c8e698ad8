"""The three orders of versions, by the package manager that they are of."""

from collections.abc import Callable
from typing import Any

from oakum.core.choice import Choice
from oakum.core.versions import apk, deb, rpm


class Scheme(Choice):
    """How a distribution's versions compare; never one with another's."""

    DPKG = "dpkg"
    RPM = "rpm"
    APK = "apk"

    @property
    def key(self) -> Callable[[str], Any]:
        """Return the function that gives a value which sorts as the version does."""
        return KEYS[self]

    def compare(self, first: str, second: str) -> int:
        """Return -1, 0 or 1. Raises InvalidVersionError for either."""
        return COMPARE[self](first, second)

    def is_version(self, text: str) -> bool:
        """Tell whether a text is a version of this kind."""
        return IS_VERSION[self](text)


KEYS = {Scheme.DPKG: deb.key, Scheme.RPM: rpm.key, Scheme.APK: apk.key}
COMPARE = {Scheme.DPKG: deb.compare, Scheme.RPM: rpm.compare, Scheme.APK: apk.compare}
IS_VERSION = {
    Scheme.DPKG: deb.is_version,
    Scheme.RPM: rpm.is_version,
    Scheme.APK: apk.is_version,
}


def scheme_of(release: str) -> Scheme:
    """Return the order of versions in a release, by the name that vendor data has for it.

    Debian and Ubuntu have codenames, `bookworm`; others a system and a number, `almalinux:9`.
    """
    system, colon, _ = release.partition(":")
    if not colon:
        return Scheme.DPKG
    return Scheme.APK if system == "alpine" else Scheme.RPM
