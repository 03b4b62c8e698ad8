"""Targets: what people write, and what Oakum itself has stored."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import msgspec
from pyroaring import BitMap
from tests.fuzz.claims import claim, plain
from tests.fuzz.target import NOW, Target, golden
from tests.plans import PLAN

from oakum.adapters.inventories.files import parse_yaml
from oakum.adapters.machines.room import Room
from oakum.adapters.persistence.audit_head import HeadFile
from oakum.adapters.persistence.documents import from_bitmap, from_document, to_document
from oakum.adapters.persistence.stores.audit import _event
from oakum.adapters.persistence.stores.components import component_of
from oakum.adapters.persistence.stores.members import pack, unpack
from oakum.core.advisories.cve import parse_cve
from oakum.core.audit.chain import StoredEvent, check
from oakum.core.audit.event import GENESIS, Action, content_of, link
from oakum.core.canonical import canonical_json, digest_of_bytes
from oakum.core.errors import OakumError
from oakum.core.ids import Digest, HostId, HostRunId, PlanId, RolloutId, TransactionId
from oakum.core.inventory.ansible import parse_ini
from oakum.core.inventory.host import Host
from oakum.core.inventory.known_address import KnownAddress
from oakum.core.inventory.selector import parse_selector
from oakum.core.inventory.ssh_config import parse_ssh_config
from oakum.core.inventory.support import parse_support
from oakum.core.matching.component import Component
from oakum.core.orders.preparation import read_approvers
from oakum.core.planning.plan import Plan
from oakum.core.planning.windows import parse_window
from oakum.core.repositories.snapshot import Role, Snapshot, SnapshotManifest, SnapshotPackage
from oakum.core.risk.tables import parse_cisa, parse_deadlines, parse_lanes
from oakum.core.rollout.rollout import HostRun, Rollout, RolloutRing
from oakum.core.rollout.state import Phase, RunState
from oakum.core.staging.check import Verdict
from oakum.core.staging.rehearsal import Rehearsal, Stage, StageResult, TwinResult
from oakum.entrypoints.cli.exceptions import _day
from oakum.entrypoints.cli.moments import parse_moment, parse_past
from oakum.entrypoints.cli.plans import _percents
from oakum.settings import parse_configuration

T = TypeVar("T")
DATA = Path(__file__).parents[2] / "src" / "oakum" / "data"

INI = b"""\
lonely ansible_host=192.0.2.9   # stands in no group
[web]
web[01:03] ansible_user=deploy
[role_db]
db-[a:b].example ansible_port=2200
bastion:2222
[web:vars]
ansible_port = 2022
[prod:children]
web
role_db
[prod:vars]
ansible_ssh_private_key_file="/keys/prod"
"""
YAML = b"""\
all:
  vars: {ansible_user: root}
  children:
    web:
      hosts:
        web[1:2]:
          ansible_port: 2022
    role_db:
      hosts: {db: {ansible_host: 192.0.2.7}}
"""
SSH_CONFIG = b"""\
Host web-? db !db-9
  HostName %h.example
  Port 2222
  ProxyJump bastion
Host *
  User deploy
  IdentityFile "~/.ssh/a key"
