"""apt and dpkg (Debian, Ubuntu): every change is made by a shell script on the host itself."""

import hashlib
import re

from oakum.adapters.package_managers.answers import (
    RepackAnswer,
    RepackedFile,
    parse_confirmation,
    parse_diffs,
    parse_repacked,
    parse_simulation,
    parse_status,
)
from oakum.adapters.package_managers.bundle import bundle
from oakum.adapters.package_managers.host_scripts import HostScript, text_of
from oakum.core.errors import ConflictError, HostError, InputError, RefusedError, TrustError
from oakum.core.ids import TransactionId
from oakum.core.planning.change import PackageChange, RollbackClass
from oakum.core.planning.plan import RestartPolicy
from oakum.core.rollback.restore_point import RestorePointKind
from oakum.core.rollout.transaction import DeadmanState, TransactionStatus
from oakum.core.text import framed, one_line
from oakum.ports.package_manager import (
    Simulation,
    SnapshotAccess,
    Target,
    Transaction,
    TransactionMode,
)
from oakum.ports.transport import REFUSED, CommandResult, GuardedSession, Session

ASK_SECONDS = 60.0
SIMULATE_SECONDS = 300.0
REPACK_SECONDS = 900.0
LOCK_SECONDS = 300
CHUNK_BYTES = 16 * 1024 * 1024
EVERYTHING = "*"

ORDER_SECONDS = 120.0
ORDER_VERBS = {TransactionMode.UPGRADE: "begin", TransactionMode.ROLL_BACK: "roll-back"}
NO_SUDO = 1

CANNOT_WRITE, ALREADY_ANOTHER, DID_NOT_START = 3, 4, 5
UNKNOWN_HERE, AT_WORK, CANNOT_REBOOT = 3, 4, 5
NOT_SUCCEEDED = 4

RESERVED = ("deadman", "watch", "reboot", "hook")
"""As launch.sh has it: what units are called on hosts that belong to a transaction."""
SAFE_ID = re.compile(rf"(?!(?:{'|'.join(RESERVED)})-)[A-Za-z0-9][A-Za-z0-9._-]{{0,200}}")
"""As verifier.sh has it: the name of any host has room in it, and in that of its roll-back."""
SAFE_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*")
SAFE_ARCHITECTURE = re.compile(r"[a-z0-9][a-z0-9-]*")
SAFE_VERSION = re.compile(r"[A-Za-z0-9.+:~-]+")
SAFE_URL = re.compile(r"(https?|file)://?[A-Za-z0-9._~:/\[\]@%+-]+")
SAFE_SUITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9./_-]*")


