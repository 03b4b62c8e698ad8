"""Draw the labelled corpus from real advisories, and decide each label without Oakum's code.

usage: /usr/bin/python3 -m benchmarks.label_corpus --data DIRECTORY

Nothing of Oakum is imported: vendors' files are read here anew, and versions are compared by apt's
and rpm's own code (python3-apt and python3-rpm, which is why the system's Python runs it) or, for
Alpine, as whole numbers. It writes `labels.tsv` and, below `feeds`, those parts of the vendors'
records that a label depends on. What is drawn depends on the data alone. Kernels and modules of
rpm are not drawn: what decides them is more than a version, and `traps.json` has them by hand.
"""

import argparse
import hashlib
import json
import lzma
import re
import tarfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cmp_to_key
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import apt_pkg
import rpm

CORPUS = Path(__file__).parent.parent / "tests" / "golden" / "corpus"
FIX, FIXED = "affected, fix available", "fixed"
PAID, OPEN = "affected, fix needs a subscription", "affected, no fix"
UNAFFECTED, UNKNOWN, SILENT = "not affected", "unknown", "no finding"
PER_PACKAGE = 2
"""How many labels of one kind a package gives at most: variety is what the corpus is for."""
Item = TypeVar("Item")
Compare = Callable[[str, str], int]
Records = dict[str, dict[str, Any]]


class System(NamedTuple):
    """What /etc/os-release says."""

    id: str
    version_id: str
    codename: str = ""


class Label(NamedTuple):
    """One package of one host, one CVE, and what is true of it."""

    system: System
    package: str
    version: str
    source: str
    source_version: str
    subscriptions: str
    cve: str
    state: str
    how: str


class Fix(NamedTuple):
    """One published fix."""

    system: System
    name: str
    cve: str
    version: str


def drawn(items: Iterable[Item], count: int, package: Callable[[Item], str]) -> list[Item]:
    """Return so many items in an order that only their own text decides, few of one package."""
    taken, found = Counter[str](), list[Item]()
    for item in sorted(items, key=lambda item: hashlib.sha256(repr(item).encode()).digest()):
        if len(found) < count and taken[package(item)] < PER_PACKAGE:
            taken[package(item)] += 1
            found.append(item)
    return found


def rpm_compare(first: str, second: str) -> int:
    """Compare as rpm does; a missing epoch is 0."""
    return int(rpm.labelCompare(_evr(first), _evr(second)))


def _evr(text: str) -> tuple[str, str, str]:
    epoch, _, rest = text.rpartition(":")
    version, _, release = rest.rpartition("-")
    return epoch or "0", version, release


PLAIN_APK = re.compile(r"[1-9][0-9]*(\.(0|[1-9][0-9]*))*-r[0-9]+")
"""Versions of Alpine of which nobody doubts the order: numbers, without any suffix."""


def apk_compare(first: str, second: str) -> int:
    """Compare plain versions of Alpine number by number, the revision last."""
    a, b = _numbers(first), _numbers(second)
    return (a > b) - (a < b)


def _numbers(version: str) -> tuple[list[int], int]:
    numbers, _, revision = version.partition("-r")
    return [int(number) for number in numbers.split(".")], int(revision)


def around(fixes: list[Fix], compare: Compare, count: int, how: str) -> Iterator[Label]:
    """Give hosts on both sides of fixes: the version next below, and the fix or the next above."""
    known: dict[tuple[System, str], list[str]] = defaultdict(list)
    for fix in fixes:
        if fix.version not in known[fix.system, fix.name]:
            known[fix.system, fix.name].append(fix.version)
    for versions in known.values():
        versions.sort(key=cmp_to_key(compare))
    alone = Counter((fix.system, fix.name, fix.cve) for fix in set(fixes))
    for fix in drawn(set(fixes), count, lambda fix: fix.name):
        if alone[fix[:3]] > 1:
            continue
        versions = known[fix.system, fix.name]
        below = [v for v in versions if compare(v, fix.version) < 0]
        above = [v for v in versions if compare(v, fix.version) > 0]
        hosts = [*below[-1:], (above or [fix.version])[0], fix.version]
        for version in dict.fromkeys(hosts[:2]):
            state = FIX if compare(version, fix.version) < 0 else FIXED
            yield label(fix.system, fix.name, version, fix.cve, state, how)


