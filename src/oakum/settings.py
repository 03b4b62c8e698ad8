"""Typed settings: where things are, and the configuration file, read once."""

import os
from pathlib import Path

import msgspec

from oakum.core.errors import InputError

CONFIG_NAME = "oakum.toml"


class ArchiveSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[archives]]` table: a suite that snapshots are made from."""

    uri: str
    suite: str
    release: str = "bookworm"
    components: tuple[str, ...] = ("main",)
    keyring: str = "debian-archive-keyring.gpg"
    """A path, or the name of a keyring that ships with Oakum or with the system."""


class FeedSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One feed: where it is and how old it may be."""

    url: str
    stale_after_hours: int


class AdvisorySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[advisories]` table."""

    debian_tracker: FeedSettings = FeedSettings(
        "https://security-tracker.debian.org/tracker/data/json", 48
    )
    kev: FeedSettings = FeedSettings(
        "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json", 72
    )
    epss: FeedSettings = FeedSettings(
        "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz", 72
    )
    cve_records: FeedSettings = FeedSettings(
        "https://github.com/cisagov/vulnrichment/archive/refs/heads/develop.tar.gz", 24 * 14
    )


class SnapshotSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[snapshots]` table."""

    listen: str = "127.0.0.1:8321"
    url: str = "http://127.0.0.1:8321"
    """As hosts reach it; behind a proxy or a name it differs from `listen`."""


class RolloutSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[rollout]` table: how carefully."""

    concurrency: int = 10
    max_failed: int = 0
    ring_percents: tuple[int, ...] = (10, 40, 100)
    """Cumulative share of the hosts that are changed when each ring ends."""
    soak_seconds: int = 600
    connect_timeout_seconds: int = 15


class CheckSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[checks]]` table."""

    name: str
    kind: str
    target: str
    hosts: str = "*"
    expect_status: int = 200
    expect_text: str = ""
    timeout_seconds: int = 10


class PolicySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[policy]` table: whose deadlines hold here."""

    deadlines: tuple[str, ...] = ("bod-26-04", "ncsc", "asd-e8")
    mission_impact: str = "medium"
    """SSVC human impact where a host's criticality does not say: low, medium, high, very high."""


class RehearsalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[rehearsal]` table."""

    provider: str = "auto"
    """nspawn, chroot, or whichever works."""
    twins_at_once: int = 2
    copy: tuple[str, ...] = ("srv/www",)
    """Directories beside /etc that a twin gets from its host, without the leading slash."""


class Configuration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of `oakum.toml`. Every table may be left out."""

    archives: tuple[ArchiveSettings, ...] = ()
    """Empty: the archives that this machine's own apt is configured with."""
    extra_archives: tuple[ArchiveSettings, ...] = ()
    """Archives beside those, for example a company's own."""
    advisories: AdvisorySettings = AdvisorySettings()
    snapshots: SnapshotSettings = SnapshotSettings()
    rollout: RolloutSettings = RolloutSettings()
    checks: tuple[CheckSettings, ...] = ()
    rehearsal: RehearsalSettings = RehearsalSettings()
    policy: PolicySettings = PolicySettings()
    transport: str = "asyncssh"
    """How hosts are reached: asyncssh, or openssh for set-ups that only the system's ssh knows."""
    database: str = ""
    """An SQLAlchemy URL; empty means SQLite in OAKUM_HOME."""


class Settings(msgspec.Struct, frozen=True):
    """Where Oakum keeps its state, and its configuration."""

    home: Path
    cache: Path
    configuration: Configuration

    @property
    def database_url(self) -> str:
        """Return the SQLAlchemy URL."""
        return self.configuration.database or f"sqlite:///{self.home / 'oakum.sqlite'}"


def read_settings(environment: dict[str, str] | None = None) -> Settings:
    """Read OAKUM_HOME (XDG by default) and its oakum.toml.

    Raises InputError, with the place, when the file cannot be read.
    """
    env = dict(os.environ) if environment is None else environment
    user_home = Path(env.get("HOME") or Path.home())
    data = Path(env.get("XDG_DATA_HOME") or user_home / ".local" / "share")
    cache = Path(env.get("XDG_CACHE_HOME") or user_home / ".cache")
    home = Path(env.get("OAKUM_HOME") or data / "oakum")
    return Settings(home, cache / "oakum", _read_configuration(home / CONFIG_NAME))


def _read_configuration(path: Path) -> Configuration:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Configuration()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return msgspec.toml.decode(content, type=Configuration)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} is not a valid configuration: {error}",
            hint="correct the place that is named; docs/guides/configuration.md lists every key",
        ) from error
