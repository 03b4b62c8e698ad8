"""One whole value of each kind: every field holds something that could be lost."""

from datetime import UTC, date, datetime, timedelta, timezone

from oakum.core.advisories.feed import FeedName, FeedState
from oakum.core.advisories.signals import (
    CveSignals,
    CvssScore,
    EpssScore,
    Exploitation,
    KevEntry,
    SsvcDecisionPoints,
    TechnicalImpact,
)
from oakum.core.advisories.statement import NoDsaReason, Urgency, VendorStatement, VendorStatus
from oakum.core.ids import CveId, Digest, HostId, HostRunId, RolloutId, TransactionId
from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.facts import (
    Environment,
    Facts,
    FileSystem,
    ListeningSocket,
    ModifiedConffile,
    PhasedUpdate,
    RunningKernel,
    Service,
    StaleProcess,
    UnreadableLine,
)
from oakum.core.inventory.host import Criticality, Exposure, Host
from oakum.core.inventory.package import InstalledPackage
from oakum.core.matching.finding import Evidence, Finding, FindingState
from oakum.core.planning.change import ChangeKind, PackageChange, RollbackClass
from oakum.core.planning.lane import PlanLane
from oakum.core.planning.plan import (
    Budget,
    HostClass,
    Plan,
    RebootPolicy,
    RestartPolicy,
    Ring,
    RollbackVerdict,
    Window,
)
from oakum.core.repositories.snapshot import (
    Role,
    Snapshot,
    SnapshotManifest,
    SnapshotPackage,
    UpstreamRelease,
)
from oakum.core.rollout.rollout import HostRun, Rollout, RolloutRing
from oakum.core.rollout.state import Phase, RunState, Wish
from oakum.core.staging.check import CheckResult, Verdict
from oakum.core.staging.rehearsal import Rehearsal, Stage, StageResult, TwinResult
from oakum.ports.stores import Approval

NOW = datetime(2026, 11, 24, 12, 30, 15, 123456, tzinfo=UTC)
LATER = NOW + timedelta(hours=3)
ELSEWHERE = datetime(2026, 11, 24, 14, 0, 0, 7, tzinfo=timezone(timedelta(hours=5, minutes=30)))
SHA = Digest("ab" * 32)
WEB = HostId("web-1")
CVE = CveId("CVE-2024-6387")
PACKAGES = (
    InstalledPackage("libssl3", "3.0.15-1~deb12u1", "amd64", "openssl", "3.0.15-1~deb12u1"),
    InstalledPackage(
        "linux-image-6.1.0-28-amd64",
        "6.1.119-1",
        "amd64",
        "linux-signed-amd64",
        "6.1.119+1",
        "hi",
        is_automatic=True,
        built_using="linux (= 6.1.119-1)",
    ),
    InstalledPackage("tzdata", "2024b-0+deb12u1", "all", "tzdata", "2024b-0+deb12u1", "iiR"),
)


def host(name: str = "web-1", port: int = 22) -> Host:
    return Host(
        HostId(name),
        name,
        "192.0.2.7",
        port,
        "deploy",
        "ssh-ed25519 AAAAC3Nz",
        NOW,
        ("prod", "role=web"),
        Exposure.OPEN,
        Criticality.VERY_HIGH,
        "/keys/deploy key",
        "bastion",
    )


def facts(packages: tuple[InstalledPackage, ...] = PACKAGES, at: datetime = NOW) -> Facts:
    return Facts(
        collected_at=at,
        hostname="web-1",
        machine_id="0f" * 16,
        boot_id="b00t",
        architecture="amd64",
        distribution=Distribution("debian", "12", "bookworm", "Debian GNU/Linux 12 (bookworm)"),
        kernel=RunningKernel("6.1.0-28-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1"),
        has_systemd=True,
        is_container=True,
        packages=packages,
        stale_processes=(StaleProcess(7, "nginx", "nginx.service", "/usr/lib/x.so", "libx:amd64"),),
        saw_all_processes=False,
        unread_processes=("1 agent",),
        modified_conffiles=(ModifiedConffile("/etc/ngïnx.conf", "nginx", "0" * 32, ""),),
        file_systems=(FileSystem("/", 2**40, 2**41, is_read_only=True),),
        failed_units=("a.service",),
        sockets=(ListeningSocket("tcp", "::1", 443),),
        package_sources=("deb http://archive.invalid stable main",),
        package_origins=(("tool:amd64", "Other"),),
        unlisted_packages=("own",),
        subscriptions=("esm-apps",),
        phased=(PhasedUpdate("bash", "5.2.15-3", 30),),
        livepatched=(CveId("CVE-2024-0001"),),
        indices_digest="d1" * 32,
        reboot_flag=None,
        timezone="Europe/Berlin",
        environment=Environment("kvm", "Clöud", "UEFI", "ext4", ("netplan",), ("ena",), 3600),
        services=(Service("nginx.service", "nginx", is_enabled=True, is_running=False),),
        unreadable=(UnreadableLine("packages", "what \\x1b is this"),),
    )


def feed_state(feed: FeedName = FeedName.DEBIAN_TRACKER) -> FeedState:
    return FeedState(feed, NOW, LATER, SHA, 3, "bundle 2026-11", "")