class AptPackageManager:
    """Drives apt on one host. Holds nothing between calls: the host's disk is the memory."""

    def __init__(self, *, lock_seconds: int = LOCK_SECONDS) -> None:
        self._lock_seconds = lock_seconds

    async def simulate(
        self, session: Session, access: SnapshotAccess, targets: tuple[Target, ...] | None
    ) -> Simulation:
        """Ask the host's resolver; `None` as targets means all that the snapshot offers."""
        _require_safe_access(access)
        lines = _target_lines(targets)
        if isinstance(session, GuardedSession):
            result = await session.ask(
                "simulate",
                access.url,
                access.suite,
                stdin=framed({"k": access.public_key, "t": lines}),
                timeout_seconds=SIMULATE_SECONDS,
            )
            _raise_if_refused(result)
        else:
            result = await session.run(
                text_of(HostScript.SIMULATE),
                access.url,
                access.suite,
                stdin=bundle({"key.asc": access.public_key, "targets": lines}),
                timeout_seconds=SIMULATE_SECONDS,
            )
        return parse_simulation(result.stdout)

    async def start(self, session: Session, transaction: Transaction) -> None:
        """Hand over a transaction; handing over the same id again does nothing.

        A transaction that was interrupted is taken up where it stood. Raises ConflictError when
        the id stands for another transaction on this host. A prepared host is given the signed
        order, and takes from it what to do; HostError says why it refused one.
        """
        if isinstance(session, GuardedSession):
            result = await _give_order(session, transaction)
        else:
            result = await session.run(
                text_of(HostScript.START),
                _safe_id(transaction.id),
                stdin=bundle(self._files_of(transaction)),
                timeout_seconds=ASK_SECONDS,
            )
        _raise_if_not_started(result, transaction.id)

    async def status(self, session: Session, transaction: TransactionId) -> TransactionStatus:
        """Read the journal."""
        result = await _about("status", HostScript.STATUS, session, transaction)
        return parse_status(result.stdout)

    async def confirm(self, session: Session, transaction: TransactionId) -> DeadmanState:
        """Say that the host was found well; return what has been decided, by this or before.

        Raises RefusedError for a transaction that is at work, or that did not end well.
        """
        result = await _about("confirm", HostScript.CONFIRM, session, transaction)
        _raise_if_not_confirmed(result, transaction)
        return parse_confirmation(result.stdout)

    async def conffile_diffs(self, session: Session, transaction: TransactionId) -> str:
        """Return how the configuration files that an upgrade kept differ from the new versions."""
        name = _safe_id(transaction)
        if isinstance(session, GuardedSession):
            raise RefusedError(
                "a prepared host shows its configuration to nobody over the network",
                hint=f"there: less /var/lib/oakum/transactions/{name}/conffiles.diff, as root",
            )
        result = await session.run(text_of(HostScript.CONFFILES), name, timeout_seconds=ASK_SECONDS)
        if result.exit_status == UNKNOWN_HERE:
            raise _unknown_there(transaction)
        return parse_diffs(result.stdout)

    async def reboot(self, session: Session, transaction: TransactionId) -> None:
        """Reboot the host once for this transaction; a second call does nothing."""
        result = await _about("reboot", HostScript.REBOOT, session, transaction)
        _raise_if_not_rebooting(result, transaction)

    async def repack(self, session: Session, targets: tuple[Target, ...]) -> tuple[bytes, ...]:
        """Return .deb files for installed versions that no archive has any more, in order.

        Raises RefusedError for a prepared host: that takes root, and no order is for it.
        """
        if isinstance(session, GuardedSession):
            names = ", ".join(f"{t.name}:{t.architecture} {t.version}" for t in targets)
            raise RefusedError(
                f"a prepared host makes no packages of what it has installed: {names}",
                hint="put the .deb of the old version into an archive that snapshots are made of",
            )
        result = await session.run(
            text_of(HostScript.REPACK),
            stdin=_target_lines(targets).encode(),
            timeout_seconds=REPACK_SECONDS,
        )
        answer = parse_repacked(result.stdout)
        try:
            _raise_if_missing(answer, len(targets))
            return tuple([await _fetch(session, answer.directory, file) for file in answer.files])
        finally:
            await session.run(
                text_of(HostScript.FETCH), answer.directory, timeout_seconds=ASK_SECONDS
            )

    def _files_of(self, transaction: Transaction) -> dict[str, str]:
        _require_safe_access(transaction.access)
        for change in transaction.changes:
            _require_safe_change(change)
        return {
            "transaction.sh": text_of(HostScript.TRANSACTION),
            "key.asc": transaction.access.public_key,
            "changes.tsv": "".join(f"{change.line()}\n" for change in transaction.changes),
            "settings": _settings_of(transaction, self._lock_seconds),
            **self._way_back_of(transaction),
        }

    def _way_back_of(self, transaction: Transaction) -> dict[str, str]:
        """Return what a host needs to go back by itself: what it would be handed for that."""
        if transaction.deadman is None:
            return {}
        back = self._files_of(transaction.deadman.back)
        return {"back.tsv": back["changes.tsv"], "back.settings": back["settings"]}


def _unknown_there(transaction: TransactionId) -> HostError:
    return HostError(
        f"the host does not know the transaction {transaction} any more",
        hint="was /var/lib/oakum there removed, or the host put back from a backup?",
    )


async def _about(
    verb: str, script: HostScript, session: Session, transaction: TransactionId
) -> CommandResult:
    """Ask something about a transaction that the host knows."""
    name = _safe_id(transaction)
    if isinstance(session, GuardedSession):
        result = await session.ask(verb, name, timeout_seconds=ASK_SECONDS)
        _raise_if_refused(result)
        return result
    return await session.run(text_of(script), name, timeout_seconds=ASK_SECONDS)


async def _give_order(session: GuardedSession, transaction: Transaction) -> CommandResult:
    order = transaction.order
    if order is None:
        raise HostError(
            "the host obeys signed orders only, and this plan has none for it",
            hint="was it prepared after the rollout began? end the rollout, and start another",
        )
    texts = {"o": order.document.decode(), "k": transaction.access.public_key}
    texts |= {str(n): signature.text for n, signature in enumerate(order.signatures, 1)}
    words = [_safe_id(transaction.id)]
    named = transaction.undoes if transaction.deadman is None else transaction.deadman.back.id
    if named is not None:
        words.append(_safe_id(named))
    result = await session.ask(
        ORDER_VERBS[transaction.mode], *words, stdin=framed(texts), timeout_seconds=ORDER_SECONDS
    )
    _raise_if_refused(result)
    return result


def _raise_if_refused(result: CommandResult) -> None:
    said = one_line(result.stderr.decode("utf-8", errors="replace"))
    if result.exit_status == REFUSED:
        raise HostError(
            f"the host's verifier: {said}",
            hint="`oakum plan show` has who signed; `oakum hosts prepare` whom the host obeys",
        )
    if result.exit_status == NO_SUDO:
        raise HostError(
            f"the host's verifier cannot be asked: {said}",
            hint="prepare the host again: oakum hosts prepare",
        )


