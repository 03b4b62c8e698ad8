"""Debian's list of CVEs held against its tracker, to see whether both say the same.

    python -m benchmarks.cve_list --data FOLDER

For each package and CVE of a release, a host that has what the archive has is judged twice: by the
tracker's own decision, and by the list with the lists of advisories. Once for the entries of the
list that are in the folder, in their original lines; and once for a list as large as the real one,
which is written here: of each CVE one line, unstable's, with the version that the tracker names for
the newest release. What the real list says of a release in a line of its own is not in that one, so
each such line shows as a difference: the share that agrees is how far unstable's line carries.
"""

import argparse
import json
import lzma
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.advisory_data import FILES, load_feed
from oakum.adapters.feeds.debian.cve_list import parse_cve_list
from oakum.adapters.feeds.debian.tracker import parse_tracker
from oakum.core.advisories.authority import decide
from oakum.core.advisories.feed import FeedName
from oakum.core.advisories.statement import VendorStatement, VendorStatus
from oakum.core.matching.answer import Answer, answer
from oakum.core.matching.component import Component
from oakum.core.matching.finding import FindingState
from oakum.core.versions.deb import key

RELEASES = ("bookworm", "trixie")
NEWEST = RELEASES[-1]
SAMPLE = "debian/CVE.list.sample"
GOOD = {FindingState.FIXED, FindingState.NOT_AFFECTED}
Subject = tuple[str, str, str]
"""(release, source, CVE)."""
Tree = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Pair:
    """One host's answers by the tracker and by the list."""

    subject: Subject
    held: str
    by_tracker: Answer
    by_list: Answer | None

    @property
    def agrees(self) -> bool:
        """Tell whether both call the host exposed, or both do not, or both do not know."""
        return self.by_list is not None and _kind(self.by_tracker) == _kind(self.by_list)


def _kind(found: Answer) -> str:
    if found.state in GOOD:
        return "good"
    return "unknown" if found.state is FindingState.UNKNOWN else "exposed"


