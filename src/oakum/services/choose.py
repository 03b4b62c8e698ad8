"""Choose what a command is about: a choice that chooses nothing is an error, never good news."""

from collections import defaultdict
from collections.abc import Iterable
from difflib import get_close_matches

from oakum.core.errors import NotFoundError
from oakum.core.inventory.facts import Facts
from oakum.core.inventory.host import Host
from oakum.core.inventory.selector import parse_selector
from oakum.core.matching.kernel import judged_as
from oakum.core.text import counted, one_line
from oakum.ports.stores import UnitOfWork

SHOWN = 5


def choose_hosts(selector: str, work: UnitOfWork) -> tuple[Host, ...]:
    """Return the hosts that a selector names, by name. Raises NotFoundError when it names none."""
    hosts, wanted = work.hosts.all(), parse_selector(selector)
    if not hosts:
        raise NotFoundError(
            "there are no hosts yet", hint="`oakum hosts add` or `oakum hosts import` adds some"
        )
    chosen = tuple(host for host in hosts if wanted.matches(host))
    if not chosen:
        raise NotFoundError(
            f"{one_line(selector)!r} selects none of {counted(len(hosts), 'host')}",
            hint="`oakum hosts list` shows their names and labels",
        )
    return chosen


def require_sources(names: Iterable[str], facts: Iterable[Facts]) -> None:
    """Raise NotFoundError for a name that is no source package of any of these hosts."""
    sources, built = set[str](), defaultdict[str, set[str]](set)
    for known in facts:  # of a large fleet not all at once
        for package in known.packages:
            sources |= {package.source_name, judged_as(package)[0]}
            built[package.name].add(package.source_name)
    for name in names:
        if name not in sources:
            raise _unknown_source(name, sources, built[name])


def _unknown_source(name: str, sources: set[str], sources_of: set[str]) -> NotFoundError:
    shown = repr(one_line(name, 60))
    if sources_of:
        hint = f"it is built from {', '.join(sorted(sources_of))}: give that name"
    elif "," in name:
        hint = "give the option once for each package"
    elif near := get_close_matches(name, sources, SHOWN):
        hint = f"did you mean {', '.join(near)}?"
    else:
        hint = "`oakum hosts show HOST --json` lists what is installed"
    return NotFoundError(f"no package from the source {shown} is on these hosts", hint=hint)