def statement(
    cve: str = CVE, source: str = "openssh", release: str = "bookworm"
) -> VendorStatement:
    return VendorStatement(
        release,
        source,
        CveId(cve),
        VendorStatus.FIXED,
        "1:9.2p1-2+deb12u3",
        Urgency.HIGH,
        NoDsaReason.POSTPONED,
        "debian-tracker",
        "esm-apps",
        "nodejs:18",
        "DSA-5724-1",
        date(2024, 7, 1),
    )


def signals() -> CveSignals:
    return CveSignals(
        CVE,
        KevEntry(CVE, date(2024, 7, 1), date(2024, 7, 22), is_used_by_ransomware=True, name="x"),
        EpssScore(CVE, 999_999),
        CvssScore("CVSS:3.1/AV:N", 81, "cna"),
        SsvcDecisionPoints(
            Exploitation.ACTIVE, automatable=True, technical_impact=TechnicalImpact.TOTAL
        ),
        ("CWE-364",),
        "A race — “regreSSHion”",
        date(2024, 7, 1),
    )


def finding(
    state: FindingState = FindingState.AFFECTED_FIX_AVAILABLE, cve: str = CVE, who: str = WEB
) -> Finding:
    evidence = Evidence(
        "1:9.2p1-2",
        "1:9.2p1-2+deb12u3",
        "1:9.2p1-2 < 1:9.2p1-2+deb12u3 by dpkg's order",
        "debian-tracker",
        "2026-11-23",
        ("openssh-server:amd64 1:9.2p1-2",),
        ("812 sshd ssh.service /usr/sbin/sshd",),
    )
    return Finding(
        HostId(who), "openssh", CveId(cve), state, evidence, Urgency.HIGH, NoDsaReason.NONE
    )


def snapshot(version: str = "1.0", at: datetime = NOW) -> Snapshot:
    package = SnapshotPackage(
        "tool", version, "all", "tool-src", version, SHA, 10, 20,
        (Role.CANDIDATE, Role.INSTALLED), "host web-1",
    )  # fmt: skip
    upstream = UpstreamRelease("http://archive.invalid", "stable", "bookworm", "now", SHA, ("F0",))
    return Snapshot(SnapshotManifest("bookworm", "amd64", (package,), (upstream,)), at, 10)


def plan(title: str = "Fix openssh", at: datetime = NOW) -> Plan:
    change = PackageChange(
        ChangeKind.UPGRADE, "openssh-server", "amd64", "1:9.2p1-2", "1:9.2p1-2+deb12u3",
        SHA, 456_000, "openssh", RollbackClass.SERVICE,
    )  # fmt: skip
    host_class = HostClass(
        "web-1", (WEB,), (change,), ("ssh.service",), needs_reboot=True, reboot_reason="libc",
        download_bytes=456_000, disk_bytes=-12,
        kept_back=(("linux-image-amd64:amd64", "held"),),
        conffile_prompts=("/etc/ssh/sshd_config",),
    )  # fmt: skip
    return Plan(
        at, "alice", title, snapshot().id, "bookworm",
        (host_class,), (Ring("canary", (WEB,), 600),),
        Window(ELSEWHERE, None), Budget(5, 1), RestartPolicy.AFFECTED, RebootPolicy.WHEN_NEEDED,
        RollbackVerdict.NEEDS_APPROVAL, ("one reason",), ((CVE, "openssh"),), 345_678, 120,
    )  # fmt: skip


CHECKS = (CheckResult("front page", Verdict.INCONCLUSIVE, "status 502", 12),)


def rehearsal(of: Plan) -> Rehearsal:
    stage = StageResult(Stage.AFTER_ROLL_BACK, Verdict.FAILED, "page is gone", 4, CHECKS)
    return Rehearsal(
        of.id, of.digest, NOW, LATER, (TwinResult("web-1", "web-1", 999_000, (stage,)),)
    )


def approval(of: Plan, by: str = "bob") -> Approval:
    return Approval(
        of.id,
        of.digest,
        by,
        ELSEWHERE,
        "read it",
        accepts_no_way_back=True,
        overrides_rehearsal=False,
    )


def host_run(number: int, state: RunState = RunState.PENDING) -> HostRun:
    return HostRun(
        HostRunId(f"run-{number}"), HostId(f"web-{number}"), 0, state, "why",
        TransactionId(f"tx-{number}"), TransactionId(f"undo-{number}"),
        NOW, CHECKS, (), "b00t", ELSEWHERE, None,
    )  # fmt: skip


def rollout(of: Plan, name: str = "rollout-1", at: datetime = NOW) -> Rollout:
    return Rollout(
        RolloutId(name), of.id, of.digest, Phase.ROLLING_BACK, "a gate said so", 0,
        (RolloutRing("canary", 600, 86_400),), (host_run(1), host_run(2)), 5, 1, ELSEWHERE, None,
        "alice", at, LATER, soaked=True, forgiven=2, rollback_scope=(WEB,), ended_at=None,
        wish=Wish.ABORT, lane=PlanLane.URGENT,
        forgiven_runs=(HostRunId("run-1"), HostRunId("run-2")),
    )  # fmt: skip
