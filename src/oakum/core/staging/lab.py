"""The lab: which hosts, in which roles, with which services that can be checked."""

from collections.abc import Sequence
from dataclasses import dataclass

from oakum.core.repositories.archive import ArchiveSource

MIN_HOSTS, MAX_HOSTS = 3, 40


@dataclass(frozen=True, slots=True)
class RoleFile:
    """A file that a role's hosts have."""

    path: str
    content: str


@dataclass(frozen=True, slots=True)
class LabRole:
    """What hosts of a role run. Configuration says `lab-address`, never a number."""

    name: str
    packages: tuple[str, ...]
    files: tuple[RoleFile, ...]
    setup_script: str
    broken_by_conffile: str
    """A conffile with a pending update, for `lab break conffile`."""


NGINX = """\
server {
    listen lab-address:8080;
    root /srv/www;
}
"""
PAGE = "<!doctype html><title>oakum lab</title><p>All seams are tight.</p>\n"
POSTGRESQL = "listen_addresses = 'lab-address'\nport = 5432\n"
"""The port is said: Debian's scripts take the next one while another lab's database listens."""

SUDOERS = RoleFile("/etc/sudoers.d/oakum", "oakum ALL=(ALL) NOPASSWD: ALL\n")
MAKE_USER = """
rm -f /etc/apt/sources.list
id oakum >/dev/null 2>&1 || useradd --create-home --shell /bin/bash oakum
install -d -o oakum -g oakum -m 700 /home/oakum/.ssh
install -o oakum -g oakum -m 600 /root/.ssh/authorized_keys /home/oakum/.ssh/authorized_keys
"""

ROLES = (
    LabRole(
        "web",
        ("nginx",),
        (
            RoleFile("/etc/nginx/conf.d/lab.conf", NGINX),
            RoleFile("/srv/www/index.html", PAGE),
        ),
        "rm -f /etc/nginx/sites-enabled/default\n",
        "/etc/nginx/nginx.conf",
    ),
    LabRole(
        "db",
        ("postgresql-15",),
        (RoleFile("/etc/postgresql/15/main/conf.d/lab.conf", POSTGRESQL),),
        "",
        "/etc/init.d/postgresql",
    ),
    LabRole("plain", (), (), "", "/etc/ssl/openssl.cnf"),
)


def sources_file(archives: Sequence[ArchiveSource]) -> RoleFile:
    """Return the apt sources of a lab host, as on any Debian host.

    Their names do not resolve in the lab: Oakum never installs from them.
    """
    stanzas = [
        f"Types: deb\nURIs: {archive.uri}\nSuites: {archive.suite}\n"
        f"Components: {' '.join(archive.components)}\nSigned-By: {archive.keyring_path}\n"
        for archive in archives
    ]
    return RoleFile("/etc/apt/sources.list.d/debian.sources", "\n".join(stanzas))


@dataclass(frozen=True, slots=True)
class LabHost:
    """A host of the lab."""

    name: str
    role: LabRole


def deal(hosts: int) -> tuple[LabHost, ...]:
    """Return the hosts of a lab of this size: half web, a quarter db, the rest plain."""
    db = max(1, hosts // 4)
    plain = max(1, hosts // 4)
    counts = {"web": hosts - db - plain, "db": db, "plain": plain}
    return tuple(
        LabHost(f"{role.name}-{number}", role)
        for role in ROLES
        for number in range(1, counts[role.name] + 1)
    )


CHECKS = """\
[[checks]]
name = "home page"
kind = "http"
hosts = "role:web"
target = "http://{address}:8080/"
expect_text = "All seams are tight"

[[checks]]
name = "nginx runs"
kind = "unit"
hosts = "role:web"
target = "nginx.service"

[[checks]]
name = "database accepts connections"
kind = "tcp"
hosts = "role:db"
target = "{address}:5432"

[[checks]]
name = "database answers"
kind = "command"
hosts = "role:db"
target = "runuser -u postgres -- psql -qAt -c 'select 6 * 7'"
expect_text = "42"

[[checks]]
name = "openssl works"
kind = "command"
hosts = "role:plain"
target = "openssl version"
expect_text = "OpenSSL 3"
"""
