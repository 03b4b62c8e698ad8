"""Add, import and remove hosts; a host's key is pinned when it is added, and shown."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oakum.core.audit.event import Action
from oakum.core.errors import ConflictError, InputError, OakumError, RefusedError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Criticality, Exposure, Host
from oakum.core.inventory.known_address import KnownAddress
from oakum.core.inventory.names import (
    require_address,
    require_argument,
    require_host_name,
    require_label,
)
from oakum.ports.clock import Clock
from oakum.ports.progress import Progress
from oakum.ports.stores import UnitOfWork, UnitOfWorkFactory
from oakum.ports.transport import HostKeyReader
from oakum.services.start_rollout import unfinished_rollout_of

READ_KEY_SECONDS = 15
AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class NewHost:
    """A host to add, with what people say of it."""

    known: KnownAddress
    labels: tuple[str, ...] = ()
    exposure: Exposure = Exposure.UNKNOWN
    criticality: Criticality = Criticality.MEDIUM


@dataclass(frozen=True, slots=True)
class HostKeeper:
    """Keeps the list of hosts."""

    begin: UnitOfWorkFactory
    reader: HostKeyReader
    clock: Clock
    actor: str

    async def read_key(self, address: KnownAddress) -> str:
        """Return the key that a host shows now, for a person to compare."""
        _require_sound(address)
        return await self.reader.read_host_key(
            address.address, address.port, timeout_seconds=READ_KEY_SECONDS
        )

    async def read_keys(
        self, addresses: Sequence[KnownAddress], progress: Progress
    ) -> dict[str, str | OakumError]:
        """Return the key that each host shows, or why it shows none, by name."""
        places = asyncio.Semaphore(AT_ONCE)
        found: dict[str, str | OakumError] = {}

        async def read(address: KnownAddress) -> None:
            async with places:
                try:
                    found[address.name] = await self.read_key(address)
                except OakumError as error:
                    found[address.name] = error
            progress("reading host keys", len(found), len(addresses))

        await asyncio.gather(*(read(address) for address in addresses))
        return found

    def add(self, new: NewHost, host_key: str) -> Host:
        """Pin the key and keep the host. Raises InputError for words that it may not have."""
        _require_sound(new.known)
        for label in new.labels:
            require_label(label)
        with self.begin() as work:
            host = self._host(new, host_key, _new_id(new.known.name, work))
            work.hosts.add(host)
            self._record(work, Action.HOST_ADDED, host)
            work.commit()
        return host

    def _host(self, new: NewHost, host_key: str, identity: HostId) -> Host:
        return Host(
            id=identity,
            name=new.known.name,
            address=new.known.address,
            port=new.known.port,
            user=new.known.user,
            host_key=host_key,
            added_at=self.clock.now(),
            labels=tuple(sorted({*new.known.labels, *new.labels})),
            exposure=new.exposure,
            criticality=new.criticality,
            identity_file=new.known.identity_file,
            proxy_jump=new.known.proxy_jump,
        )

    def remove(self, name: str) -> Host:
        """Forget a host. Raises RefusedError while a rollout is at work on it."""
        with self.begin() as work:
            host = work.hosts.named(name)
            rollout = unfinished_rollout_of([host.id], work)
            if rollout is not None:
                raise RefusedError(
                    f"{host.name} is in {rollout.id}, which is {rollout.phase.value}",
                    hint="let it end, or abort it first",
                )
            work.hosts.remove(host.id)
            self._record(work, Action.HOST_REMOVED, host)
            work.commit()
        return host

    def _record(self, work: UnitOfWork, action: Action, host: Host) -> None:
        work.audit.append(
            at=self.clock.now(),
            actor=self.actor,
            action=action,
            subject=host.id,
            details={
                "name": host.name,
                "address": host.address,
                "port": host.port,
                "user": host.user,
                "host_key": host.host_key,
                "labels": list(host.labels),
            },
        )


def _new_id(name: str, work: UnitOfWork) -> HostId:
    """Return the name, or `name:2` when a host of that name was there before: no name has a `:`."""
    number, identity = 1, name
    while work.audit.events(subject=identity):
        number += 1
        identity = f"{name}:{number}"
    return HostId(identity)


def is_known(new: NewHost, host_key: str | None, here: Mapping[str, Host]) -> bool:
    """Tell whether exactly this host is among those that are here, by name.

    Raises ConflictError for one of the same name that differs, and says in what.
    """
    host = here.get(new.known.name)
    if host is not None and (differences := _differences(host, new, host_key)):
        raise ConflictError(
            f"{host.name} is here already, and differs: {'; '.join(differences)}",
            hint=f"if it is another machine now, `oakum hosts remove {host.name}` first",
        )
    return host is not None


def _differences(host: Host, new: NewHost, host_key: str | None) -> list[str]:
    known = new.known
    pairs = {
        "address": (host.address, known.address),
        "port": (host.port, known.port),
        # A prepared host has an account of its own, of which no inventory knows.
        "user": (host.user, host.user if host.guard else known.user),
        "private key": (host.identity_file, known.identity_file),
        "jump host": (host.proxy_jump, known.proxy_jump),
        "labels": (host.labels, tuple(sorted({*known.labels, *new.labels}))),
        "host key": (host.host_key, host_key or host.host_key),
    }
    return [
        f"{what} {_shown(now)}, and not {_shown(given)}"
        for what, (now, given) in pairs.items()
        if now != given
    ]


def _shown(value: object) -> str:
    return " ".join(value) or "none" if isinstance(value, tuple) else str(value) or "none"


def _require_sound(known: KnownAddress) -> None:
    require_host_name(known.name)
    if known.not_carried_out:
        raise InputError(
            f"{known.name} is reached with {', '.join(known.not_carried_out)}, which Oakum "
            "does not carry out: it could come to another machine",
            hint="add it with `oakum hosts add`, with an address that is reached without",
        )
    require_address(known.address)
    for word, what in (
        (known.user, "user"),
        (known.identity_file, "private key"),
        (known.proxy_jump, "jump host"),
    ):
        require_argument(word, what)


def pinned_keys(known_hosts: str, addresses: Sequence[KnownAddress]) -> Mapping[str, str]:
    """Return the keys that a known_hosts file pins for these hosts, by name; ed25519 first.

    Lines with hashed names, markers or patterns are not used: they name no host plainly.
    """
    found: dict[str, str] = {}
    for line in known_hosts.splitlines():
        words = line.split()
        if len(words) < len(("names", "kind", "key")) or line.startswith(("#", "@", "|")):
            continue
        names, kind, key = set(words[0].split(",")), words[1], words[2]
        for address in addresses:
            plain = {address.name, address.address} if address.port == SSH_PORT else set[str]()
            spelled = plain | {f"[{address.address}]:{address.port}"}
            if names & spelled and (address.name not in found or kind == "ssh-ed25519"):
                found[address.name] = f"{kind} {key}"
    return found


SSH_PORT = 22