def label(  # noqa: PLR0917 (the columns of one row)
    system: System, name: str, version: str, cve: str, state: str, how: str, paid: str = ""
) -> Label:
    """Return a label of a package that is named and numbered like its source."""
    version = version.removeprefix("0:")
    return Label(system, name, version, name, version, paid, cve, state, how)


def revised(fixes: Iterable[Fix], compare: Compare, count: int, how: str) -> Iterator[Label]:
    """Give hosts that have an earlier fix of a CVE, which a later advisory says was not enough."""
    several: dict[tuple[System, str, str], set[str]] = defaultdict(set)
    for fix in fixes:
        several[fix[:3]].add(fix.version)
    twice = [subject for subject, versions in several.items() if len(versions) > 1]
    for subject in drawn(twice, count, lambda subject: subject[1]):
        versions = sorted(several[subject], key=cmp_to_key(compare))
        system, name, cve = subject
        yield label(system, name, versions[0], cve, FIX, how)
        yield label(system, name, versions[-1], cve, FIXED, how)


def elsewhere(fixes: Iterable[Fix], systems: list[System], count: int) -> Iterator[Label]:
    """Give hosts of a release on which the vendor says nothing about a CVE, though on another."""
    said: dict[tuple[str, str], dict[System, str]] = defaultdict(dict)
    for fix in fixes:
        said[fix.name, fix.cve][fix.system] = fix.version
    silent = [
        (name, cve, min(of.values()), system)
        for (name, cve), of in said.items()
        for system in systems
        if system not in of
    ]
    for name, cve, version, system in drawn(silent, count, lambda found: found[0]):
        yield label(system, name, version, cve, SILENT, "silent")


# Debian


BOOKWORM, TRIXIE = System("debian", "12", "bookworm"), System("debian", "13", "trixie")


def debian(data: Path) -> tuple[list[Label], Any]:
    """Return labels from the security tracker and the archive's index, and their records."""
    tree = json.loads(
        lzma.decompress((data / "debian/tracker-json-bookworm-trixie.DERIVED.json.xz").read_bytes())
    )
    rows = [
        (system, source, cve, said)
        for source, issues in tree.items()
        if not source.startswith("linux")
        for cve, issue in issues.items()
        for system in (BOOKWORM, TRIXIE)
        if (said := issue["releases"].get(system.codename))
    ]
    fixes = [
        Fix(system, source, cve, said["fixed_version"])
        for system, source, cve, said in rows
        if said["status"] == "resolved" and said["fixed_version"] != "0"
    ]
    labels = [*around(fixes, apt_pkg.version_compare, 60, "apt"), *_archive(data, fixes)]
    kinds: dict[tuple[str, ...], list[tuple[System, str, str, str, str]]] = defaultdict(list)
    for system, source, cve, said in rows:
        state = OPEN if said["status"] == "open" else UNAFFECTED
        in_archive = bool(said["repositories"])
        if in_archive and (state == OPEN or said["fixed_version"] == "0"):
            kind = (state, said["urgency"], said.get("nodsa_reason") or "")
            version = next(iter(said["repositories"].values()))
            kinds[kind].append((system, source, version, cve, state))
    for found in kinds.values():
        labels += [label(*row, "word") for row in drawn(found, 6, lambda row: row[1])]
    wanted = {(found.source, found.cve) for found in labels}
    records: Records = defaultdict(dict)
    for source, cve in sorted(wanted):
        records[source][cve] = {"releases": tree[source][cve]["releases"]}
    return labels, records


