"""Which of Oakum's hosts a scanner means: by name, then address, then the name without a domain."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from oakum.core.inventory.host import Host
from oakum.core.reconciling.report import ReportedHost

UNKNOWN = "Oakum knows no host of this name or address"


@dataclass(frozen=True, slots=True)
class HostIndex:
    """Oakum's hosts by all that they can be recognised by. Names in DNS have no case."""

    by_name: Mapping[str, Sequence[Host]]
    by_address: Mapping[str, Sequence[Host]]
    by_short_name: Mapping[str, Sequence[Host]]

    @classmethod
    def of(cls, hosts: Iterable[Host]) -> "HostIndex":
        """Return the index."""
        names: dict[str, list[Host]] = defaultdict(list)
        addresses: dict[str, list[Host]] = defaultdict(list)
        short_names: dict[str, list[Host]] = defaultdict(list)
        for host in hosts:
            names[host.name].append(host)
            addresses[_address(host.address)].append(host)
            for short in sorted(_short_names([host.name, host.address])):
                short_names[short].append(host)
        return cls(names, addresses, short_names)

    def find(self, reported: ReportedHost) -> tuple[Host | None, str]:
        """Return the one host that is meant; or None, and why.

        Several hosts may share an address; then the name without a domain decides, if it can.
        Where address and name contradict each other, no host is meant: a wrong one would be judged.
        """
        words = [reported.name, *reported.addresses]
        named = _all(self.by_name, words[:1]) or _all(self.by_name, words[1:])
        if named:
            return _one(named, "name")
        addressed = _all(self.by_address, map(_address, words))
        short = _all(self.by_short_name, sorted(_short_names(words)))
        both = [host for host in addressed if host in short]
        if both or not (addressed and short):
            what = "address" if addressed else "name without a domain"
            return _one(both or addressed or short, what)
        return None, f"its address is that of {_names(addressed)}, its name that of {_names(short)}"


def _one(hosts: Sequence[Host], what: str) -> tuple[Host | None, str]:
    if not hosts:
        return None, UNKNOWN
    if len(hosts) == 1:
        return hosts[0], ""
    return None, f"its {what} fits several hosts: {_names(hosts)}"


def _names(hosts: Iterable[Host]) -> str:
    return ", ".join(host.name for host in hosts)


def _all(index: Mapping[str, Sequence[Host]], words: Iterable[str]) -> list[Host]:
    """Return the hosts that any of the words stand for, each once."""
    found = {host.id: host for word in words for host in index.get(word, ())}
    return list(found.values())


def _address(word: str) -> str:
    """Return an address as it can be compared: an IPv6 address has many spellings."""
    try:
        return str(ip_address(word))
    except ValueError:
        return word.lower().rstrip(".")


def _short_names(words: Iterable[str]) -> set[str]:
    return {_address(word).partition(".")[0] for word in words if not _is_ip(word)}


def _is_ip(word: str) -> bool:
    try:
        ip_address(word)
    except ValueError:
        return False
    return True
