"""What vendors' statements mean for one component: the comparison itself.

Versions are compared with those of the same release alone, in the order of its package manager.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.inventory.distribution import EXTENDED_STREAM
from oakum.core.matching.component import ANY_OLDER, Component
from oakum.core.matching.finding import FindingState
from oakum.core.versions.order import InvalidVersionError
from oakum.core.versions.scheme import scheme_of

FIX_AVAILABLE = FindingState.AFFECTED_FIX_AVAILABLE
BUILT_FOR = re.compile(
    r"\.(?:module\+el|el(?=[0-9]+_))(?P<major>[0-9]{1,3})[._](?P<minor>[0-9]{1,3})"
)
"""The minor release in a version: `-284.30.1.el9_2`, `.module+el8.6.0+13997`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is true of every host that has the component, about one CVE."""

    statement: VendorStatement
    state: FindingState
    rule: str
    """The comparison in words: `3.0.20-1 < 3.0.22-1 by dpkg's order`."""


def answer(component: Component, said: Sequence[VendorStatement]) -> Answer | None:
    """Return what the statements on one CVE mean; None when none of them is about the component.

    A fix that only subscribers get counts for those who have it installed or subscribed to; for
    others it is a fix that needs a subscription, unless there is one for everybody.
    """
    if is_simple(said) and not component.module:
        # Nearly always: nothing is to be chosen.
        return _effective(component, _on_disk(component, said[0], component.version), said)
    own = [statement for statement in said if concerns(component, statement)]
    free = [s for s in own if not s.channel or s.channel in component.subscriptions]
    paid = [s for s in own if s not in free and s.status is VendorStatus.FIXED]
    if not own:
        return None
    found = _clearest(_on_disk(component, s, component.version) for s in free) if free else None
    for statement in paid:
        found = _with_paid(component, found, statement)
    return None if found is None else _effective(component, found, free)


def is_simple(said: Sequence[VendorStatement]) -> bool:
    """Tell whether what is said of one CVE is the same for whoever has the package."""
    return len(said) == 1 and not (said[0].channel or said[0].module)


def concerns(component: Component, statement: VendorStatement) -> bool:
    """Tell whether a statement is about the module stream that the component is of, or about none.

    `nodejs:18` is spoken of by `nodejs:18` and by `nodejs:18.14.2`, not by `nodejs:20.1.0`. Where
    that cannot be told (a stream without a number, or a module that the vendor's data calls after
    another package) a statement counts: what may be lacking is not called safe.
    """
    if not component.module or not statement.module:
        return component.module == statement.module
    module, _, stream = component.module.partition(":")
    other, _, version = statement.module.partition(":")
    if module != other or not stream[:1].isdigit():
        return True
    return version == stream or version.startswith(f"{stream}.")


def _on_disk(component: Component, statement: VendorStatement, version: str) -> Answer:
    found = _said(component, statement, version)
    if statement.release == component.release or found.state is not FIX_AVAILABLE:
        return found
    if _is_within(statement.fixed_version, component.release):
        return found
    rule = f"{found.rule}; that is of a later minor release, and of {component.release} not known"
    return replace(found, state=FindingState.UNKNOWN, rule=rule)


def _is_within(version: str, stream: str) -> bool:
    """Tell whether Red Hat made a build for the minor release of a stream, or an earlier one.

    `-284.el9_2` is in 9.2's extended stream too; of what is named `.el9` alone that cannot be told.
    """
    held, built = EXTENDED_STREAM.fullmatch(stream), BUILT_FOR.search(version)
    return bool(
        held
        and built
        and held["major"] == built["major"]
        and int(built["minor"]) <= int(held["minor"])
    )


def _said(component: Component, statement: VendorStatement, version: str) -> Answer:
    match statement.status:
        case VendorStatus.NOT_AFFECTED:
            return Answer(statement, FindingState.NOT_AFFECTED, "the vendor says: not affected")
        case VendorStatus.UNDETERMINED:
            return Answer(statement, FindingState.UNKNOWN, "the vendor has not determined it")
        case VendorStatus.OPEN:
            return Answer(statement, FindingState.AFFECTED_NO_FIX, "the vendor has no fix yet")
        case VendorStatus.FIXED:
            return _compared(component, statement, version)
        case VendorStatus.FIXED_IN_UNSTABLE:
            found = _compared(component, statement, version)
            if found.state is not FindingState.AFFECTED_FIX_AVAILABLE:
                return found
            rule = f"{found.rule}; that is unstable's, and {component.release} has no fix named"
            return replace(found, state=FindingState.AFFECTED_NO_FIX, rule=rule)


def _compared(component: Component, statement: VendorStatement, version: str) -> Answer:
    scheme = scheme_of(component.release)
    try:
        order = scheme.compare(version, statement.fixed_version)
    except InvalidVersionError as error:
        return Answer(statement, FindingState.UNKNOWN, error.message)
    if order < 0:
        return lacking(version, statement)
    return Answer(statement, FindingState.FIXED, _compared_in_words(version, ">=", statement))


def lacking(version: str, statement: VendorStatement) -> Answer:
    """Return the answer where it is known already that the version sorts before the fix."""
    rule = _compared_in_words(version, "<", statement)
    return Answer(statement, FindingState.AFFECTED_FIX_AVAILABLE, rule)


def _compared_in_words(version: str, sign: str, fix: VendorStatement) -> str:
    said = f" ({fix.advisory})" if fix.advisory else ""
    return f"{version} {sign} {fix.fixed_version} by {scheme_of(fix.release).value}'s order{said}"


AFFECTED = (FindingState.AFFECTED_FIX_AVAILABLE, FindingState.AFFECTED_NO_FIX)
PRECEDENCE = (
    FindingState.AFFECTED_FIX_AVAILABLE,
    FindingState.FIXED,
    FindingState.NOT_AFFECTED,
    FindingState.AFFECTED_NO_FIX,
    FindingState.UNKNOWN,
)


def _clearest(answers: Iterable[Answer]) -> Answer:
    """Return the one that counts of several streams' or channels': a fix that is still missing."""
    return min(answers, key=lambda found: PRECEDENCE.index(found.state))


def _with_paid(component: Component, free: Answer | None, paid: VendorStatement) -> Answer:
    with_it = _on_disk(component, paid, component.version)
    if free is not None and free.state in {FindingState.FIXED, FindingState.NOT_AFFECTED}:
        return free
    if with_it.state is FindingState.FIXED:
        return with_it
    if free is not None and free.state is FindingState.AFFECTED_FIX_AVAILABLE:
        return free
    rule = f"{with_it.rule}; {paid.channel} has it"
    return replace(with_it, state=FindingState.AFFECTED_NEEDS_SUBSCRIPTION, rule=rule)


def _effective(component: Component, found: Answer, said: Sequence[VendorStatement]) -> Answer:
    """Return what is true of the running system, where that is not what the disk says."""
    if component.reboot_to:
        return _booted(component, found, said)
    if found.state is not FindingState.FIXED:
        return found
    fixed = found.statement.fixed_version
    compare = scheme_of(component.release).compare
    if component.loaded and (component.loaded == ANY_OLDER or compare(component.loaded, fixed) < 0):
        loaded = "an older version" if component.loaded == ANY_OLDER else component.loaded
        rule = f"{found.rule}; but a process may still run {loaded}"
        return replace(found, state=FindingState.EXPOSED_IN_MEMORY, rule=rule)
    if not component.is_seen:
        rule = f"{found.rule}; what processes still run could not be read"
        return replace(found, state=FindingState.FIXED_ON_DISK, rule=rule)
    return found


def _booted(component: Component, found: Answer, said: Sequence[VendorStatement]) -> Answer:
    if found.statement.cve in component.livepatched and found.state not in {
        FindingState.FIXED,
        FindingState.NOT_AFFECTED,
    }:
        rule = f"{found.rule}; a patch that is loaded into the running kernel mends it"
        return replace(found, state=FindingState.LIVEPATCHED, rule=rule)
    if found.state not in AFFECTED:
        return found
    on_disk = _clearest(_on_disk(component, s, component.reboot_to) for s in said)
    if on_disk.state is FindingState.FIXED:
        rule = (
            f"{component.reboot_to} is installed and fixed; "
            f"{component.version} is booted: {found.rule}"
        )
        return replace(found, state=FindingState.AWAITING_REBOOT, rule=rule)
    return found
