"""The tiny packages of the fault cases: as installed, as offered, and what others bring."""

from tests.lab.transactions.packages import PROGRAM, UNIT, UNIT_PATH
from tests.lab.transactions.small_archive import SmallPackage

AT = "/usr/lib/oak/at"
"""The hook of the fault cases inside a host: does what is armed for a point, once."""


def _hook(script: str) -> str:
    """Return a maintainer script that stops at its point, and fails where a case asks for it."""
    return f"[ ! -x {AT} ] || {AT} {script}\n[ ! -e /run/oak-fault/fail-{script} ] || exit 1"


HOOKS = {script: _hook(script) for script in ("preinst", "postinst")}


def _pair(
    name: str,
    files: tuple[dict[str, str], dict[str, str]],
    *,
    architecture: str = "amd64",
    depends: str = "",
) -> tuple[SmallPackage, SmallPackage]:
    old = SmallPackage(name, "1.0", files[0], architecture=architecture, depends=depends)
    new = SmallPackage(name, "1.1", files[1], architecture=architecture, depends=depends)
    return old, new


library, library_new = _pair(
    "oak-library",
    ({"/usr/share/oak/library": "one\n"}, {"/usr/share/oak/library": "two\n"}),
)
automatic, automatic_new = _pair(
    "oak-auto",
    ({"/usr/share/oak/auto": "one\n"}, {"/usr/share/oak/auto": "two\n"}),
    architecture="all",
)
config, config_new = _pair(
    "oak-config",
    (
        {"/etc/oak/config": "one\n", "/etc/oak/plain": "one\n"},
        {"/etc/oak/config": "two\n", "/etc/oak/plain": "two\n", "/etc/oak/new": "new\n"},
    ),
)
service = SmallPackage("oak-service", "1.0", {UNIT_PATH: UNIT}, PROGRAM, depends="oak-auto")
service_new = SmallPackage(
    "oak-service", "1.1", {UNIT_PATH: UNIT}, PROGRAM, depends="oak-auto (>= 1.1), oak-extra"
)
extra_new = SmallPackage("oak-extra", "1.0", {"/etc/oak/extra.conf": "extra\n"})
hooked = SmallPackage("oak-hooked", "1.0", {"/usr/share/oak/hooked": "one\n"})
hooked_new = SmallPackage("oak-hooked", "1.1", {"/usr/share/oak/hooked": "two\n"}, scripts=HOOKS)
kernel = SmallPackage("linux-image-oak", "1.0", {"/boot/vmlinuz-oak": "1" * 100_000})
kernel_new = SmallPackage("linux-image-oak", "1.1", {"/boot/vmlinuz-oak": "2" * 2_000_000})
half = SmallPackage(
    "oak-half",
    "1.0",
    {"/usr/share/oak/half": "half\n"},
    scripts={"postinst": "[ ! -e /var/lib/oak-half-fails ]"},
)

INSTALLED = (library, automatic, config, service, hooked, kernel)
OFFERED = (
    library_new, automatic_new, config_new, service_new, extra_new, hooked_new, kernel_new,
)  # fmt: skip
UPGRADES = (
    (automatic, automatic_new),
    (config, config_new),
    (None, extra_new),
    (hooked, hooked_new),
    (library, library_new),
    (service, service_new),
)
"""What every case's plan changes."""
