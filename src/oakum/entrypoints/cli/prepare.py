"""oakum hosts prepare: let a host obey signed orders only, with every line shown first."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from oakum.core.errors import InputError
from oakum.core.inventory.host import Host
from oakum.core.orders.preparation import Preparation, read_approvers
from oakum.core.text import counted
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import actor, application, run
from oakum.services.prepare_host import HostPreparer, RootLogin


def prepare(
    name: str,
    approver_keys: Annotated[
        Path | None, typer.Option(help="Approvers' public keys, ssh-ed25519, one a line.")
    ] = None,
    threshold: Annotated[int, typer.Option(min=1, help="How many of them must sign.")] = 2,
    user: Annotated[str, typer.Option(help="The ordinary account that is made.")] = "oakum",
    login_key: Annotated[
        Path | None, typer.Option(help="Public key that logs in as it; the host's if not given.")
    ] = None,
    login: Annotated[
        str, typer.Option(help="Who becomes root there now; the host's login if not given.")
    ] = "",
    identity_file: Annotated[str, typer.Option(help="Private key of that login.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take it all back.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the lines.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a host obey signed orders only: root by one program, the login an ordinary one.

    Every line that changes on the host is shown first. A prepared host is prepared again after
    Oakum was upgraded, or for other approvers.
    """
    chosen = application()
    with chosen.reading() as work:
        host = work.hosts.named(name)
    preparer = chosen.host_preparer(actor())
    login = login or ("root" if host.guard else host.user)
    root = RootLogin(login, identity_file or host.identity_file)
    if undo:
        after, lines = _give_back(
            preparer, host, root, is_sure=yes, only_show=dry_run, is_talk=json
        )
    else:
        wanted = Preparation(
            host=host.id,
            user=user,
            approvers=_approvers(approver_keys),
            threshold=threshold,
            login_keys=_login_keys(login_key or Path(f"{host.identity_file}.pub")),
            snapshots=chosen.snapshots.served_below,
        )
        lines = run(preparer.look(host, root, wanted))
        _show(lines, is_talk=json)
        after = host
        if not dry_run:
            if lines and not yes:
                asked = f"change these {counted(len(lines), 'line')} on {name}?"
                typer.confirm(asked, abort=True, err=True)
            after = run(preparer.prepare(host, root, wanted))
            _say_what_is_left(host, after, root)
    if json:
        output.print_json({"lines": lines, "host": after})


def _give_back(
    preparer: HostPreparer,
    host: Host,
    root: RootLogin,
    *,
    is_sure: bool,
    only_show: bool,
    is_talk: bool,
) -> tuple[Host, tuple[str, ...]]:
    lines = preparer.removals(host)
    _show(lines, is_talk=is_talk)
    if only_show:
        return host, lines
    if not is_sure:
        typer.confirm(f"let {host.name} obey {root.user}'s login again?", abort=True, err=True)
    after = run(preparer.give_back(host, root))
    output.say(f"{host.name} obeys {root.user}'s login again; /var/lib/oakum stays there")
    return after, lines


def _show(lines: Sequence[str], *, is_talk: bool) -> None:
    for line in lines:
        if is_talk:
            output.say(line)
        else:
            output.show(line)


def _say_what_is_left(before: Host, after: Host, root: RootLogin) -> None:
    if after.guard is not None:
        output.say(
            f"{after.name} obeys {after.guard.in_words()}, and is logged in to as {after.user}"
        )
    if root.identity_file == before.identity_file:
        output.say(
            f"  warning: the key that logs in as {after.user} was let in as {root.user} as well. "
            f"Until it is taken out of {root.user}'s authorized_keys, a stolen controller needs "
            "no order."
        )


def _approvers(file: Path | None) -> tuple[str, ...]:
    if file is None:
        raise InputError("give --approver-keys FILE: whose signatures the host shall obey")
    return read_approvers(application().read_text(file))


def _login_keys(file: Path) -> tuple[str, ...]:
    if file == Path(".pub"):
        raise InputError("give --login-key FILE: the public key that logs in as the account")
    lines = application().read_text(file).splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))
