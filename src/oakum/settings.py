"""Typed settings: where things are, and the configuration file, read once."""

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from oakum.core.advisories.feed import FeedName
from oakum.core.errors import InputError
from oakum.core.planning.hook import HookKind, HookMoment, HookPlace, UndoWhen
from oakum.core.planning.metric import MetricKind, Worse
from oakum.core.staging.check import CheckKind

CONFIG_NAME = "oakum.toml"

AtLeastOne = Annotated[int, Meta(ge=1, le=1_000_000)]
NotNegative = Annotated[int, Meta(ge=0, le=100_000_000)]
SoManyHosts = Annotated[int, Meta(ge=0, le=1_000_000)]
"""As `parse_amount` reads them."""
Ppm = Annotated[int, Meta(ge=1, le=999_999)]
DeadmanSeconds = Annotated[int, Meta(ge=1, le=999_999)]
"""As many digits as a verifier takes."""
Seconds = Annotated[int, Meta(ge=1, le=3_600)]
Share = Annotated[str, Meta(pattern="^(100|[1-9][0-9]?)%$")]
NoneOrShare = Annotated[str, Meta(pattern="^(100|[1-9]?[0-9])%$")]
Percent = Annotated[int, Meta(ge=1, le=100)]
Text = Annotated[str, Meta(min_length=1)]
Name = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$")]
Unit = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9:_.@\\\\-]{0,254}$")]
HttpUrl = Annotated[str, Meta(pattern="^https?://[^/ ]+")]
HttpStatus = Annotated[int, Meta(ge=100, le=599)]
RelativePath = Annotated[str, Meta(pattern=r"^(?!/)(?!(.*/)?\.\.(/|$)).+$")]


class ArchiveSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[archives]]` table: a suite that snapshots are made from."""

    uri: Text
    suite: Text
    release: Text = "bookworm"
    components: Annotated[tuple[Text, ...], Meta(min_length=1)] = ("main",)
    keyring: Text = "debian-archive-keyring.gpg"
    """A path, or the name of a keyring that ships with Oakum or with the system."""


class FeedSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One feed, `[advisories.NAME]`. What is left out is as in DEFAULT_FEEDS."""

    url: HttpUrl | Literal[""] | None = None
    """Empty: not fetched. It can still come with a bundle, or from a file."""
    also: tuple[HttpUrl, ...] | None = None
    """Further files of the same feed, for example of other branches."""
    stale_after_hours: AtLeastOne | None = None
    """From this age on its answers are marked as old."""
    refuse_after_hours: NotNegative | None = None
    """From this age on nothing is planned or rolled out on its word; 0: that never happens."""


class Feed(msgspec.Struct, frozen=True):
    """What holds for a feed."""

    url: str
    stale_after_hours: int
    refuse_after_hours: int = 0
    also: tuple[str, ...] = ()

    @property
    def urls(self) -> tuple[str, ...]:
        """Return where its files are; nothing when it is not fetched."""
        return (self.url, *self.also) if self.url else ()


TRACKER = "https://salsa.debian.org/security-tracker-team/security-tracker/-/raw/master/data"
OSV = "https://storage.googleapis.com/osv-vulnerabilities"
SECDB = "https://secdb.alpinelinux.org"
DAYS = 24
MONTH = 30 * DAYS

DEFAULT_FEEDS = {
    FeedName.DEBIAN_TRACKER: Feed(
        "https://security-tracker.debian.org/tracker/data/json", 48, MONTH
    ),
    FeedName.DEBIAN_DSA: Feed(f"{TRACKER}/DSA/list", 7 * DAYS),
    FeedName.DEBIAN_DLA: Feed(f"{TRACKER}/DLA/list", 7 * DAYS),
    FeedName.DEBIAN_CVE: Feed("", 48),
    FeedName.UBUNTU_TRACKER: Feed("", 48, MONTH),
    FeedName.ALPINE_SECDB: Feed(
        f"{SECDB}/v3.20/main.json",
        7 * DAYS,
        MONTH,
        also=tuple(
            f"{SECDB}/v3.{branch}/{repository}.json"
            for branch in (20, 21, 22, 23)
            for repository in ("main", "community")
            if (branch, repository) != (20, "main")
        ),
    ),
    FeedName.REDHAT_VEX: Feed("", 48, MONTH),
    FeedName.SUSE_VEX: Feed("", 48, MONTH),
    FeedName.OPENVEX: Feed("", MONTH),
    FeedName.UPDATEINFO: Feed("", 7 * DAYS, MONTH),
    FeedName.OSV_DEBIAN: Feed("", 48),
    FeedName.OSV_UBUNTU: Feed(f"{OSV}/Ubuntu/all.zip", 48, MONTH),
    FeedName.OSV_ALMALINUX: Feed(f"{OSV}/AlmaLinux/all.zip", 7 * DAYS, MONTH),
    FeedName.OSV_ROCKY: Feed(f"{OSV}/Rocky%20Linux/all.zip", 7 * DAYS, MONTH),
    FeedName.OSV_REDHAT: Feed(f"{OSV}/Red%20Hat/all.zip", 7 * DAYS, MONTH),
    FeedName.OSV_SUSE: Feed(f"{OSV}/SUSE/all.zip", 7 * DAYS, MONTH),
    FeedName.KEV: Feed(
        "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json", 72
    ),
    FeedName.EPSS: Feed("https://epss.empiricalsecurity.com/epss_scores-current.csv.gz", 72),
    FeedName.CVE_RECORDS: Feed(
        "https://github.com/cisagov/vulnrichment/archive/refs/heads/develop.tar.gz", 14 * DAYS
    ),
    FeedName.NVD: Feed("", 14 * DAYS),
    FeedName.END_OF_LIFE: Feed("", 6 * MONTH),
}
"""Whose age refuses plans: the feed that says what a distribution has fixed. What only orders work,
or repeats what another feed says (DSA and DLA lists: the tracker has their fixes), does not."""


class AdvisorySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[advisories]` table: a table for each feed, called like it."""

    distributions: tuple[
        Literal["debian", "ubuntu", "almalinux", "rocky", "rhel", "suse", "alpine"], ...
    ] = ("debian",)
    """Whose feeds are fetched."""
    bundle_keys: tuple[Text, ...] = ()
    """Files, from OAKUM_HOME on, with the OpenPGP keys whose bundles are taken."""
    debian_tracker: FeedSettings = FeedSettings()
    debian_dsa: FeedSettings = FeedSettings()
    debian_dla: FeedSettings = FeedSettings()
    debian_cve: FeedSettings = FeedSettings()
    ubuntu_tracker: FeedSettings = FeedSettings()
    alpine_secdb: FeedSettings = FeedSettings()
    redhat_vex: FeedSettings = FeedSettings()
    suse_vex: FeedSettings = FeedSettings()
    openvex: FeedSettings = FeedSettings()
    updateinfo: FeedSettings = FeedSettings()
    osv_debian: FeedSettings = FeedSettings()
    osv_ubuntu: FeedSettings = FeedSettings()
    osv_almalinux: FeedSettings = FeedSettings()
    osv_rocky: FeedSettings = FeedSettings()
    osv_redhat: FeedSettings = FeedSettings()
    osv_suse: FeedSettings = FeedSettings()
    kev: FeedSettings = FeedSettings()
    epss: FeedSettings = FeedSettings()
    cve_records: FeedSettings = FeedSettings()
    nvd: FeedSettings = FeedSettings()
    end_of_life: FeedSettings = FeedSettings()

    def of(self, feed: FeedName) -> Feed:
        """Return what holds for a feed."""
        given: FeedSettings = getattr(self, feed.value.replace("-", "_"))
        known = DEFAULT_FEEDS[feed]
        if given.url is not None:
            # Another place: the further files of the old one do not belong to it.
            known = msgspec.structs.replace(known, url=given.url, also=())
        return msgspec.structs.replace(
            known,
            **{
                name: value
                for name in ("also", "stale_after_hours", "refuse_after_hours")
                if (value := getattr(given, name)) is not None
            },
        )

    def fetched(self) -> tuple[FeedName, ...]:
        """Return the feeds that are fetched: of these distributions, and of none in particular."""
        return tuple(feed for feed in self.about(*self.distributions) if self.of(feed).url)

    def about(self, *systems: str) -> tuple[FeedName, ...]:
        """Return the feeds that speak of these distributions, and of none in particular."""
        others = {
            feed
            for system, feeds in OF_DISTRIBUTION.items()
            if system not in systems
            for feed in feeds
        }
        return tuple(feed for feed in FeedName if feed not in others)


OF_DISTRIBUTION = {
    "debian": (
        FeedName.DEBIAN_TRACKER, FeedName.DEBIAN_DSA, FeedName.DEBIAN_DLA, FeedName.DEBIAN_CVE,
        FeedName.OSV_DEBIAN,
    ),
    "ubuntu": (FeedName.UBUNTU_TRACKER, FeedName.OSV_UBUNTU),
    "almalinux": (FeedName.OSV_ALMALINUX,),
    "rocky": (FeedName.OSV_ROCKY,),
    "rhel": (FeedName.OSV_REDHAT, FeedName.REDHAT_VEX),
    "suse": (FeedName.OSV_SUSE, FeedName.SUSE_VEX),
    "alpine": (FeedName.ALPINE_SECDB,),
}  # fmt: skip


class SnapshotSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[snapshots]` table."""

    listen: Annotated[str, Meta(pattern=r"^.+:\d{1,5}$")] = "127.0.0.1:8321"
    url: HttpUrl = "http://127.0.0.1:8321"
    """As hosts reach it; behind a proxy or a name it differs from `listen`."""
    public_key: str = ""
    """A file, from OAKUM_HOME on, with the key that snapshots are signed with: for a worker on
    another machine than the one that freezes them."""
    phased_from: Annotated[int, Meta(ge=0, le=100)] = 1
    """Updates that their archive lets fewer hosts in a hundred have are left out of snapshots."""


class RolloutSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[rollout]` table: how carefully."""

    concurrency: AtLeastOne | Share = 10
    """Hosts at once, or a share of the plan's."""
    max_failed: SoManyHosts | NoneOrShare = 0
    """Failed or unreachable hosts that a rollout bears, or a share of the plan's."""
    max_failed_per_ring: SoManyHosts | NoneOrShare | None = None
    """The same of each ring."""
    base_rate_ppm: Ppm = 10_000
    """Hosts in a million that fail whatever is changed; what chance does not explain stops."""
    ring_percents: Annotated[tuple[Percent, ...], Meta(min_length=1)] = (10, 40, 100)
    """Cumulative share of the hosts that are changed when each ring ends."""
    max_canaries: AtLeastOne = 30
    """How many environment clusters the first ring covers at most, unless its share is more: 29
    good ones show with 95 % that a change breaks less than a tenth."""
    measure_seconds: Seconds = 30
    """How often [[metrics]] are read."""
    measure_before: Annotated[int, Meta(ge=3, le=100)] = 20
    """How often before a ring is changed."""
    deadman: Literal["auto", "off"] | DeadmanSeconds = "auto"
    """After how long a changed host that nobody confirms goes back by itself."""
    connect_timeout_seconds: Seconds = 15


HOUR = 3600
Soaks = Annotated[tuple[NotNegative, ...], Meta(min_length=1)]


class LaneSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[lanes]` table: seconds of soak after the first ring, the second and so on.

    The last holds for all further rings. The normal lane's are the floor: less is shown as a
    shortened gate. A day covers what runs daily; the urgent ones are for a deadline of three days.
    """

    normal: Soaks = (24 * HOUR, 24 * HOUR, 48 * HOUR)
    urgent: Soaks = (4 * HOUR, 8 * HOUR, 12 * HOUR, 24 * HOUR)
    immediate: Soaks = (HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR)
    before_critical: NotNegative = 7 * 24 * HOUR
    """What the rings before the last soak together at least, in the normal lane, where the last has
    hosts of high criticality: what happens once a week has happened by then."""


class EngineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[engine]` table: who drives the hosts of a rollout."""

    kind: Literal["embedded", "distributed"] = "embedded"
    """Embedded: the command that runs the rollout. Distributed: every `oakum worker` that shares
    its PostgreSQL database."""
    hosts_at_once: AtLeastOne = 100
    """How many hosts one worker, or the controller, drives at a time; never less than a plan's
    concurrency where there are no workers."""

    @property
    def is_distributed(self) -> bool:
        """Tell whether workers elsewhere drive the hosts."""
        return self.kind == "distributed"


class CheckSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[checks]]` table."""

    name: Text
    kind: CheckKind
    target: Text
    hosts: Text = "*"
    expect_status: HttpStatus = 200
    expect_text: str = ""
    timeout_seconds: Seconds = 10


class MetricSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[metrics]]` table: a number by which changed hosts are held against unchanged ones."""

    name: Text
    kind: MetricKind
    target: Text
    hosts: Text = "*"
    worse: Worse = Worse.HIGHER
    required: bool = False
    timeout_seconds: Seconds = 10
    url: HttpUrl | Literal[""] = ""
    """Of the Prometheus server."""


class SignalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[signals]` table: what must not be lost on any host, beside what is looked at anyway."""

    names: tuple[Name, ...] = ()
    """That hosts must be able to resolve."""
    units: tuple[Unit, ...] = ()
    """That must run where they ran before."""


class WindowSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[windows]]` table: when hosts may begin to be changed, again and again."""

    name: Text
    rule: Text
    """A recurrence of RFC 5545: `FREQ=WEEKLY;BYDAY=SA,SU`."""
    starts: datetime
    """The first opening, in local time: the time of day of all of them."""
    minutes: AtLeastOne
    """How long it stays open."""
    zone: str = ""
    """By the name that IANA gives it; empty: each host's own."""
    hosts: Text = "*"


class FreezeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[freezes]]` table: when nothing is begun, whatever the windows say."""

    begins: datetime
    ends: datetime
    """Both with an offset."""
    reason: Text
    hosts: Text = "*"


class HookSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[hooks]]` table: what is done around the change of a host."""

    name: Text
    kind: HookKind
    command: tuple[str, ...] = ()
    """A program with its whole path, and its arguments; or else a `script`."""
    script: str = ""
    """For /bin/sh; it ends at the first command that fails."""
    when: HookMoment | None = None
    """Left out: after the change for smoke, before it for the others."""
    where: HookPlace = HookPlace.HOST
    hosts: Text = "*"
    timeout_seconds: Seconds = 60
    must_pass: bool = True
    undo: tuple[str, ...] = ()
    undo_script: str = ""
    undo_when: UndoWhen | None = None
    """Left out: for drain only when the host is well, for the others always."""


class PolicySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[policy]` table: whose deadlines hold here."""

    deadlines: tuple[str, ...] = ("bod-26-04", "ncsc", "asd-e8")
    own: str = ""
    """A CSV of rules of one's own, from OAKUM_HOME on; every policy in it holds as well."""


class RehearsalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[rehearsal]` table."""

    provider: Literal["auto", "nspawn", "chroot"] = "auto"
    """Auto: whichever works here."""
    twins_at_once: AtLeastOne = 2
    copy: tuple[RelativePath, ...] = ("srv/www",)
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
    lanes: LaneSettings = LaneSettings()
    engine: EngineSettings = EngineSettings()
    checks: tuple[CheckSettings, ...] = ()
    signals: SignalSettings = SignalSettings()
    metrics: tuple[MetricSettings, ...] = ()
    windows: tuple[WindowSettings, ...] = ()
    """Hosts that none of them names may begin at any time."""
    freezes: tuple[FreezeSettings, ...] = ()
    hooks: tuple[HookSettings, ...] = ()
    """In the order in which they are run."""
    rehearsal: RehearsalSettings = RehearsalSettings()
    policy: PolicySettings = PolicySettings()
    transport: Literal["asyncssh", "openssh"] = "asyncssh"
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
    return Settings(home, cache / "oakum", read_configuration(home / CONFIG_NAME))


def read_configuration(path: Path) -> Configuration:
    """Return what a file says; nothing where there is none. Raises InputError with the place."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Configuration()
    except NotADirectoryError as error:
        raise InputError(
            f"{path.parent} is no directory, or stands below a file",
            hint="set OAKUM_HOME to a directory that you may write in",
        ) from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}", hint="Oakum must be able to read it"
        ) from error
    return parse_configuration(content, str(path))


def parse_configuration(content: bytes, place: str) -> Configuration:
    """Return what an oakum.toml says. Raises InputError, with the place."""
    try:
        return msgspec.toml.decode(content, type=Configuration)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InputError(
            f"{place} is not a valid configuration: {error}",
            hint="correct the place that is named; docs/guides/configuration.md lists every key",
        ) from error
