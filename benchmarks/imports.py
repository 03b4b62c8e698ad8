"""What it costs to import everything: every feed of a folder, read and stored, one after another.

    python -m benchmarks.imports --data FOLDER

Into an empty database of its own, as `oakum advisories update` does it. The targets are 60 seconds
and 500 MiB at the peak, for all of the folder.
"""

import argparse
import gc
import resource
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from benchmarks.advisory_data import FILES, load_feed
from oakum.adapters.persistence.database import open_database
from oakum.adapters.persistence.unit_of_work import SqlUnitOfWork
from oakum.adapters.system_clock import SystemClock
from oakum.core.advisories.feed import FeedName
from oakum.entrypoints.cli.main import YOUNG_OBJECTS
from oakum.ports.advisory_feed import FeedContent
from oakum.services.update_advisories import AdvisoryUpdater


class TimedFolder:
    """The folder as a source, which keeps how long reading took."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self.read_in = dict[FeedName, float]()

    def feeds(self) -> Iterable[FeedName]:
        """Return every feed that the folder has."""
        return tuple(FILES)

    def load(self, feed: FeedName) -> FeedContent:
        """Read a feed."""
        begun = time.perf_counter()
        content = load_feed(self._data, feed)
        self.read_in[feed] = time.perf_counter() - begun
        return content


def main() -> None:
    """Import, and print what each feed cost."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True, help="the folder of advisory data")
    data = parser.parse_args().data
    gc.set_threshold(YOUNG_OBJECTS)
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        engine = open_database(f"sqlite:///{home / 'oakum.sqlite'}", home)
        source, clock = TimedFolder(data), SystemClock()
        updater = AdvisoryUpdater(
            lambda: SqlUnitOfWork(engine, home), clock, "benchmark", lambda *_: None
        )
        print(f"{'feed':16} {'records':>9} {'reading':>9} {'storing':>9} {'peak MiB':>9}")
        begun, cpu = time.perf_counter(), time.process_time()
        for feed in source.feeds():
            started = time.perf_counter()
            (outcome,) = updater.update(source, [feed])
            took = time.perf_counter() - started
            if outcome.state is None:
                sys.exit(f"{feed.value}: {outcome.error}")
            records, reading = outcome.state.records, source.read_in[feed]
            times = f"{reading:8.1f}s {took - reading:8.1f}s"
            print(f"{feed.value:16} {records:9,} {times} {_peak():9.0f}", flush=True)
        whole, cpu = time.perf_counter() - begun, time.process_time() - cpu
        size = (home / "oakum.sqlite").stat().st_size / 2**20
        engine.dispose()
    print(f"everything: {whole:.1f} s, {cpu:.1f} CPU s, peak {_peak():.0f} MiB, {size:.0f} stored")


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
