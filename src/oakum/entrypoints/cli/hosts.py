"""oakum hosts: which machines Oakum looks after."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from oakum.core.errors import InputError, OakumError, TrustError
from oakum.core.inventory.host import Criticality, Exposure
from oakum.core.inventory.known_address import KnownAddress
from oakum.core.inventory.selector import parse_selector
from oakum.core.text import counted
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import actor, application, run
from oakum.entrypoints.cli.prepare import prepare
from oakum.services.manage_hosts import HostKeeper, NewHost, is_known, pinned_keys
from oakum.services.take_as_mended import take_as_mended

app = typer.Typer(help="Add, import, list, show and remove hosts.", no_args_is_help=True)

Labels = Annotated[list[str] | None, typer.Option("--label", help="A label, or key=value.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Trust the keys that hosts show now.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _keeper() -> HostKeeper:
    chosen = application()
    return HostKeeper(chosen.begin, chosen.ssh, chosen.clock, actor())


@app.command()
def add(
    name: str,
    address: Annotated[
        str, typer.Option(help="Name or address; the host's name if not given.")
    ] = "",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 22,
    user: Annotated[str, typer.Option(help="Who logs in: root, or one who may sudo.")] = "root",
    identity_file: Annotated[str, typer.Option(help="Private key; the agent's if not given.")] = "",
    label: Labels = None,
    exposure: Annotated[Exposure, typer.Option()] = Exposure.UNKNOWN,
    criticality: Annotated[Criticality, typer.Option()] = Criticality.MEDIUM,
    fingerprint: Annotated[str, typer.Option(help="The key's, `SHA256:…`, known otherwise.")] = "",
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Add a host, and pin the key that it shows."""
    keeper = _keeper()
    known = KnownAddress(name, address or name, port, user, identity_file)
    key = run(keeper.read_key(known))
    _confirm(name, key, fingerprint, yes=yes)
    new = NewHost(known, tuple(label or ()), exposure, criticality)
    host = keeper.add(new, key)
    if json:
        output.print_json(host)
    output.say(f"{host.name} is added; its key is pinned")


