"""oakum lab: real hosts on this machine, for trying everything without risk."""

import asyncio
import os
from typing import Annotated

import typer

from oakum.core.errors import InputError
from oakum.core.staging.lab import CHECKS
from oakum.core.text import counted
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import application, run
from oakum.ports.machines import Machine
from oakum.services.await_boot import require_booted
from oakum.services.break_lab import TROUBLES, Breaker, lab_host
from oakum.services.run_lab import Lab

app = typer.Typer(help="Real hosts on this machine, to try everything on.", no_args_is_help=True)

Kind = Annotated[str, typer.Argument(help=f"One of: {', '.join(TROUBLES)}.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
HostName = Annotated[str, typer.Argument(help="A host of the lab.")]


def _lab() -> Lab:
    if os.geteuid() != 0:
        raise InputError("the lab needs root: it boots machines", hint="run it with sudo")
    chosen = application()
    return Lab(
        chosen.lab_files, chosen.lab_machines, chosen.snapshots.distribution_archives, output.say
    )


@app.command()
def up(
    hosts: Annotated[int, typer.Option(help="How many hosts, 3 to 40.")] = 3,
    provider: Annotated[str, typer.Option(help="auto, nspawn, nspawn-btrfs or chroot.")] = "auto",
    json: Json = False,
) -> None:
    """Bring up hosts with pending security updates; running it again goes on where it stopped."""
    chosen = application()
    with chosen.locks.hold("lab", "oakum lab up"):
        machines = _lab().up(hosts, provider)
        output.say(f"waiting until {len(machines)} hosts have booted")
        run(_await_all(machines))
    if json:
        output.print_json(machines)
    else:
        rows = [(m.name, m.address, m.port, m.state.value) for m in machines]
        output.print_table(("host", "address", "port", "state"), rows)
    access = chosen.lab_files.identity_file.parent
    output.say(f"reach them with: ssh -F {access}/ssh_config web-1")
    output.say(f"next: oakum hosts import --ansible {access}/inventory.ini; then: oakum scan")


@app.command()
def down(json: Json = False) -> None:
    """Take the lab down; nothing of it is left."""
    with application().locks.hold("lab", "oakum lab down"):
        count = _lab().down()
    if json:
        output.print_json({"removed": count})
    output.say(f"{counted(count, 'host')} removed")


@app.command()
def status(json: Json = False) -> None:
    """Show the hosts of the lab."""
    machines = _lab().status()
    if not machines:
        output.say("there is no lab; `oakum lab up` makes one")
    if json:
        output.print_json(machines)
        return
    rows = [(m.name, m.address, m.port, m.state.value, m.pid or "") for m in machines]
    output.print_table(("host", "address", "port", "state", "pid"), rows)


@app.command()
def checks() -> None:
    """Print the [[checks]] that fit the lab's roles, as TOML for oakum.toml."""
    output.show(CHECKS)


@app.command()
def kinds(json: Json = False) -> None:
    """List the kinds of trouble that `break` can make."""
    if json:
        output.print_json({kind: trouble.what for kind, trouble in TROUBLES.items()})
        return
    output.print_table(("kind", "what"), [(kind, t.what) for kind, t in TROUBLES.items()])


@app.command("break")
def break_host(kind: Kind, host: HostName, json: Json = False) -> None:
    """Make real trouble on a host."""
    _done(host, _trouble(kind, host, mend=False), json=json)


@app.command()
def mend(kind: Kind, host: HostName, json: Json = False) -> None:
    """Take trouble away again."""
    if kind == "sshd":
        provider = _lab().provider()
        provider.stop(host)
        machine = provider.start(host)
        run(_await_all((machine,)))
        _done(host, "booted anew", json=json)
        return
    _trouble(kind, host, mend=True)
    _done(host, "mended", json=json)


@app.command()
def kill(host: HostName, json: Json = False) -> None:
    """Cut a host's power; `oakum lab start` boots it again."""
    _lab().provider().kill(host)
    _done(host, "power cut", json=json)


@app.command()
def start(host: HostName, json: Json = False) -> None:
    """Boot a host that is down."""
    _lab().provider().start(host)
    _done(host, "booting", json=json)


def _done(host: str, what: str, *, json: bool) -> None:
    if json:
        output.print_json({"host": host, "done": what})
    output.say(f"{host}: {what}")


def _trouble(kind: str, host: str, *, mend: bool) -> str:
    chosen = application()
    breaker = Breaker(chosen.ssh, str(chosen.lab_files.identity_file))
    return run(breaker.run(kind, _lab().machine(host), mend=mend))


async def _await_all(machines: tuple[Machine, ...]) -> None:
    """Wait until all have booted; the first that cannot is an error."""
    chosen = application()
    identity_file = str(chosen.lab_files.identity_file)
    hosts = [lab_host(machine, identity_file) for machine in machines]
    await asyncio.gather(*(require_booted(chosen.ssh, host) for host in hosts))
