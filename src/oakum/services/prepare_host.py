"""Prepare a host: from then on its root obeys signed orders, and the login is an ordinary one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from oakum.core.audit.event import Action
from oakum.core.errors import ConflictError, RefusedError
from oakum.core.inventory.host import Guard, Host
from oakum.core.orders.preparation import (
    Preparation,
    describe,
    host_files,
    require_sense,
)
from oakum.ports.clock import Clock
from oakum.ports.host_files import Account, HostFiles, Present
from oakum.ports.signing import OrderSigner
from oakum.ports.stores import UnitOfWork, UnitOfWorkFactory
from oakum.ports.transport import Transport
from oakum.services.start_rollout import unfinished_rollout_of


@dataclass(frozen=True, slots=True)
class RootLogin:
    """How somebody becomes root on the host, once, to prepare it."""

    user: str
    identity_file: str

    def to(self, host: Host) -> Host:
        """Return the host as this login reaches it."""
        return replace(host, user=self.user, identity_file=self.identity_file, guard=None)


@dataclass(frozen=True, slots=True)
class HostPreparer:
    """Shows what would change on a host, changes it, and takes it back."""

    begin: UnitOfWorkFactory
    transport: Transport
    files: HostFiles
    signer: OrderSigner
    programs: Mapping[str, str]
    clock: Clock
    actor: str

    async def look(self, host: Host, login: RootLogin, wanted: Preparation) -> tuple[str, ...]:
        """Return every line that would change on the host; nothing when it is prepared so already.

        Raises RefusedError where the host lacks a program, or the account is somebody else's.
        """
        require_sense(wanted)
        _require_same_account(host, wanted)
        files = host_files(wanted, self.programs)
        async with self.transport.connect(login.to(host)) as session:
            present = await self.files.look(session, wanted.user, [file.path for file in files])
        _require_possible(host, wanted.user, present)
        account = (f"account {wanted.user} is made",) if present.account is Account.NONE else ()
        return (*account, *describe(present.files, files))

    async def prepare(self, host: Host, login: RootLogin, wanted: Preparation) -> Host:
        """Install what was shown, and keep what the host asks for from now on."""
        require_sense(wanted)
        _require_same_account(host, wanted)
        self._require_idle(host)
        guard = Guard(
            wanted.threshold,
            tuple(sorted({self.signer.fingerprint(key) for key in wanted.approvers})),
        )
        async with self.transport.connect(login.to(host)) as session:
            files = host_files(wanted, self.programs)
            await self.files.install(session, wanted.user, files)
        prepared = replace(host, user=wanted.user, guard=guard)
        self._keep(prepared, Action.HOST_PREPARED)
        return prepared

    async def give_back(self, host: Host, login: RootLogin) -> Host:
        """Remove what prepare put there. The record of carried out orders stays on the host."""
        paths = self._paths(host)
        self._require_idle(host)
        async with self.transport.connect(login.to(host)) as session:
            await self.files.remove(session, host.user, paths)
        given_back = login.to(host)
        self._keep(given_back, Action.HOST_GIVEN_BACK)
        return given_back

    def removals(self, host: Host) -> tuple[str, ...]:
        """Return what give_back removes. Raises RefusedError for a host that is not prepared."""
        return (
            *(f"{path} is removed" for path in self._paths(host)),
            f"account {host.user} is removed",
        )

    def _paths(self, host: Host) -> list[str]:
        """Return our files in the order in which they go: the right first."""
        if host.guard is None:
            raise RefusedError(f"{host.name} is not prepared", hint="there is nothing to take back")
        files = host_files(Preparation(host.id, host.user, (), 1, (), ""), self.programs)
        return [file.path for file in reversed(files)]

    def _require_idle(self, host: Host) -> None:
        """Raise ConflictError in the middle of a rollout: it would go on in another way."""
        with self.begin() as work:
            rollout = unfinished_rollout_of([host.id], work)
        if rollout is not None:
            raise ConflictError(
                f"{host.name} is in {rollout.id}, which is {rollout.phase.value}",
                hint="let it end, or abort it first",
            )

    def _keep(self, host: Host, action: Action) -> None:
        with self.begin() as work:
            work.hosts.update(host)
            self._record(work, host, action)
            work.commit()

    def _record(self, work: UnitOfWork, host: Host, action: Action) -> None:
        guard = host.guard
        work.audit.append(
            at=self.clock.now(),
            actor=self.actor,
            action=action,
            subject=host.id,
            details={
                "user": host.user,
                "threshold": guard.threshold if guard else None,
                "approvers": list(guard.approvers) if guard else [],
            },
        )


def _require_same_account(host: Host, wanted: Preparation) -> None:
    if host.guard is not None and wanted.user != host.user:
        raise RefusedError(
            f"{host.name} is prepared for the account {host.user}, not {wanted.user}",
            hint="take that back first (--undo): both would keep their right",
        )


def _require_possible(host: Host, user: str, present: Present) -> None:
    if present.missing:
        raise RefusedError(
            f"{host.name} lacks {', '.join(present.missing)}",
            hint="install the Debian packages sudo and openssh-client there",
        )
    if present.account is Account.FOREIGN:
        raise RefusedError(
            f"{host.name} has an account {user} that is not Oakum's",
            hint="choose another name with --user: what it may do already would stay",
        )
