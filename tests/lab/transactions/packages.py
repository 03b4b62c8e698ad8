"""The small packages of these tests: as installed, and as the snapshot offers them."""

from tests.lab.transactions.small_archive import SmallPackage

UNIT = """[Unit]
Description=Sleeps
[Service]
ExecStart=/usr/lib/oak/oakd infinity
[Install]
WantedBy=multi-user.target
"""
UNIT_PATH = "/lib/systemd/system/oak-service.service"
PROGRAM = {"/usr/lib/oak/oakd": "/usr/bin/sleep"}
SLOW_ONCE = "[ -e /var/lib/oak-slow ] || { : >/var/lib/oak-slow; sync; sleep 300; }"

library = SmallPackage("oak-library", "1.0", {"/usr/share/oak/library": "one\n"})
library_new = SmallPackage("oak-library", "1.1", {"/usr/share/oak/library": "two\n"})
automatic = SmallPackage("oak-auto", "1:1.0", {"/usr/share/oak/auto": "one\n"}, architecture="all")
automatic_new = SmallPackage(
    "oak-auto", "1:1.1", {"/usr/share/oak/auto": "two\n"}, architecture="all"
)
service = SmallPackage(
    "oak-service", "1.0", {UNIT_PATH: UNIT}, PROGRAM, depends="oak-auto (>= 1:1.0)"
)
service_new = SmallPackage(
    "oak-service", "1.1", {UNIT_PATH: UNIT}, PROGRAM, depends="oak-auto (>= 1:1.1), oak-extra"
)
extra_new = SmallPackage("oak-extra", "1.0", {"/etc/oak/extra.conf": "extra\n"})
config = SmallPackage("oak-config", "1.0", {"/etc/oak/config": "one\n", "/etc/oak/plain": "one\n"})
config_new = SmallPackage(
    "oak-config",
    "1.1",
    {"/etc/oak/config": "two\n", "/etc/oak/plain": "two\n", "/etc/oak/new": "new\n"},
)
fragile = SmallPackage("oak-fragile", "1.0", {"/usr/share/oak/fragile": "one\n"})
fragile_new = SmallPackage(
    "oak-fragile",
    "1.1",
    {"/usr/share/oak/fragile": "two\n"},
    scripts={
        "postinst": "echo 'the new version cannot be configured' >&2; exit 1",
        "prerm": "exit 1",
        "postrm": "exit 1",
    },
)
slow = SmallPackage("oak-slow", "1.0", {"/usr/share/oak/slow": "one\n"})
slow_new = SmallPackage(
    "oak-slow", "1.1", {"/usr/share/oak/slow": "two\n"}, scripts={"preinst": SLOW_ONCE}
)
dead = SmallPackage(
    "oak-service",
    "1.2",
    {UNIT_PATH: UNIT.replace("infinity", "never")},
    PROGRAM,
    {"postinst": "systemctl daemon-reload; systemctl restart oak-service.service || true"},
    "oak-auto (>= 1:1.0)",
)

INSTALLED = (library, automatic, service, config, fragile, slow)
OFFERED = (library_new, automatic_new, service_new, extra_new, config_new, fragile_new, slow_new)