def _archive(data: Path, fixes: Iterable[Fix]) -> Iterator[Label]:
    """Give binary packages of the archive as they are, where their versions are not the source's.

    These are rebuilds (`+b1`), binary packages with a version of their own, and other names.
    """
    by_source: dict[str, list[Fix]] = defaultdict(list)
    for fix in fixes:
        if fix.system == BOOKWORM:
            by_source[fix.name].append(fix)
    found = []
    for name in ("bookworm-security_main_binary-amd64_Packages.xz",
                 "bookworm_main_binary-amd64_Packages.subset.xz"):  # fmt: skip
        text = lzma.decompress((data / "debian" / name).read_bytes()).decode()
        for stanza in text.strip().split("\n\n"):
            lines = (line.partition(": ") for line in stanza.splitlines() if line[:1] != " ")
            fields = {key: value for key, _, value in lines}
            if "Source" not in fields:
                continue
            source, _, own = fields["Source"].partition(" ")
            version = own.strip("()") or fields["Version"]
            found += [
                (fields["Package"], fields["Version"], source, version, fix)
                for fix in by_source[source]
            ]
    other = [row for row in found if row[1] != row[3]]
    for package, version, source, source_version, fix in (
        *drawn(other, 24, lambda row: row[2]), *drawn(found, 24, lambda row: row[2])
    ):  # fmt: skip
        older = apt_pkg.version_compare(source_version, fix.version) < 0
        yield Label(
            BOOKWORM, package, version, source, source_version, "", fix.cve,
            FIX if older else FIXED, "apt",
        )  # fmt: skip


# Ubuntu


UBUNTU = {"jammy": System("ubuntu", "22.04", "jammy"), "noble": System("ubuntu", "24.04", "noble")}
WORDS = {
    "needed": OPEN, "pending": OPEN, "deferred": OPEN, "ignored": OPEN,
    "needs-triage": UNKNOWN, "not-affected": UNAFFECTED,
}  # fmt: skip


def ubuntu(data: Path) -> tuple[list[Label], list[Any]]:
    """Return labels from the CVE tracker, and their records."""
    archive = data / "ubuntu/cve-tracker-json-jammy-noble-2024-08-09.tar.xz"
    issues = {issue["candidate"]: issue for issue in _records(archive)}
    fixes, words, paid = [], defaultdict(list), []
    for system, name, cve in _subjects(issues):
        issue, codename = issues[cve], system.codename
        status = issue["packages"][codename][name]["status"]
        channels = {
            channel: version
            for channel in ("esm-apps", "esm-infra")
            if (version := _released(issue, f"{channel}/{codename}", name))
        }
        version = _released(issue, codename, name)
        if version:
            fixes.append(Fix(system, name, cve, version))
        elif len(channels) == 1 and status in {"needed", "needs-triage"}:
            paid.append((system, name, cve, *next(iter(channels.items()))))
        elif not channels and status in WORDS:
            words[status].append((system, name, "1.0-1", cve))
    labels = [*around(fixes, apt_pkg.version_compare, 40, "apt")]
    for status, rows in sorted(words.items()):
        labels += [label(*row, WORDS[status], "word") for row in drawn(rows, 7, lambda row: row[1])]
    for system, name, cve, channel, version in drawn(paid, 6, lambda row: row[1]):
        older = f"{version}~"
        labels += [
            label(system, name, older, cve, PAID, "apt"),
            label(system, name, older, cve, FIX, "apt", channel),
            label(system, name, version, cve, FIXED, "apt"),
        ]
    wanted: dict[str, set[str]] = defaultdict(set)
    for found in labels:
        wanted[found.cve].add(found.source)
    records = []
    for cve, names in sorted(wanted.items()):
        packages = {
            place: {
                name: {word: entry[word] for word in ("status", "note") if word in entry}
                for name, entry in of.items()
                if name in names
            }
            for place, of in issues[cve]["packages"].items()
            if place.rpartition("/")[2] in UBUNTU
        }
        records.append(
            {"candidate": cve, "packages": {place: of for place, of in packages.items() if of}}
        )
    return labels, records


def _subjects(issues: dict[str, Any]) -> Iterator[tuple[System, str, str]]:
    for cve, issue in issues.items():
        for codename, system in UBUNTU.items():
            for name in issue["packages"].get(codename, {}):
                if not name.startswith("linux"):
                    yield system, name, cve


