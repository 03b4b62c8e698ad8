"""Bundles that are carried from one installation to another."""

import io
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oakum.adapters.feeds.bundle import SIGNED_MANIFEST, open_bundle, shipped_bundle
from oakum.adapters.feeds.bundle_writing import SignedBundle
from oakum.adapters.feeds.kept import KeptFeeds
from oakum.adapters.signing.openpgp import KnownKeys, OwnKey
from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.canonical import digest_of_bytes
from oakum.core.errors import InputError, OakumError, StorageError, TrustError

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


class Installation:
    """What one Oakum keeps."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.kept = KeptFeeds(home / "feeds")
        self.key = OwnKey(home / "bundles.key", "Test")

    def load_shipped(self, *feeds: FeedName) -> list[FeedState]:
        bundle = shipped_bundle().keeping(self.kept)
        return [bundle.load(feed).state for feed in feeds]

    def write(self, *feeds: FeedName, name: str = "feeds.tar") -> Path:
        path = self.home / name
        assert SignedBundle(path, self.kept, self.key).write(self.load_shipped(*feeds), NOW) == []
        return path

    def trusting(self, *others: "Installation") -> KnownKeys:
        files = []
        for number, other in enumerate(others):
            files.append(self.home / f"{number}.asc")
            files[-1].write_text(other.key.public_key())
        return KnownKeys(files, self.key)


@pytest.fixture
def connected(tmp_path: Path) -> Installation:
    (tmp_path / "connected").mkdir()
    return Installation(tmp_path / "connected")


@pytest.fixture
def isolated(tmp_path: Path) -> Installation:
    (tmp_path / "isolated").mkdir()
    return Installation(tmp_path / "isolated")


def test_a_bundle_is_carried_to_a_place_without_a_network(
    connected: Installation, isolated: Installation
) -> None:
    """Its feeds are those that were loaded, and it says who signed it."""
    path = connected.write(FeedName.KEV, FeedName.EPSS)
    bundle = open_bundle(path, isolated.trusting(connected))
    assert set(bundle.feeds()) == {FeedName.KEV, FeedName.EPSS}
    carried, own = bundle.load(FeedName.KEV), shipped_bundle().load(FeedName.KEV)
    assert carried.signals == own.signals
    assert carried.state.data_as_of == own.state.data_as_of
    assert ", signed by " in carried.state.origin


def test_what_came_in_a_bundle_can_be_carried_on(
    connected: Installation, isolated: Installation, tmp_path: Path
) -> None:
    """What is loaded is kept as it came."""
    bundle = open_bundle(connected.write(FeedName.KEV), isolated.trusting(connected))
    state = bundle.keeping(isolated.kept).load(FeedName.KEV).state
    further = SignedBundle(tmp_path / "further.tar", isolated.kept, isolated.key)
    assert further.write([state], NOW) == []
    further_kev = open_bundle(tmp_path / "further.tar", isolated.trusting()).load(FeedName.KEV)
    assert further_kev.state.sha256 == state.sha256


def test_a_stranger_s_bundle_is_refused(connected: Installation, isolated: Installation) -> None:
    """Also where unsigned ones are taken: a signature that does not hold is worse than none."""
    path = connected.write(FeedName.KEV)
    for may_be_unsigned in (False, True):
        with pytest.raises(TrustError, match=r"trusted here|does not hold"):
            open_bundle(path, isolated.trusting(), may_be_unsigned=may_be_unsigned)


def test_an_unsigned_bundle_is_taken_only_on_purpose(isolated: Installation) -> None:
    """Anybody may have made it."""
    place = Path(str(resources.files("oakum") / "data" / "bundle"))
    with pytest.raises(TrustError, match="not signed"):
        open_bundle(place, isolated.trusting())
    found = open_bundle(place, isolated.trusting(), may_be_unsigned=True).load(FeedName.KEV)
    assert list(found.signals)


def rewritten(path: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """Return the tar with files changed."""
    target = path.with_name("changed.tar")
    with tarfile.open(path) as source, tarfile.open(target, "w") as tar:
        for member in source:
            held = source.extractfile(member)
            assert held is not None
            content = change(member.name, held.read())
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return target


def test_a_changed_file_is_not_believed(connected: Installation, isolated: Installation) -> None:
    """The manifest is signed, and names every digest."""
    path = rewritten(
        connected.write(FeedName.KEV),
        lambda name, content: content + (b" " if name == "kev.data" else b""),
    )
    with pytest.raises(TrustError, match=r"kev\.data"):
        open_bundle(path, isolated.trusting(connected)).load(FeedName.KEV)


def test_a_changed_manifest_is_not_believed(
    connected: Installation, isolated: Installation
) -> None:
    """Not one byte of it."""
    path = rewritten(
        connected.write(FeedName.KEV),
        lambda name, content: (
            content.replace(b'"records": ', b'"records": 1') if name == SIGNED_MANIFEST else content
        ),
    )
    with pytest.raises(TrustError):
        open_bundle(path, isolated.trusting(connected))


def test_words_before_the_signed_text_are_not_read(
    connected: Installation, isolated: Installation
) -> None:
    """Only what was signed is the manifest."""
    path = rewritten(
        connected.write(FeedName.KEV),
        lambda name, content: (
            b'{"format": 1, "files": []}\n' + content if name == SIGNED_MANIFEST else content
        ),
    )
    try:
        bundle = open_bundle(path, isolated.trusting(connected))
    except TrustError:
        return
    assert list(bundle.feeds()) == [FeedName.KEV]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_damage_is_believed(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Either the feed is what was signed, or an error of ours says what is wrong."""
    home = tmp_path_factory.getbasetemp() / "damaged"
    home.mkdir(exist_ok=True)
    own = Installation(home)
    path = home / "feeds.tar"
    if not path.exists():
        own.write(FeedName.KEV)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    (home / "changed.tar").write_bytes(content)
    try:
        found = open_bundle(home / "changed.tar", own.trusting()).load(FeedName.KEV)
    except OakumError:
        return
    assert found.state.sha256 == digest_of_bytes(own.kept.of(FeedName.KEV).path.read_bytes())


def test_a_feed_whose_bytes_are_not_here_is_named(connected: Installation) -> None:
    """Loaded before bundles were written, or replaced since by what was then refused."""
    states = connected.load_shipped(FeedName.KEV, FeedName.EPSS)
    connected.kept.of(FeedName.EPSS).path.write_bytes(b"another")
    writer = SignedBundle(connected.home / "feeds.tar", connected.kept, connected.key)
    assert [state.feed for state in writer.write(states, NOW)] == [FeedName.EPSS]
    bundle = open_bundle(connected.home / "feeds.tar", connected.trusting())
    assert list(bundle.feeds()) == [FeedName.KEV]


def test_a_place_that_cannot_be_written_is_named(connected: Installation) -> None:
    """Nothing half-done is left."""
    writer = SignedBundle(connected.home / "absent" / "x.tar", connected.kept, connected.key)
    with pytest.raises(StorageError, match=r"x\.tar cannot be written"):
        writer.write(connected.load_shipped(FeedName.KEV), NOW)


def test_a_key_that_is_none_is_named(connected: Installation, isolated: Installation) -> None:
    """It is the key that is at fault, not the bundle."""
    (isolated.home / "broken.asc").write_text("no key")
    known = KnownKeys([isolated.home / "broken.asc"], isolated.key)
    with pytest.raises(InputError, match=r"broken\.asc cannot be read as an OpenPGP key"):
        open_bundle(connected.write(FeedName.KEV), known)
