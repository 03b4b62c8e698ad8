"""What `oakum judge` does, without Typer: it is asked about many hosts, and must begin at once."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from oakum.core.advisories.feed import FeedState
from oakum.core.matching.finding import Finding, FindingState
from oakum.core.versions.scheme import Scheme
from oakum.entrypoints.cli import output
from oakum.entrypoints.cli.context import application
from oakum.services.judge_lists import JudgedList, judge_lists

EXIT_WORK_TO_DO = 100
COLUMNS = ("package", "installed", "fixed in", "CVEs")
JSON = "--json"


def judge_at_once(words: Sequence[str]) -> int | None:
    """Judge the files that these words name; None where they say anything else, for Typer to see.

    Returns the exit status, as `judge_files` does.
    """
    files = [word for word in words if word != JSON]
    if not files or any(file.startswith("-") for file in files):
        return None
    return judge_files(map(Path, files), as_json=JSON in words)


def judge_files(files: Iterable[Path], *, as_json: bool) -> int:
    """Judge copies of dpkg's list and print what is open, each as it is read; return the status.

    Raises InputError for a file that is none, StorageError where advisories cannot be kept.
    """
    chosen, status, feeds = application(), 0, tuple[FeedState, ...]()

    def each() -> Iterator[JudgedList]:
        nonlocal status, feeds
        for judged in judge_lists(
            map(chosen.read_dpkg_status, files), chosen.feeds.shipped_advisories
        ):
            feeds = judged.feeds
            if any(finding.is_to_patch for finding in judged.findings):
                status = EXIT_WORK_TO_DO
            yield judged

    if as_json:
        output.print_json_list([host] for host in each())
        return status
    for host in each():
        _show(host)
    _show_ages(feeds)
    return status


def _show(judged: JudgedList) -> None:
    judged_in_words = f"{judged.packages} packages, {judged.coverage.judged} judged"
    output.show(f"{judged.host}: {judged.system}, {judged_in_words}")
    counts = dict.fromkeys(FindingState, 0)
    for finding in judged.findings:
        if not finding.is_minor:
            counts[finding.state] += 1
    for state, count in counts.items():
        if count:
            output.show(f"  {count:>6}  {state.value}")
    rows = _rows(judged.findings)
    if rows:
        output.print_table(COLUMNS, rows)
    for what, why in judged.coverage.unknown:
        output.say(f"not judged: {what.strip()}: {why}")


def _rows(findings: Iterable[Finding]) -> list[tuple[object, ...]]:
    """Return a row a package that has a fix: the highest that it needs, and how many it lacks."""
    by_package: dict[tuple[str, str], list[str]] = defaultdict(list)
    for finding in findings:
        if finding.is_to_patch:
            installed = finding.evidence.installed_version
            by_package[finding.source_name, installed].append(finding.evidence.fixed_version)
    return [
        (source, installed, max(fixes, key=Scheme.DPKG.key), len(fixes))
        for (source, installed), fixes in by_package.items()
    ]


def _show_ages(feeds: Iterable[FeedState]) -> None:
    from oakum.entrypoints.cli.words import age_lines  # noqa: PLC0415 (JSON needs none of it)

    chosen = application()
    for line in age_lines(feeds, chosen.declared.feed_limits(), chosen.clock.now()):
        output.say(line)