def _released(issue: dict[str, Any], place: str, name: str) -> str:
    entry = issue["packages"].get(place, {}).get(name, {})
    words = entry.get("note", "").split() if entry.get("status") == "released" else []
    return words[0] if words and words[0][0].isdigit() else ""


# OSV of vendors of rpm packages


def osv(archive: Path, system_of: Callable[[str], System | None], count: int) -> Any:  # noqa: ANN401
    """Return labels from a vendor's OSV records, and their records."""
    records = [record for record in _records(archive) if "withdrawn" not in record]
    fixes, modular = [], set()
    for record in records:
        cves = [name for name in record.get("related", ()) if name.startswith("CVE-")]
        for affected in record["affected"]:
            system = system_of(affected["package"]["ecosystem"])
            if system is None:
                continue
            for name, version in _versions(affected):
                if ".module" in version:
                    modular.add(name)
                fixes += [Fix(system, name, cve, version) for cve in cves]
    fixes = [
        fix for fix in fixes
        if fix.name not in modular and not re.match(r"kernel|.*-debug(info|source)", fix.name)
    ]  # fmt: skip
    systems = sorted({fix.system for fix in fixes})
    labels = [
        found
        for system in systems
        for found in around([fix for fix in fixes if fix.system == system], rpm_compare,
                            count // len(systems), "rpm")
    ]  # fmt: skip
    labels += revised(fixes, rpm_compare, count // 8, "rpm")
    labels += elsewhere(fixes, systems, count // 8)
    wanted: dict[str, set[str]] = defaultdict(set)
    for found in labels:
        wanted[found.cve].add(found.source)
    return labels, [cut for record in records if (cut := _cut(record, wanted))]


def _versions(affected: dict[str, Any]) -> Iterator[tuple[str, str]]:
    binaries = affected.get("ecosystem_specific", {}).get("binaries")
    if binaries:
        for binary in binaries:
            yield from binary.items()
        return
    for event in affected["ranges"][0]["events"]:
        if "fixed" in event:
            yield affected["package"]["name"], event["fixed"]


def _cut(record: dict[str, Any], wanted: dict[str, set[str]]) -> dict[str, Any] | None:
    """Return what of a record concerns labels; None when nothing does."""
    cves = [cve for cve in record.get("related", ()) if cve in wanted]
    names = {name for cve in cves for name in wanted[cve]}
    kept = []
    for affected in record["affected"]:
        versions = [(name, version) for name, version in _versions(affected) if name in names]
        if not versions:
            continue
        package = {key: affected["package"][key] for key in ("ecosystem", "name")}
        part = {"package": package, "ranges": affected["ranges"]}
        if affected.get("ecosystem_specific", {}).get("binaries"):
            part["ecosystem_specific"] = {"binaries": [dict([pair]) for pair in versions]}
        kept.append(part)
    if not kept:
        return None
    head: dict[str, Any] = {
        key: record[key] for key in ("id", "modified", "published") if key in record
    }
    return {**head, "related": cves, "affected": kept}


def _compatible(vendor: str, ecosystem: str) -> Callable[[str], System | None]:
    def system_of(text: str) -> System | None:
        match = re.fullmatch(ecosystem, text)
        return System(vendor, match["number"]) if match else None

    return system_of


def suse_system(text: str) -> System | None:
    """Return the system of one of SUSE's ecosystems."""
    if match := re.fullmatch(r"openSUSE:Leap (?P<number>[0-9.]+)", text):
        return System("opensuse-leap", match["number"])
    match = re.fullmatch(r"SUSE:Linux Enterprise .* (?P<major>15) SP(?P<pack>[0-9])", text)
    return System("sles", f"{match['major']}.{match['pack']}") if match else None


# Alpine


def alpine(data: Path) -> tuple[list[Label], list[Any]]:
    """Return labels from secdb, and their records."""
    fixes, never, branches = [], [], []
    for path in sorted((data / "alpine").glob("secdb-*.json.xz")):
        branch = json.loads(lzma.decompress(path.read_bytes()))
        branches.append(branch)
        system = System("alpine", f"{branch['distroversion'].removeprefix('v')}.1")
        for entry in branch["packages"]:
            for version, names in entry["pkg"]["secfixes"].items():
                cves = {name for name in names or () if re.fullmatch(r"CVE-\d+-\d+", name)}
                if version == "0":
                    never += [(system, entry["pkg"]["name"], "1.0-r0", cve) for cve in cves]
                elif not entry["pkg"]["name"].startswith("linux"):
                    fixes += [Fix(system, entry["pkg"]["name"], cve, version) for cve in cves]
    odd = {fix.name for fix in fixes if not PLAIN_APK.fullmatch(fix.version)}
    both = {row[:2] + row[3:] for row in never}
    fixes = [fix for fix in fixes if fix.name not in odd and fix[:3] not in both]
    labels = [*around(fixes, apk_compare, 36, "digits")]
    labels += [
        label(*row, UNAFFECTED, "word") for row in drawn(never, 8, lambda row: row[1])
        if not any(fix.name == row[1] and fix.cve == row[3] for fix in fixes)
    ]  # fmt: skip
    wanted = {(found.source, found.cve) for found in labels}
    return labels, [
        {
            "distroversion": branch["distroversion"],
            "packages": [
                {"pkg": {"name": entry["pkg"]["name"], "secfixes": kept}}
                for entry in branch["packages"]
                if (kept := _secfixes(entry["pkg"], wanted))
            ],
        }
        for branch in branches
    ]


def _secfixes(package: dict[str, Any], wanted: set[tuple[str, str]]) -> dict[str, list[str]]:
    kept = {
        version: [cve for cve in cves or () if (package["name"], cve) in wanted]
        for version, cves in package["secfixes"].items()
    }
    return {version: cves for version, cves in kept.items() if cves}


def _records(archive: Path) -> Iterator[dict[str, Any]]:
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            if file is not None:
                yield json.load(file)


def _write(name: str, records: Iterable[Any]) -> None:
    lines = (json.dumps(record, separators=(",", ":"), sort_keys=True) for record in records)
    (CORPUS / "feeds" / name).write_text("".join(f"{line}\n" for line in lines))


def main() -> None:
    """Write the corpus."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    apt_pkg.init()
    labels, tree = debian(data)
    _write("debian-tracker.jsonl", [tree])
    ours, records = ubuntu(data)
    labels += ours
    _write("ubuntu-tracker.jsonl", records)
    red_hat = r"Red Hat:enterprise_linux:(?P<number>[0-9]+)(::[a-z]+)?"
    for feed, file, system_of, count in (
        ("osv-almalinux", "redhat/osv-almalinux-2026-08-21.tar.xz",
         _compatible("almalinux", r"AlmaLinux:(?P<number>[0-9]+)"), 40),
        ("osv-rocky", "redhat/osv-rocky-2025-01-11.tar.xz",
         _compatible("rocky", r"Rocky Linux:(?P<number>[0-9]+)"), 24),
        ("osv-redhat", "redhat/osv-redhat-rhel8-rhel9-2025-02-18.tar.xz",
         _compatible("rhel", red_hat), 32),
        ("osv-suse", "suse/osv-suse-15sp5-15sp6-leap-2025-02-13.tar.xz", suse_system, 32),
    ):  # fmt: skip
        ours, records = osv(data / file, system_of, count)
        labels += ours
        _write(f"{feed}.jsonl", records)
    ours, records = alpine(data)
    labels += ours
    _write("alpine-secdb.jsonl", records)
    columns = ("id", "version_id", "codename", *Label._fields[1:])
    rows = ["\t".join((*found.system, *found[1:])) for found in dict.fromkeys(labels)]
    (CORPUS / "labels.tsv").write_text("\n".join(("\t".join(columns), *rows)) + "\n")
    print(len(rows), dict(Counter(found.state for found in labels)))


if __name__ == "__main__":
    main()