"""
CONFIGURATION = b"""\
transport = "asyncssh"
[[archives]]
uri = "http://mirror.example/debian"
suite = "bookworm"
[rollout]
concurrency = 10
ring_percents = [10, 40, 100]
[rehearsal]
copy = ["srv/www"]
[policy]
deadlines = ["bod-26-04"]
[advisories]
distributions = ["debian"]
[advisories.kev]
url = "https://feeds.example/kev.json"
[[checks]]
name = "home page"
kind = "http"
target = "/"
"""
HOST = Host(HostId("h"), "web-1", "192.0.2.1", 22, "me", "ssh-ed25519 AAAA", NOW, ("role=web",))
MANIFEST = SnapshotManifest(
    "bookworm",
    "amd64",
    (
        SnapshotPackage(
            "bash", "5.2", "amd64", "bash", "5.2", Digest("a" * 64), 1, 1, (Role.CANDIDATE,), "x"
        ),
    ),
    (),
)
SNAPSHOT = Snapshot(MANIFEST, NOW, 1)
ROLLOUT = Rollout(
    RolloutId("r"), PlanId("p"), Digest("a" * 64), Phase.WAITING, "", 0, (RolloutRing("a", 60),),
    (
        HostRun(
            HostRunId("x"), HostId("h"), 0, RunState.PENDING, "", TransactionId("t"),
            TransactionId("u"), NOW,
        ),
    ),
    1, 0, None, NOW, "me", NOW,
)  # fmt: skip
REHEARSAL = Rehearsal(
    plan=PLAN.id,
    plan_digest=PLAN.digest,
    started_at=NOW,
    finished_at=NOW,
    twins=(TwinResult("web-1", "web-1", 1, (StageResult(Stage.BUILD, Verdict.PASSED, "", 1),)),),
)
COMPONENT = Component("bookworm", "openssl", "openssl", "3.0.1-1")
EVENT = link(
    sequence=1, at=NOW, actor="me", action=next(iter(Action)), subject="s", details={"a": [1]},
    previous=GENESIS,
)  # fmt: skip


def _text(content: bytes) -> str:
    """Return text as a command line or a file would give it: what is no UTF-8 is kept apart."""
    return content.decode(errors="surrogateescape")


def _addresses(parse: Callable[[str], Iterable[KnownAddress]]) -> Callable[[bytes], None]:
    def read(content: bytes) -> None:
        for known in parse(content.decode(errors="replace")):
            plain((known.name, known.address, known.user, known.identity_file), "a host")
            claim(0 < known.port < 2**16, "no port")

    return read


def _selector(content: bytes) -> None:
    parse_selector(_text(content)).matches(HOST)


def _approvers(content: bytes) -> None:
    found = read_approvers(content.decode(errors="replace"))
    plain(found, "a key")
    claim(len(found) == len(set(found)), "a key counts twice")


def _configuration(content: bytes) -> None:
    found = parse_configuration(content, "oakum.toml")
    for feed in found.advisories.fetched():
        claim(found.advisories.of(feed).urls, "a feed without an address is fetched")


def _moments(content: bytes) -> None:
    first, _, rest = _text(content).partition("\n")
    for read in (
        lambda: parse_moment(first, "--opens").astimezone(UTC),
        lambda: parse_past(first, "--as-of", NOW),
        lambda: parse_cve(first),
        lambda: _day(first),
        lambda: _percents(rest or first),
    ):
        with suppress(OakumError):
            read()


def _window(content: bytes) -> None:
    rule, _, zone = _text(content).partition("\n")
    window = parse_window(
        "night",
        rule=rule,
        starts=datetime(2026, 1, 1, 22),  # noqa: DTZ001 (a window begins in local time)
        duration=timedelta(hours=4),
        zone=zone or "UTC",
        where="test",
    )
    begin = datetime(2026, 11, 25, tzinfo=UTC)
    opened = list(islice(window.openings(begin, begin + timedelta(days=400)), 500))
    claim(opened == sorted(opened), "openings out of order")


def _tables(content: bytes) -> None:
    text = content.decode(errors="replace")
    for parse in (parse_deadlines, parse_lanes, parse_cisa):
        with suppress(OakumError):
            parse(text)


def _support(content: bytes) -> None:
    parse_support(content.decode(errors="replace"), "support.csv")


def _document(kind: type[T]) -> Callable[[bytes], None]:
    """Claim that what a stored document says is the same once it is stored again."""

    def read(content: bytes) -> None:
        value = from_document(content, kind, "a document")
        claim(from_document(to_document(value), kind, "it") == value, "another one is stored")

    return read


def _plan(content: bytes) -> None:
    plan = from_document(content, Plan, "a plan")
    claim(plan.digest.startswith(plan.id.removeprefix("plan-")), "the id is of another digest")
    plan.window.in_words()


def _snapshot(content: bytes) -> None:
    claim(from_document(content, Snapshot, "a snapshot").id, "no id")


def _members(content: bytes) -> None:
    found = unpack(content)
    claim(found == sorted(found), "members in no order")


def _bitmap(content: bytes) -> None:
    claim(all(0 <= number < 2**32 for number in from_bitmap(content, "a set")), "no number")


def _audit(content: bytes) -> None:
    digest = digest_of_bytes(content)
    check([StoredEvent(1, "s", content, digest)])
    _event(1, content, digest)


def _head(content: bytes) -> None:
    with TemporaryDirectory(prefix="oakum-fuzz-") as directory:
        file = HeadFile.of(Path(directory))
        file.path.write_bytes(content)
        kept = file.read()
        claim(kept is not None and 0 <= kept.number < 2**63, "a number that no database holds")


def _machine(content: bytes) -> None:
    with TemporaryDirectory(prefix="oakum-fuzz-") as directory:
        path = Path(directory) / "web-1"
        path.mkdir()
        (path / "machine.json").write_bytes(content)
        Room(Path(directory)).read("web-1")
        Room(Path(directory)).records()


MACHINE = {
    "name": "web-1", "address": "127.0.1.1", "port": 22, "host_key": "ssh-ed25519 AAAA",
    "lower": "/base", "mode": "overlay",
}  # fmt: skip
TARGETS = (
    Target(
        "ansible-ini",
        _addresses(lambda text: parse_ini(text, "hosts", "me")),
        (INI,),
        (b"[a:children]", b"[1:9]", b"[a:z]", b"[1:1]" * 300, b"ansible_host=", b"{{ x }}"),
    ),
    Target(
        "ansible-yaml",
        _addresses(lambda text: parse_yaml(text, "hosts.yml", "me")),
        (YAML,),
        (
            b"!!timestamp x",
            b"!!int x",
            b"!!bool x",
            b"!!binary x",
            b"2001-99-99",
            b"? ",
            b"<<: ",
            b"&a ",
            b"1:99:99",
            b"0x_",
            b"!!float x",
            b"children:",
            b"~: ",
            b"- ",
            b"hosts:",
        ),
    ),
    Target(
        "ssh-config",
        _addresses(lambda text: parse_ssh_config(text, "config", "me")),
        (SSH_CONFIG,),
        (b"Host ", b"*a" * 20, b"a" * 40, b"Port 70000", b"Match all", b"= "),
    ),
    Target(
        "approvers",
        _approvers,
        (b"# who may approve\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA ann\n",),
        (b"sk-ssh-ed25519@openssh.com ", b"ssh-rsa "),
    ),
    Target("selectors", _selector, (b"role:web,db not label:frozen www-*",), (b"*?" * 20, b"not ")),
    Target(
        "configuration",
        _configuration,
        (CONFIGURATION,),
        (
            b"[" * 2000,
            b"a = " + b"[" * 3000,
            b"1" * 5000,
            b"1979-05-27T07:32:00Z",
            b"[a.b.c]",
            b"'''",
        ),
    ),
    Target(
        "command-line",
        _moments,
        (b"2026-11-25T22:00+01:00\n10,40,100", b"2026-11-25", b"CVE-2024-6387"),
        ("\u0661\u0660".encode(), b"9" * 5000, b"T24:00", b"+23:59:59.999999"),
    ),
    Target(
        "windows",
        _window,
        (b"FREQ=WEEKLY;BYDAY=SA,SU\nEurope/Berlin", b"FREQ=MONTHLY;BYDAY=2TU;UNTIL=20271231"),
        (
            b"FREQ=YEARLY",
            b"BYMONTHDAY=30",
            b"BYMONTH=2",
            b"BYSETPOS=-1",
            b"INTERVAL=99",
            b";",
            b"BYDAY=-53MO",
            b"WKST=SU",
            b"COUNT=1",
            b"BYEASTER=1",
            b"FREQ=DAILY",
            b"RRULE:",
        ),
        cost=4,
    ),
    Target(
        "policy-tables",
        _tables,
        tuple(path.read_bytes() for path in sorted((DATA / "policies").glob("*.csv"))),
    ),
    Target("support-table", _support, ((DATA / "releases" / "support.csv").read_bytes(),)),
    Target("plans", _plan, (to_document(PLAN), *golden("plans/format-1.json"))),
    Target("snapshots", _snapshot, (to_document(SNAPSHOT),)),
    Target("rollouts", _document(Rollout), (to_document(ROLLOUT),)),
    Target("rehearsals", _document(Rehearsal), (to_document(REHEARSAL),)),
    Target(
        "components",
        lambda content: component_of(content.decode(errors="replace")),
        (to_document(COMPONENT),),
    ),
    Target("bitmaps", _bitmap, (BitMap([1, 5, 70_000]).serialize(), b"\x3b")),
    Target("package-sets", _members, (pack([(1, "ii", True), (2, "ii", False), (3, "hi", True)]),)),
    Target("audit-events", _audit, (canonical_json(content_of(EVENT)),)),
    Target("audit-head", _head, (f"7 {'a' * 64}\n".encode(),), cost=4),
    Target("machines", _machine, (msgspec.json.encode(MACHINE),), cost=8),
)
