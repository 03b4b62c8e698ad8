"""oakum snapshots: exact packages, frozen, signed and served."""

from typing import Annotated

import typer

from oakum.core.errors import RefusedError, TrustError
from oakum.core.ids import SnapshotId
from oakum.core.repositories.diff import diff as compare
from oakum.core.repositories.snapshot import Role
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import actor, application, run
from oakum.entrypoints.cli.words import short
from oakum.services.freeze_snapshot import Freezer

app = typer.Typer(help="Freeze, compare, verify and serve snapshots.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Which = Annotated[str, typer.Argument(help="Its id or the beginning of it; `latest`.")]


@app.command()
def create(
    release: Annotated[str, typer.Option(help="Codename of the hosts' release.")] = "bookworm",
    allow_missing: Annotated[
        bool, typer.Option(help="Freeze even if an installed version can be had nowhere.")
    ] = False,
    json: Json = False,
) -> None:
    """Freeze the updates for the fleet, what they depend on, and what is installed now."""
    chosen = application()
    with (
        chosen.locks.hold("snapshots", "oakum snapshots create"),
        output.progress_bar() as progress,
    ):
        freezer = Freezer(
            chosen.begin,
            chosen.snapshots.archive,
            chosen.snapshots.store,
            chosen.transport,
            chosen.package_manager,
            chosen.clock,
            actor(),
            progress,
            chosen.configuration.snapshots.phased_from,
        )
        sources = chosen.snapshots.sources(release)
        frozen = run(freezer.freeze(release, sources, allow_missing=allow_missing))
    snapshot = frozen.snapshot
    if json:
        output.print_json({"id": snapshot.id, "is_new": frozen.is_new, "mended": frozen.mended,
            "left_out": snapshot.manifest.left_out})  # fmt: skip
        return
    packages = snapshot.manifest.packages
    kept = sum(package.roles == (Role.INSTALLED,) for package in packages)
    output.show(f"snapshot {snapshot.id}")
    output.say(
        f"{'frozen' if frozen.is_new else 'unchanged'}: {len(packages)} packages, "
        f"{output.bytes_in_words(snapshot.total_bytes)}; {kept} of them only to go back to"
    )
    for upstream in snapshot.manifest.upstream:
        keys = ", ".join(key[-16:] for key in upstream.signed_by)
        output.say(f"  {upstream.uri} {upstream.suite} of {upstream.date}, signed by {keys}")
    for fault in frozen.mended:
        output.say(f"  mended: {fault}")
    for update in snapshot.manifest.left_out:
        output.say(f"  {update.name} {update.reason}")
    for package in frozen.repacked:
        output.say(f"  {package.name} {package.version} is in no archive: taken from a host")
    for package in frozen.missing:
        output.say(f"  {package.name} {package.version} can be had nowhere: no way back to it")


@app.command("list")
def list_snapshots(json: Json = False) -> None:
    """List snapshots, oldest first."""
    with application().reading() as work:
        snapshots = work.snapshots.all()
    if json:
        output.print_json(
            [{"id": s.id, "created_at": s.created_at, "bytes": s.total_bytes} for s in snapshots]
        )
        return
    rows = [
        (
            short(s.id),
            s.manifest.release,
            f"{s.created_at:%Y-%m-%d %H:%M}",
            len(s.manifest.packages),
            output.bytes_in_words(s.total_bytes),
        )
        for s in snapshots
    ]
    output.print_table(("snapshot", "release", "frozen (UTC)", "packages", "size"), rows)


@app.command()
def show(which: Which = "latest", json: Json = False) -> None:
    """Show what a snapshot holds."""
    with application().reading() as work:
        snapshot = work.snapshots.get(which)
    if json:
        output.print_json(snapshot)
        return
    output.show(f"snapshot {snapshot.id}")
    rows = [
        (p.name, p.architecture, p.version, ", ".join(r.value for r in p.roles), short(p.sha256))
        for p in sorted(snapshot.manifest.packages, key=lambda p: (p.name, p.version))
    ]
    output.print_table(("package", "arch", "version", "for", "sha256"), rows)


@app.command()
def diff(old: Which, new: Which = "latest", json: Json = False) -> None:
    """Compare what two snapshots offer."""
    with application().reading() as work:
        first, second = work.snapshots.get(old), work.snapshots.get(new)
    changes = compare(first.manifest, second.manifest)
    if json:
        output.print_json(changes)
        return
    for before, after in changes.changed:
        output.show(f"~ {after.name}:{after.architecture} {before.version} -> {after.version}")
    for package in changes.added:
        output.show(f"+ {package.name}:{package.architecture} {package.version}")
    for package in changes.removed:
        output.show(f"- {package.name}:{package.architecture} {package.version}")
    output.say(
        f"{len(changes.changed)} changed, {len(changes.added)} added, "
        f"{len(changes.removed)} removed"
    )


@app.command()
def verify(which: Which = "latest", json: Json = False) -> None:
    """Check the signature, the indices and every byte of every package."""
    chosen = application()
    with chosen.reading() as work:
        snapshot = work.snapshots.get(which)
    with output.progress_bar() as progress:
        faults = chosen.snapshots.store.verify(snapshot.manifest, progress)
    if json:
        output.print_json({"id": snapshot.id, "faults": faults})
    if faults:
        raise TrustError(
            f"snapshot {short(snapshot.id)} is damaged:\n  " + "\n  ".join(faults[:20]),
            hint="`oakum snapshots create` mends it if the archives still offer the same",
        )
    if not json:
        output.show(f"snapshot {snapshot.id}: signature, indices and every package are as frozen")


@app.command()
def key(json: Json = False) -> None:
    """Print the public key that snapshots are signed with; hosts trust it and no other."""
    armoured = application().snapshots.store.public_key()
    if json:
        output.print_json({"public_key": armoured})
    else:
        output.show(armoured.rstrip())


@app.command()
def remove(which: Which, json: Json = False) -> None:
    """Withdraw a snapshot, unless a plan or a rollout still needs it."""
    chosen = application()
    with chosen.locks.hold("snapshots", "oakum snapshots remove"), chosen.begin() as work:
        snapshot = work.snapshots.get(which)
        users = [plan.id for plan in work.plans.all() if plan.snapshot == snapshot.id]
        if users:
            raise RefusedError(
                f"{', '.join(users)} was made from snapshot {short(snapshot.id)}",
                hint="without it their hosts could not be rolled back",
            )
        work.snapshots.remove(SnapshotId(snapshot.id))
        work.commit()
        chosen.snapshots.store.remove(snapshot.id)
    if json:
        output.print_json({"id": snapshot.id})
    output.say(f"snapshot {short(snapshot.id)} is removed")


@app.command()
def serve(
    listen: Annotated[str, typer.Option(help="HOST:PORT; the configured one if not given.")] = "",
) -> None:
    """Serve published snapshots to hosts until it is ended."""
    chosen = application()
    address = listen or chosen.configuration.snapshots.listen
    chosen.snapshots.serve(address, lambda at: output.say(f"serving snapshots on http://{at}"))