@app.command("import")
def import_hosts(
    ssh_config: Annotated[
        Path | None, typer.Option(help="An OpenSSH client configuration.")
    ] = None,
    ansible: Annotated[Path | None, typer.Option(help="An Ansible inventory, INI or YAML.")] = None,
    known_hosts: Annotated[Path | None, typer.Option(help="Where their keys are pinned.")] = None,
    user: Annotated[str, typer.Option(help="Who logs in where the file does not say.")] = "root",
    label: Labels = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Import hosts; keys come from known_hosts, or are read and shown.

    Hosts that are here already stay as they are; one that differs from the file is named.
    """
    chosen, keeper = application(), _keeper()
    known = chosen.read_inventory(ssh_config, ansible, user)
    pinned = dict(pinned_keys(chosen.read_text(known_hosts), known)) if known_hosts else {}
    with chosen.reading() as work:
        here = {host.name: host for host in work.hosts.all()}
    done, fresh = _Imported(), list[NewHost]()
    for new in (NewHost(address, tuple(label or ())) for address in known):
        with done.noting(new):
            if is_known(new, pinned.get(new.known.name), here):
                done.unchanged.append(new.known.name)
            else:
                fresh.append(new)
    with output.progress_bar() as progress:
        unpinned = [new.known for new in fresh if new.known.name not in pinned]
        shown = run(keeper.read_keys(unpinned, progress))
    for new in fresh:
        with done.noting(new):
            name = new.known.name
            key = pinned.get(name) or shown[name]
            if isinstance(key, OakumError):
                raise key
            if name not in pinned:
                _confirm(name, key, "", yes=yes)
            keeper.add(new, key)
            done.added.append(name)
    if json:
        output.print_json(done)
    output.say(
        f"{len(done.added)} of {counted(len(known), 'host')} imported, "
        f"{len(done.unchanged)} unchanged, {len(done.failed)} not imported"
    )
    if done.failed:
        raise typer.Exit(1)


@dataclass
class _Imported:
    added: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def noting(self, new: NewHost) -> Iterator[None]:
        """Say what is wrong with one host, and go on with the others."""
        try:
            yield
        except OakumError as error:
            self.failed[new.known.name] = error.message
            output.say(f"{new.known.name}: {error.message}")
            if error.hint:
                output.say(f"  hint: {error.hint}")


@app.command("list")
def list_hosts(
    limit: Annotated[str, typer.Option(help="For example: role:web not label:frozen.")] = "",
    json: Json = False,
) -> None:
    """List hosts."""
    selector = parse_selector(limit)
    with application().reading() as work:
        hosts = [host for host in work.hosts.all() if selector.matches(host)]
        outlines, seen = work.facts.outlines(), work.facts.last_seen()
        failures = work.facts.failures()
    if json:
        output.print_json(hosts)
        return
    rows = []
    for host in hosts:
        known, failure = outlines.get(host.id), failures.get(host.id)
        last_scan = f"{seen[host.id]:%Y-%m-%d %H:%M}" if host.id in seen else "never"
        system = known.distribution.label if known else ""
        rows.append(
            (
                host.name,
                f"{host.address}:{host.port}",
                system,
                " ".join(host.labels),
                host.guard.in_words() if host.guard else f"login as {host.user}",
                last_scan,
                failure.reason if failure else "",
            )
        )
    headings = ("host", "address", "system", "labels", "root obeys", "last scan", "trouble")
    output.print_table(headings, rows)


@app.command()
def show(name: str, json: Json = False) -> None:
    """Show what is known of a host."""
    chosen = application()
    with chosen.reading() as work:
        host = work.hosts.named(name)
        facts = work.facts.latest(host.id)
        failure = work.facts.failures().get(host.id)
    if json:
        output.print_json({"host": host, "facts": facts, "failure": failure})
        return
    output.show(f"{host.name}  {host.user}@{host.address} port {host.port}")
    output.show(f"  key          {chosen.fingerprint(host.host_key)}")
    output.show(f"  labels       {' '.join(host.labels) or 'none'}")
    output.show(f"  root obeys   {host.guard.in_words() if host.guard else 'whoever logs in'}")
    for approver in host.guard.approvers if host.guard else ():
        output.show(f"    approver   {approver}")
    output.show(f"  exposure     {host.exposure.value}, criticality {host.criticality.value}")
    if failure:
        output.show(f"  last scan    failed: {failure.reason}")
    if facts is None:
        output.show("  facts        none yet: run `oakum scan`")
        return
    output.show(f"  scanned      {facts.collected_at:%Y-%m-%d %H:%M} UTC")
    output.show(f"  system       {facts.distribution.pretty_name}, kernel {facts.kernel.release}")
    output.show(f"  packages     {len(facts.packages)}")
    output.show(f"  old in memory {len(facts.stale_processes)} processes")
    output.show(f"  conffiles    {len(facts.modified_conffiles)} changed by the administrator")
    output.show(f"  unreadable   {len(facts.unreadable)} lines")


app.command()(prepare)


@app.command()
def mended(
    name: str,
    reason: Annotated[str, typer.Option(help="How you know that it does its work; kept for good.")],
    json: Json = False,
) -> None:
    """Say that a host is well again that a rollout left down; others of its group may go on.

    Scan it first: what the scan found is kept with your word in the audit log.
    """
    chosen = application()
    host, failed_units = take_as_mended(name, reason, actor(), chosen.begin, chosen.clock)
    if json:
        output.print_json(host)
    output.say(f"{host.name} counts as well again")
    if failed_units:
        output.say(f"units that failed there, as the scan found: {', '.join(failed_units)}")


@app.command()
def remove(
    name: str,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Forget a host. The audit log keeps what was done to it."""
    with application().reading() as work:
        work.hosts.named(name)
    if not yes:
        typer.confirm(f"forget {name}, its facts and its findings?", abort=True, err=True)
    host = _keeper().remove(name)
    if json:
        output.print_json(host)
    output.say(f"{host.name} is removed")


def _confirm(name: str, key: str, fingerprint: str, *, yes: bool) -> None:
    shown = application().fingerprint(key)
    output.say(f"{name} shows the key {shown}")
    if fingerprint and fingerprint != shown:
        raise TrustError(
            f"{name} shows {shown}, and not {fingerprint}",
            hint="somebody may stand between you and it; the host was not added",
        )
    if fingerprint or yes:
        return
    try:
        typer.confirm("is that its key?", abort=True, err=True)
    except typer.Abort as error:
        output.say("")  # the question still stands in its line
        raise InputError(
            f"{name} was not added: nobody confirmed its key",
            hint="compare it on the host with: ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub; "
            "then give --fingerprint or --yes",
        ) from error
