"""A twin is like its host where it counts: packages, holds, accounts, owners, configuration."""

import asyncio
import os

import pytest
from demo.fleet import Fleet
from tests.lab.leftovers import leftovers

from oakum.bootstrap.application import Application
from oakum.core.staging.fidelity import compare_packages
from oakum.settings import read_settings

CHANGE = """
set -e
useradd --system --no-create-home --uid 799 keeper
useradd --create-home --groups adm,keeper --shell /bin/bash clerk
echo 'clerk:a secret word' | chpasswd
install -d -o keeper -g keeper -m 750 /etc/keeper
printf 'level = 3\\n' >/etc/keeper/keeper.conf
chown keeper:clerk /etc/keeper/keeper.conf
chmod 640 /etc/keeper/keeper.conf
ln -s keeper.conf /etc/keeper/link
openssl genpkey -algorithm ed25519 -out /etc/keeper/own.pem 2>/dev/null
echo token >/etc/keeper/api.key
printf '%s\n' '-----BEGIN PGP PRIVATE KEY BLOCK-----' >/etc/keeper/pgp.asc
install -m 600 /dev/null /etc/keeper/only-roots.conf
echo changed >>/etc/issue
apt-mark -q hold curl
"""
UNDO = """
apt-mark -q unhold curl
rm -rf /etc/keeper
sed -i '$d' /etc/issue
userdel --remove clerk 2>/dev/null
userdel keeper
"""
LOOK = """
getent passwd keeper clerk
id clerk
for path in /etc/keeper /etc/passwd /etc/issue /usr/bin/crontab /usr/bin/ssh-agent \\
  /var/lib/postgresql /usr/lib/dbus-1.0/dbus-daemon-launch-helper; do
  [ ! -e "$path" ] || stat -c '%n %u:%g %U:%G %a' "$path"
done
find /etc/keeper -mindepth 1 -printf '%p %u:%g %m %l\\n' | sort
tail -n 1 /etc/issue
cat /etc/keeper/keeper.conf
apt-mark showhold
"""
SECRETS = """
cd /etc/keeper && ls own.pem api.key pgp.asc only-roots.conf 2>/dev/null
cut -d : -f 2 /etc/shadow | sort -u
"""


@pytest.mark.parametrize("name", ["plain-1", "db-1"])
def test_a_twin_has_its_hosts_accounts_owners_and_holds(fleet: Fleet, name: str) -> None:
    """And none of its passwords and keys; when it is gone, nothing of it is left."""
    fleet.ssh(name, CHANGE)
    try:
        fleet.run("scan", "--limit", name)
        there = fleet.ssh(name, LOOK).splitlines()
        here, secrets, differences = asyncio.run(_twin(fleet, name))
    finally:
        fleet.ssh(name, UNDO)
        fleet.run("scan", "--limit", name)
    secret = ("own.pem", "api.key", "pgp.asc", "only-roots.conf")
    assert [line for line in there if not any(name in line for name in secret)] == here
    assert secrets == ["*"]
    assert differences == ()
    assert leftovers(fleet.home / "twins/machines") == []


async def _twin(fleet: Fleet, name: str) -> tuple[list[str], list[str], tuple[str, ...]]:
    application = Application(read_settings({**os.environ, "OAKUM_HOME": str(fleet.home)}))
    with application.begin() as work:
        host = work.hosts.named(name)
        facts = work.facts.latest(host.id)
        access = application.snapshots.access(work.snapshots.get("latest"))
    assert facts is not None
    builder = application.rehearser("a test", lambda *_: None, lambda _: None).builder
    async with (
        builder.build(f"twin-{name}", host, facts, access) as twin,
        application.transport.connect(twin) as session,
    ):
        looked = await session.run(LOOK, timeout_seconds=60)
        secrets = await session.run(SECRETS, timeout_seconds=60)
        known = await application.collector.collect(session, now=application.clock.now())
    assert looked.exit_status == 0, looked.stderr
    return (
        looked.stdout.decode().splitlines(),
        secrets.stdout.decode().splitlines(),
        compare_packages(facts, known).differences,
    )
