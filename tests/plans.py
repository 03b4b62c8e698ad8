"""A plan with something in every field, for tests that change one."""

from datetime import UTC, datetime, timedelta

from oakum.core.ids import CveId, Digest, HostId, SnapshotId
from oakum.core.planning.change import ChangeKind, PackageChange, RollbackClass
from oakum.core.planning.clusters import Cluster
from oakum.core.planning.hook import Hook, HookKind, HookMoment, HookPlace, UndoWhen
from oakum.core.planning.lane import Deadline, LaneChoice, LaneEnd, PlanLane
from oakum.core.planning.metric import Measurement, Metric, MetricKind, Worse
from oakum.core.planning.openings import HostOpenings, Opening
from oakum.core.planning.plan import (
    PLAN_FORMAT,
    Budget,
    Group,
    GroupKind,
    HostClass,
    Plan,
    RebootPolicy,
    RestartPolicy,
    Ring,
    RollbackVerdict,
    Window,
)

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
CHANGE = PackageChange(
    kind=ChangeKind.UPGRADE,
    name="libssl3",
    architecture="amd64",
    old_version="3.0.20-1",
    new_version="3.0.22-1",
    sha256=Digest("a" * 64),
    size_bytes=2_000_000,
    source_name="openssl",
    rollback_class=RollbackClass.LIBRARY,
)
WEB = HostClass(
    name="web-1",
    hosts=(HostId("web-1"), HostId("web-2")),
    changes=(CHANGE,),
    restarts=("nginx.service",),
    needs_reboot=False,
    reboot_reason="",
    download_bytes=2_000_000,
    disk_bytes=10,
    kept_back=(("bash:amd64", "held"),),
    conffile_prompts=("/etc/ssl/openssl.cnf",),
)
DRAIN = Hook(
    name="leave the balancer",
    kind=HookKind.DRAIN,
    moment=HookMoment.BEFORE,
    place=HookPlace.CONTROLLER,
    command=("/bin/echo", "drain"),
    timeout_seconds=60,
    must_pass=True,
    undo=("/bin/echo", "back"),
    undo_when=UndoWhen.WELL,
    hosts=(HostId("web-2"),),
)
PLAN = Plan(
    created_at=NOW,
    created_by="me",
    title="openssl",
    snapshot=SnapshotId("b" * 64),
    release="bookworm",
    classes=(WEB,),
    rings=(
        Ring("ring 1", (HostId("web-1"),), 60, 120, 5),
        Ring("ring 2", (HostId("web-2"),), 60, 60, 5),
    ),
    window=Window(NOW, None),
    budget=Budget(concurrency=2, max_failed=0),
    restart_policy=RestartPolicy.AFFECTED,
    reboot_policy=RebootPolicy.NEVER,
    rollback_verdict=RollbackVerdict.FULL,
    rollback_reasons=("all at hand",),
    fixes=((CveId("CVE-2026-0001"), "openssl"),),
    risk_removed_ppm=1000,
    predicted_seconds=120,
    groups=(Group(GroupKind.AVAILABILITY, "web", 1, (HostId("web-1"), HostId("web-2"))),),
    schedule=(
        HostOpenings(("night",), (Opening(NOW, NOW + timedelta(hours=2)),), (HostId("web-2"),)),
    ),
    pace_percent=120,
    measurement=Measurement(
        metrics=(
            Metric(
                name="latency",
                kind=MetricKind.COMMAND,
                target="cat /run/latency",
                worse=Worse.HIGHER,
                is_required=False,
                timeout_seconds=5,
                source="http://metrics.example",
                alike=((HostId("web-1"), HostId("web-2")),),
            ),
        ),
        interval_seconds=60,
        rounds_before=3,
    ),
    deadman_seconds=1800,
    format=PLAN_FORMAT,
    clusters=(Cluster((("kernel", "amd64"),), (HostId("web-1"), HostId("web-2"))),),
    lane=LaneChoice(
        PlanLane.URGENT,
        "me",
        "the scanner said so",
        Deadline(NOW + timedelta(days=3), "bod-26-04"),
        NOW + timedelta(days=1),
        (
            LaneEnd(PlanLane.NORMAL, NOW + timedelta(days=5)),
            LaneEnd(PlanLane.URGENT, NOW + timedelta(days=2)),
            LaneEnd(PlanLane.IMMEDIATE, NOW + timedelta(days=1)),
        ),
    ),
    hooks=(DRAIN,),
)
