"""Understand what facts.sh printed. Nothing is dropped: what cannot be read is counted."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from itertools import takewhile
from typing import TypeVar

from oakum.adapters.facts.dpkg_words import ARCHITECTURE, NOT_ON_DISK, PACKAGE_NAME, STATUS
from oakum.core.advisories.cve import CVE
from oakum.core.errors import HostError
from oakum.core.ids import CveId
from oakum.core.inventory.distribution import EXTENDED, FIPS_CHANNELS, Distribution
from oakum.core.inventory.facts import (
    INDICES_UNASKED,
    Environment,
    Facts,
    FileSystem,
    IndexReading,
    ListeningSocket,
    ModifiedConffile,
    PhasedUpdate,
    RunningKernel,
    Service,
    StaleProcess,
    UnreadableLine,
)
from oakum.core.inventory.package import InstalledPackage
from oakum.core.repositories.phasing import COMPLETE
from oakum.core.text import is_plain, one_line
from oakum.core.versions import apk, rpm
from oakum.core.versions.deb import is_version

T = TypeVar("T")

SECTIONS = (
    "os-release", "identity", "packages", "rpm", "apk", "subscriptions", "livepatch",
    "built-using", "automatic", "conffiles", "stale",
    "unread", "owners", "reboot", "sources", "indices", "origins", "unlisted", "phased",
    "file-systems", "failed-units", "units", "sockets", "end",
)  # fmt: skip
SINCE_LATER = frozenset({"phased", "units"})
"""Sections that the script of a host which was prepared by an earlier Oakum does not have."""
INDEX_SECTIONS = frozenset({"origins", "unlisted", "phased"})
"""What the package indices say; empty where the host says that it is the same as before."""
RPM_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
RPM_WORD = re.compile(r"[A-Za-z0-9_()]+")
SOURCE_RPM = re.compile(r"(?P<name>.+)-(?P<version>[^-]+)-(?P<release>[^-]+)\.(?:no)?src\.rpm")
NONE = "(none)"
RPM_KEY = "gpg-pubkey"
"""rpm lists the keys that it trusts as if they were packages."""
NUMBER = re.compile(r"[0-9]{1,18}")
SHA256 = re.compile(r"[0-9a-f]{64}")
MD5 = re.compile(r"[0-9a-f]{32}")
KNOWN_LINES = 1 << 15
"""Packages that are remembered by their lines: hosts of a fleet have most of theirs in common."""
UNIT = re.compile(r"[^/]+\.(?:service|scope)")


@dataclass
class _Reader:
    """The sections, and the lines in them that nobody understood."""

    sections: dict[str, list[str]]
    unreadable: list[UnreadableLine] = field(default_factory=list)

    def read(self, section: str, parse: Callable[[str], T | None]) -> list[T]:
        """Return what the lines of a section mean; None from the parser marks a line unreadable."""
        values = []
        for line in self.sections.get(section, ()):
            value = parse(line) if is_plain(line.replace("\t", "")) else None
            if value is None:
                self.unreadable.append(UnreadableLine(section, one_line(line)))
            else:
                values.append(value)
        return values

    def pairs(self, section: str) -> dict[str, str]:
        """Return the `key<tab>value` lines of a section."""
        return dict(self.read(section, _pair))


def parse_facts(
    output: bytes, token: str, now: datetime, last: IndexReading | None = None
) -> Facts:
    """Return the facts. Raises HostError when the answer is incomplete or not an answer at all."""
    reader = _Reader(_split(output.decode(errors="backslashreplace"), token))
    enabled = frozenset(reader.read("subscriptions", _word))
    identity, memory = reader.pairs("identity"), reader.read("unread", _pair)
    is_deb = bool(reader.sections["packages"])
    packages = _packages(reader) if is_deb else _other_packages(reader)
    indices = reader.pairs("indices")
    told = _index_reading(reader, packages, indices, last)
    return Facts(
        collected_at=now,
        hostname=one_line(identity.get("hostname", "")),
        machine_id=identity.get("machine-id", ""),
        boot_id=identity.get("boot-id", ""),
        architecture=identity.get("architecture", ""),
        distribution=_distribution(reader, enabled),
        kernel=RunningKernel(identity.get("release", ""), identity.get("version", "")),
        has_systemd=identity.get("init") == "systemd",
        is_container=identity.get("container") == "yes",
        packages=packages,
        stale_processes=_stale_processes(reader),
        saw_all_processes=identity.get("uid") == "0" and ("seen", "others") in memory,
        unread_processes=tuple(
            sorted(one_line(f"{pid} {command}") for pid, command in memory if pid != "seen")
        ),
        modified_conffiles=_modified_conffiles(reader),
        file_systems=_file_systems(reader),
        failed_units=tuple(sorted(reader.read("failed-units", _word))),
        sockets=tuple(sorted(set(reader.read("sockets", _socket)), key=_socket_order)),
        package_sources=tuple(reader.read("sources", one_line)),
        package_origins=told.package_origins,
        unlisted_packages=told.unlisted_packages,
        has_package_indices=not is_deb
        or (indices.get("count", "0") != "0" and indices.get("same") != "unasked"),
        subscriptions=_subscriptions(enabled),
        livepatched=tuple(sorted(set(reader.read("livepatch", _cve)))),
        phased=told.phased,
        indices_digest=told.indices_digest,
        reboot_flag=_reboot_flag(reader),
        timezone=one_line(identity.get("timezone", "")),
        environment=_environment(identity),
        services=_services(reader),
        unreadable=(*reader.unreadable, *told.unreadable),
    )


def _split(text: str, token: str) -> dict[str, list[str]]:
    """Return the lines of each section; only headings with our token count."""
    sections: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in text.split("\n"):
        if line.startswith(f"@{token} "):
            current = sections.setdefault(line.removeprefix(f"@{token} "), [])
        elif current is not None and line:
            current.append(line)
    sections |= {name: [] for name in SINCE_LATER - sections.keys()}
    missing = [name for name in SECTIONS if name not in sections]
    if missing:
        raise HostError(
            f"the host's answer is incomplete: no section {missing[0]!r}",
            hint="was the connection cut, or does its shell print or exit on its own?",
        )
    return sections


def _pair(line: str) -> tuple[str, str] | None:
    key, tab, value = line.partition("\t")
    return (key, value) if tab else None


def _environment(identity: Mapping[str, str]) -> Environment:
    up = identity.get("up", "")
    return Environment(
        machine=one_line(identity.get("machine", "")),
        vendor=one_line(identity.get("vendor", "")),
        boot_mode=one_line(identity.get("boot", "")),
        root_file_system=one_line(identity.get("root", "")),
        network_managers=_words(identity.get("network")),
        network_drivers=_words(identity.get("drivers")),
        up_seconds=int(up) if NUMBER.fullmatch(up) else None,
    )


def _words(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(sorted({one_line(word) for word in text.split()}))


def _services(reader: _Reader) -> tuple[Service, ...] | None:
    """Return the services; a host with systemd that names none could not be asked."""
    found = reader.read("units", _service)
    return tuple(sorted(found, key=lambda service: service.unit)) if found else None


def _service(line: str) -> Service | None:
    columns = line.split("\t")
    if len(columns) != len(("unit", "package", "enabled", "running")):
        return None
    unit, package, enabled, running = columns
    readable = (
        UNIT.fullmatch(unit)
        and PACKAGE_NAME.fullmatch(package)
        and enabled in {"enabled", "-"}
        and running in {"running", "-"}
    )
    return Service(unit, package, enabled != "-", running != "-") if readable else None


def _word(line: str) -> str | None:
    words = line.split()
    return words[0] if len(words) == 1 else None


def _distribution(reader: _Reader, enabled: AbstractSet[str]) -> Distribution:
    pairs = dict(reader.read("os-release", _os_release_pair))
    return Distribution(
        id=pairs.get("ID", ""),
        version_id=pairs.get("VERSION_ID", ""),
        codename=pairs.get("VERSION_CODENAME", ""),
        pretty_name=pairs.get("PRETTY_NAME", ""),
        stream=next((stream for stream in EXTENDED if f"rhel-{stream}" in enabled), ""),
    )


def _os_release_pair(line: str) -> tuple[str, str] | None:
    key, equals, value = line.partition("=")
    if not equals:
        return ("", "") if line.lstrip().startswith("#") else None
    return key.strip(), value.strip().strip("\"'")


def _packages(reader: _Reader) -> tuple[InstalledPackage, ...]:
    automatic = set(reader.read("automatic", _word))
    automatic_names = {mark.partition(":")[0] for mark in automatic}
    built_using = reader.pairs("built-using")
    found: dict[tuple[str, str], InstalledPackage] = {}
    for package in reader.read("packages", _package):
        if package.status[1] in NOT_ON_DISK:
            continue
        key = (package.key, package.version)
        if key in found:
            reader.unreadable.append(UnreadableLine("packages", f"twice: {package.key}"))
        is_automatic = _is_automatic(package, automatic, automatic_names)
        found[key] = _marked(package, is_automatic, built_using.get(package.key, ""))
    return _sorted(found.values())


@lru_cache(maxsize=KNOWN_LINES)
def _marked(package: InstalledPackage, is_automatic: bool, built_using: str) -> InstalledPackage:  # noqa: FBT001 (a cache has no keywords)
    return replace(package, is_automatic=is_automatic, built_using=built_using)


def _sorted(packages: Iterable[InstalledPackage]) -> tuple[InstalledPackage, ...]:
    return tuple(sorted(packages, key=lambda package: (package.name, package.architecture)))


def _other_packages(reader: _Reader) -> tuple[InstalledPackage, ...]:
    """Return the packages of a host without dpkg."""
    found = [*reader.read("rpm", _rpm_package), *reader.read("apk", _apk_package)]
    if not found:
        raise HostError(
            "the host names no installed package",
            hint="hosts with dpkg, rpm or apk can be judged; is that database whole?",
        )
    return _sorted(package for package in found if package.name != RPM_KEY)


def _rpm_package(line: str) -> InstalledPackage | None:
    columns = line.split("\t")
    if len(columns) != len(("name", "version", "architecture", "source", "module")):
        return None
    name, version, architecture, source_rpm, label = columns
    if not (
        RPM_NAME.fullmatch(name) and RPM_WORD.fullmatch(architecture) and rpm.is_version(version)
    ):
        return None
    source = SOURCE_RPM.fullmatch(source_rpm)
    # A label is `nodejs:18:9010020221118120946:rhel9`: module, stream, build, context.
    module = ":".join(label.split(":")[:2]) if label not in {"", NONE} else ""
    return InstalledPackage(
        name,
        version,
        architecture,
        source["name"] if source else name,
        f"{source['version']}-{source['release']}" if source else version,
        module=module,
    )


def _apk_package(line: str) -> InstalledPackage | None:
    columns = line.split("\t")
    if len(columns) != len(("name", "version", "architecture", "origin")):
        return None
    name, version, architecture, origin = columns
    words = (name, architecture, origin)
    if not (all(RPM_NAME.fullmatch(word) for word in words) and apk.is_version(version)):
        return None
    return InstalledPackage(name, version, architecture, origin, version)


def _subscriptions(enabled: AbstractSet[str]) -> tuple[str, ...]:
    """Return the paid channels; `pro` stands for any that continues a release's versions.

    Some data does not tell those from each other.
    """
    found = {name for name in enabled if name.startswith("esm-")}
    any_of_them = {"pro"} if found else set[str]()
    return tuple(sorted(found | any_of_them | (enabled & set(FIPS_CHANNELS))))


def _cve(line: str) -> CveId | None:
    return CveId(line) if CVE.fullmatch(line) else None


def _is_automatic(package: InstalledPackage, automatic: set[str], names: set[str]) -> bool:
    """Tell whether apt installed it by itself: it files `all` packages under the native one."""
    return package.key in automatic or (package.architecture == "all" and package.name in names)


@lru_cache(maxsize=KNOWN_LINES)
def _package(line: str) -> InstalledPackage | None:
    columns = line.split("\t")
    if len(columns) != len(("status", "name", "version", "architecture", "source", "its version")):
        return None
    status, name, version, architecture, source, source_version = columns
    readable = (
        STATUS.fullmatch(status)
        and PACKAGE_NAME.fullmatch(name)
        and ARCHITECTURE.fullmatch(architecture)
        and PACKAGE_NAME.fullmatch(source)
    )
    if not readable:
        return None
    if status[1] in NOT_ON_DISK:
        return InstalledPackage(name, version, architecture, source, source_version, status)
    if not (is_version(version) and is_version(source_version)):
        return None
    return InstalledPackage(name, version, architecture, source, source_version, status.strip())


def _stale_processes(reader: _Reader) -> tuple[StaleProcess, ...]:
    owners = _Owners(_flat(reader.read("owners", _owners)))
    lines = reader.read("stale", _stale_line)
    return tuple(
        StaleProcess(pid, command, unit, path, owners.of(path))
        for pid, command, unit, path in sorted(lines)
    )


def _stale_line(line: str) -> tuple[int, str, str, str] | None:
    columns = line.split("\t")
    if len(columns) != len(("pid", "command", "group", "path")) or not NUMBER.fullmatch(columns[0]):
        return None
    pid, command, group, path = columns
    units = [part for part in group.split("/") if UNIT.fullmatch(part)]
    return int(pid), command, units[-1] if units else "", path


def _owners(line: str) -> list[tuple[str, str]] | None:
    """Read `package:arch, package2:arch: /path`; a diversion's line names no owner."""
    if line.startswith("diversion by "):
        return []
    names, separator, path = line.rpartition(": ")
    if not separator:
        return None
    return [(path, name.strip()) for name in names.split(",")]