def _settings_of(transaction: Transaction, lock_seconds: int) -> str:
    may_undo = all(c.rollback_class is not RollbackClass.ONE_WAY for c in transaction.changes)
    settings = {
        "mode": {TransactionMode.UPGRADE: "upgrade", TransactionMode.ROLL_BACK: "roll-back"}[
            transaction.mode
        ],
        "url": transaction.access.url,
        "suite": transaction.access.suite,
        "restart": {RestartPolicy.NEVER: "never", RestartPolicy.AFFECTED: "affected"}[
            transaction.restart_policy
        ],
        "undoes": "" if transaction.undoes is None else _safe_id(transaction.undoes),
        "download_bytes": str(sum(change.size_bytes for change in transaction.changes)),
        "lock_seconds": str(lock_seconds),
        "may_undo": "yes" if may_undo else "no",
    }
    if RestorePointKind.SNAPSHOT in transaction.restore_points:
        settings["snapshot"] = "yes"
    if transaction.deadman is not None:
        settings["deadman"] = str(transaction.deadman.seconds)
        settings["back"] = _safe_id(transaction.deadman.back.id)
    return "".join(f"{name}\t{value}\n" for name, value in settings.items())


async def _fetch(session: Session, directory: str, file: RepackedFile) -> bytes:
    content = bytearray()
    while len(content) < file.size_bytes:
        length = min(CHUNK_BYTES, file.size_bytes - len(content))
        result = await session.run(
            text_of(HostScript.FETCH),
            directory,
            file.name,
            str(len(content)),
            str(length),
            timeout_seconds=REPACK_SECONDS,
        )
        if len(result.stdout) != length:
            break
        content += result.stdout
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise TrustError(
            f"{file.name} changed on its way from the host", hint="try again; look at its disk"
        )
    return bytes(content)


def _raise_if_missing(answer: RepackAnswer, wanted: int) -> None:
    if answer.missing or len(answer.files) != wanted:
        names = "; ".join(f"{key} {reason}" for key, reason in answer.missing)
        raise HostError(
            f"the host cannot make packages of what it has installed: {names or 'no answer'}",
            hint="scan it again; install dpkg-repack there, or find the .deb and add it by hand",
        )


def _raise_if_not_started(result: CommandResult, transaction: TransactionId) -> None:
    said = one_line(result.stderr.decode("utf-8", errors="replace")) or "it says nothing"
    if result.exit_status == ALREADY_ANOTHER:
        raise ConflictError(
            f"the host knows another transaction by the id {transaction}: {said}",
            hint="ids are never used twice. Other settings: until the rollout has ended, have "
            "`[snapshots] url` and Oakum's version as when it was handed over. Else: was the "
            "controller's state restored from a backup?",
        )
    if result.exit_status == CANNOT_WRITE:
        raise HostError(
            f"the host cannot take the transaction {transaction}: {said}",
            hint="make room in /var/lib/oakum there, and see that the login may become root",
        )
    if result.exit_status != 0:
        raise HostError(
            f"the host did not start the transaction {transaction}: {said}",
            hint=f"look at /var/lib/oakum/transactions/{transaction}/launch.log there",
        )


def _raise_if_not_confirmed(result: CommandResult, transaction: TransactionId) -> None:
    if result.exit_status == UNKNOWN_HERE:
        raise _unknown_there(transaction)
    if result.exit_status == NOT_SUCCEEDED:
        said = one_line(result.stderr.decode("utf-8", errors="replace"))
        raise RefusedError(
            f"the host does not take {transaction} for well: {said}",
            hint="ask for its status first",
        )


def _raise_if_not_rebooting(result: CommandResult, transaction: TransactionId) -> None:
    said = one_line(result.stderr.decode("utf-8", errors="replace"))
    if result.exit_status in {UNKNOWN_HERE, AT_WORK}:
        raise RefusedError(
            f"the host does not reboot for {transaction}: {said}", hint="ask for its status first"
        )
    if result.exit_status != 0:
        raise HostError(
            f"the host cannot be rebooted for {transaction}: {said}", hint="reboot it by hand"
        )


def _target_lines(targets: tuple[Target, ...] | None) -> str:
    if targets is None:
        return f"{EVERYTHING}\n"
    for target in targets:
        _require(SAFE_NAME, target.name, "package name")
        _require(SAFE_ARCHITECTURE, target.architecture, "architecture")
        _require(SAFE_VERSION, target.version, "version")
    return "".join(f"{t.name}:{t.architecture}\t{t.version}\n" for t in targets)


def _require_safe_change(change: PackageChange) -> None:
    _require(SAFE_NAME, change.name, "package name")
    _require(SAFE_ARCHITECTURE, change.architecture, "architecture")
    for version in (change.old_version, change.new_version):
        if version:
            _require(SAFE_VERSION, version, "version")


def _require_safe_access(access: SnapshotAccess) -> None:
    _require(SAFE_URL, access.url, "snapshot URL")
    _require(SAFE_SUITE, access.suite, "suite")


def _safe_id(transaction: TransactionId) -> str:
    _require(SAFE_ID, transaction, "transaction id")
    return transaction


def _require(pattern: re.Pattern[str], text: str, what: str) -> None:
    if pattern.fullmatch(text) is None:
        raise InputError(
            f"{one_line(text)!r} is no {what} that may reach a host",
            hint="it comes from the inventory or the snapshot: look where it was read",
        )