def main() -> int:
    """Compare; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True, help="the folder of advisory data")
    data = parser.parse_args().data
    content = lzma.decompress((data / FILES[FeedName.DEBIAN_TRACKER]).read_bytes())
    tree: Tree = json.loads(content)
    tracker = parse_tracker(content, frozenset(RELEASES)).statements
    advisories = [
        said
        for feed in (FeedName.DEBIAN_DSA, FeedName.DEBIAN_DLA)
        for said in load_feed(data, feed).statements
    ]
    compare = partial(_compare, tree, tracker, advisories)
    status = _original(compare((data / SAMPLE).read_bytes()))
    whole = "".join(_written(tree)).encode()
    pairs = compare(whole)
    _print(f"a list of {len(whole) >> 20} MiB with unstable's lines alone", pairs)
    _peak()
    return status


def _original(pairs: list[Pair]) -> int:
    """Print the entries in original lines with every difference; return the exit status."""
    _print("entries in their original lines", pairs)
    for pair in pairs:
        if not pair.agrees:
            theirs = pair.by_list.rule if pair.by_list else "says nothing"
            print(f"  {' '.join(pair.subject)}, {pair.held}: list: {theirs}")
            print(f"    tracker: {pair.by_tracker.rule}")
    classes = Counter(_age(pair) for pair in pairs if not pair.agrees)
    for name, count in classes.most_common():
        print(f"  {count}: {name or 'in no class'}")
    return 1 if "" in classes else 0


def _age(pair: Pair) -> str:
    """Return which of the two is older, where that is what makes them differ."""
    fixed = pair.by_tracker.statement.status is VendorStatus.FIXED
    if pair.by_list is None:
        return "the entry did not name the package yet"
    if fixed and pair.by_list.state not in GOOD:
        return "fixed since the entry was read"
    if pair.by_list.state is FindingState.FIXED:
        return "the entry is of a later day than the tracker's copy"
    return ""


def _compare(
    tree: Tree,
    tracker: list[VendorStatement],
    advisories: list[VendorStatement],
    content: bytes,
) -> list[Pair]:
    begun = time.process_time()
    parsed = parse_cve_list(content, frozenset(RELEASES))
    took = time.process_time() - begun
    size = len(content) / 2**20
    print(f"read {size:.1f} MiB in {took:.1f} CPU s: {len(parsed.statements):,} statements, "
          f"{len(parsed.unreadable)} lines unreadable")  # fmt: skip
    named = {said.cve for said in parsed.statements}
    decided = {_subject(said): said for said in tracker if said.cve in named}
    said = [*parsed.statements, *(s for s in advisories if s.cve in named)]
    of_list = {_subject(said): said for said in decide(said, {})}
    pairs = []
    for subject, by_tracker in decided.items():
        release, source, cve = subject
        if held := _held(tree[source][cve]["releases"][release]):
            host = Component(release, source, source, held)
            ours = of_list.get(subject)
            pairs.append(
                Pair(
                    subject, held, _answer(host, by_tracker), _answer(host, ours) if ours else None
                )
            )
    return pairs


def _answer(host: Component, said: VendorStatement) -> Answer:
    found = answer(host, [said])
    if found is None:
        sys.exit(f"no answer on {said}")
    return found


def _subject(said: VendorStatement) -> Subject:
    return (said.release, said.source_name, said.cve)


def _held(entry: Mapping[str, Any]) -> str:
    """Return the highest version that the archive has of the release."""
    return max(entry["repositories"].values(), key=key, default="")


def _written(tree: Tree) -> Iterator[str]:
    """Give the entries of a list of the same size: of each package unstable's line."""
    by_cve: dict[str, list[str]] = {}
    words: dict[str, str] = {}
    for source, issues in tree.items():
        for cve, issue in issues.items():
            newest = issue["releases"].get(NEWEST)
            if newest is None or not cve.startswith("CVE-"):
                continue
            match newest["status"]:
                case "resolved" if newest["fixed_version"] == "0":
                    version = "<not-affected>"
                case "resolved":
                    version = newest["fixed_version"]
                case status:
                    version = {"open": "<unfixed>"}.get(status, "<undetermined>")
            remark = newest["urgency"]
            urgency = "" if remark == "not yet assigned" else f" ({remark})"
            by_cve.setdefault(cve, []).append(f"\t- {source} {version}{urgency}\n")
            words[cve] = " ".join(issue.get("description", "").split())[:70]
    notes = "\tNOTE: https://example.org/security/advisories/a-note-of-the-usual-length\n" * 4
    for cve, lines in sorted(by_cve.items()):
        yield f"{cve} ({words[cve]} ...)\n{''.join(lines)}{notes}"
    for number in range(200_000):
        # Most of the real list is of what Debian does not have.
        yield f"CVE-1998-{number:06} (Of something else, in so many words ...)\n\tNOT-FOR-US: it\n"


def _print(what: str, pairs: list[Pair]) -> None:
    agree = Counter((pair.subject[0], pair.agrees) for pair in pairs)
    for release in RELEASES:
        same, other = agree[release, True], agree[release, False]
        if same + other:
            share = 100 * same / (same + other)
            print(f"{what}: {release}: {same:,} of {same + other:,} agree, {share:.2f} %")
    kinds = Counter(
        (_kind(p.by_list) if p.by_list else "silent", _kind(p.by_tracker), _why(p))
        for p in pairs
        if not p.agrees
    )
    for (ours, theirs, why), count in kinds.most_common():
        print(f"  list {ours}, tracker {theirs}: {count:,}: {why}")


def _why(pair: Pair) -> str:
    """Return what the tracker knows that unstable's line does not tell."""
    match pair.by_tracker.statement.status:
        case VendorStatus.FIXED:
            return "a fix of the release's own that no advisory names: a point release's"
        case VendorStatus.NOT_AFFECTED:
            return "the release is named as not affected"
        case VendorStatus.OPEN | VendorStatus.FIXED_IN_UNSTABLE:
            return "the release is named as open, or the newest one got a fix of its own"
        case VendorStatus.UNDETERMINED:
            return "undetermined"


def _peak() -> None:
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB, "
          "the tracker's tree included")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