class _Owners:
    """Whose a file is. A host may name any number: none is looked for among all of them."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._owners = dict(pairs)
        self._places = {path: number for number, path in enumerate(self._owners)}
        self._sorted = sorted(self._owners)
        self._found: dict[str, str] = {}

    def of(self, path: str) -> str:
        """Return the package of a file, also by its other name on a merged /usr, or by its stem."""
        if path not in self._found:
            self._found[path] = self._look_for(path)
        return self._found[path]

    def _look_for(self, path: str) -> str:
        for name in _both_names(path):
            if name in self._owners:
                return self._owners[name]
        stem, so, _ = path.partition(".so.")
        begins = [f"{name}.so" for name in _both_names(stem)] if so else []
        alike = [known for begin in begins for known in self._beginning_with(begin)]
        first = min(alike, key=self._places.__getitem__, default=None)
        return "" if first is None else self._owners[first]

    def _beginning_with(self, begin: str) -> Iterator[str]:
        first = bisect_left(self._sorted, begin)
        numbers = range(first, len(self._sorted))
        return takewhile(
            lambda known: known.startswith(begin), (self._sorted[number] for number in numbers)
        )


def _both_names(path: str) -> tuple[str, str, str]:
    return (path, path.removeprefix("/usr"), f"/usr{path}")


def _flat(parts: Iterable[list[tuple[str, str]]]) -> list[tuple[str, str]]:
    return [pair for part in parts for pair in part]


def _modified_conffiles(reader: _Reader) -> tuple[ModifiedConffile, ...]:
    recorded: dict[str, tuple[str, str]] = {}
    actual: dict[str, str] = {}
    in_sums = False
    for line in reader.sections["conffiles"]:
        if line == "--":
            in_sums = True
        elif in_sums:
            sum_, _, path = line.lstrip("\\").partition("  ")
            if MD5.fullmatch(sum_) and is_plain(path):
                actual[path] = sum_
            else:
                reader.unreadable.append(UnreadableLine("conffiles", one_line(line)))
        else:
            columns = line.split("\t")
            if len(columns) == len(("package", "md5", "path")) and is_plain("".join(columns)):
                recorded[columns[2]] = (columns[0], columns[1])
            else:
                reader.unreadable.append(UnreadableLine("conffiles", one_line(line)))
    return tuple(
        ModifiedConffile(path, package, md5, actual.get(path, ""))
        for path, (package, md5) in sorted(recorded.items())
        if md5 not in {actual.get(path), "newconffile"}
    )


def _file_systems(reader: _Reader) -> tuple[FileSystem, ...]:
    lines = reader.sections["file-systems"]
    split = lines.index("--") if "--" in lines else len(lines)
    read_only = set(lines[split + 1 :])
    found: dict[str, FileSystem] = {}
    for line in lines[:split]:
        columns = line.split(None, 5)
        if (
            len(columns) == len(("device", "size", "used", "free", "share", "place"))
            and all(NUMBER.fullmatch(column) for column in columns[1:4])
            and is_plain(columns[5])
        ):
            place = columns[5]
            found[place] = FileSystem(
                place, 1024 * int(columns[3]), 1024 * int(columns[1]), place in read_only
            )
        else:
            reader.unreadable.append(UnreadableLine("file-systems", one_line(line)))
    return tuple(found[place] for place in sorted(found))


def _socket(line: str) -> ListeningSocket | None:
    protocol, tab, local = line.partition("\t")
    address, colon, port = local.rpartition(":")
    if not (tab and colon and NUMBER.fullmatch(port)):
        return None
    return ListeningSocket(protocol, address.strip("[]"), int(port))


def _socket_order(socket: ListeningSocket) -> tuple[str, int, str]:
    return (socket.protocol, socket.port, socket.address)


def _index_reading(
    reader: _Reader,
    packages: tuple[InstalledPackage, ...],
    indices: Mapping[str, str],
    last: IndexReading | None,
) -> IndexReading:
    """Return what the indices say, or said the last time with what was unreadable then."""
    digest = indices.get("digest", "")
    digest = digest if SHA256.fullmatch(digest) else ""
    if not indices.get("same"):
        return IndexReading(
            digest,
            _origins(reader, packages),
            tuple(sorted(reader.read("unlisted", _word))),
            _phased(reader, packages),
        )
    if last == INDICES_UNASKED and indices["same"] == "unasked":
        return IndexReading()
    if last is None or not digest or last.indices_digest != digest:
        raise HostError(
            "the host says that its package indices are as before, but not as of which answer",
            hint="scan it again; if that stays so, look at what answers for it",
        )
    lost = tuple(line for line in last.unreadable if line.section in INDEX_SECTIONS)
    return replace(last, unreadable=lost)


def _origins(
    reader: _Reader, packages: tuple[InstalledPackage, ...]
) -> tuple[tuple[str, str], ...]:
    """Return where installed packages come from; the index of an archive names many others."""
    installed = {(package.key, package.version) for package in packages}
    found = {
        key: origin
        for key, version, origin in reader.read("origins", _origin)
        if (key, version) in installed
    }
    return tuple(sorted(found.items()))


def _origin(line: str) -> tuple[str, str, str] | None:
    columns = line.split("\t")
    if len(columns) != len(("name", "version", "architecture", "origin")):
        return None
    name, version, architecture, origin = columns
    return f"{name}:{architecture}", version, one_line(origin)


def _phased(reader: _Reader, packages: tuple[InstalledPackage, ...]) -> tuple[PhasedUpdate, ...]:
    installed = {package.source_name for package in packages}
    updates = reader.read("phased", _phased_update)
    return tuple(
        update
        for update in updates
        if update.source_name in installed and update.percentage < COMPLETE
    )


def _phased_update(line: str) -> PhasedUpdate | None:
    columns = line.split("\t")
    if len(columns) != len(("source", "version", "percentage")):
        return None
    source, version, percentage = columns
    is_readable = (
        PACKAGE_NAME.fullmatch(source) and is_version(version) and NUMBER.fullmatch(percentage)
    )
    if not is_readable or int(percentage) > COMPLETE:
        return None
    return PhasedUpdate(source, version, int(percentage))


def _reboot_flag(reader: _Reader) -> bool | None:
    pairs = reader.pairs("reboot")
    if pairs.get("flag") == "set":
        return True
    return False if pairs.get("hook") == "yes" else None
