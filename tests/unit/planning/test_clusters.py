"""Which hosts count as alike, and how those that do not are called."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plans import CHANGE, NOW

from oakum.core.ids import HostId
from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.facts import (
    Environment,
    Facts,
    ModifiedConffile,
    RunningKernel,
    Service,
)
from oakum.core.inventory.host import Host
from oakum.core.inventory.package import InstalledPackage
from oakum.core.planning.change import PackageChange, RollbackClass
from oakum.core.planning.clusters import (
    Fingerprint,
    clusters_of,
    fingerprint,
    flavour_of,
    touched_by,
)

HOST = Host(HostId("web-1"), "web-1", "127.0.0.1", 22, "root", "key", NOW, ("ha=a", "role=web"))
NGINX = InstalledPackage("nginx", "1.22.1-9", "amd64", "nginx", "1.22.1-9")
COMMON = InstalledPackage("nginx-common", "1.22.1-9", "all", "nginx", "1.22.1-9")
BASH = InstalledPackage("bash", "5.2.15-2+b8", "amd64", "bash", "5.2.15-2")
RUNNING = Service("nginx.service", "nginx-common", is_enabled=True, is_running=True)
CONFFILE = ModifiedConffile("/etc/nginx/nginx.conf", "nginx-common", "0" * 32, "1" * 32)
WHERE = Environment("kvm", "Example Cloud", "UEFI", "ext4", ("ifupdown",), ("virtio_net",), 100_000)
FACTS = Facts(
    NOW, "web-1", "m", "b", "amd64", Distribution("debian", "12", "bookworm", "Debian"),
    RunningKernel("6.1.0-50-cloud-amd64", "#1"), has_systemd=True, is_container=False,
    packages=(BASH, NGINX, COMMON), environment=WHERE, services=(RUNNING,),
)  # fmt: skip
SERVICE = replace(CHANGE, source_name="nginx", rollback_class=RollbackClass.SERVICE)
CORE = replace(CHANGE, source_name="systemd", rollback_class=RollbackClass.CORE)
NETWORK = replace(CHANGE, source_name="ifupdown")


def of(
    facts: Facts, *changes: PackageChange, host: Host = HOST, name: str = "web-1"
) -> Fingerprint:
    return fingerprint(host, facts, name, touched_by(changes or (SERVICE,)))


IRRELEVANT = [
    replace(FACTS, hostname="other", machine_id="n", boot_id="c"),
    replace(FACTS, packages=(replace(BASH, version="5.2.15-3"), NGINX, COMMON)),
    replace(FACTS, modified_conffiles=(replace(CONFFILE, package="bash"),)),
    replace(FACTS, services=(RUNNING, Service("cron.service", "cron", True, True))),  # noqa: FBT003
    replace(FACTS, kernel=RunningKernel("6.1.0-50-amd64", "#1")),
    replace(FACTS, environment=replace(WHERE, root_file_system="btrfs", boot_mode="not UEFI")),
    replace(FACTS, environment=replace(WHERE, machine="xen", network_drivers=("ena",))),
]
RELEVANT = [
    replace(FACTS, architecture="arm64"),
    replace(FACTS, distribution=Distribution("debian", "13", "trixie")),
    replace(FACTS, has_systemd=False),
    replace(FACTS, packages=(NGINX, replace(COMMON, source_version="1.22.1-8"))),
    replace(FACTS, modified_conffiles=(CONFFILE,)),
    replace(FACTS, modified_conffiles=(replace(CONFFILE, actual_md5=""),)),
    replace(FACTS, services=(replace(RUNNING, is_running=False),)),
    replace(FACTS, services=()),
    replace(FACTS, services=None),
    replace(FACTS, environment=replace(WHERE, up_seconds=40 * 86_400)),
    replace(FACTS, environment=replace(WHERE, up_seconds=None)),
]


@pytest.mark.parametrize("facts", IRRELEVANT)
def test_what_a_packages_change_cannot_meet_makes_no_cluster(facts: Facts) -> None:
    """A web server's update: other packages, the file system and the cloud are left out."""
    assert of(facts) == of(FACTS)


@pytest.mark.parametrize("facts", RELEVANT)
def test_what_it_may_meet_makes_another_cluster(facts: Facts) -> None:
    """Also what is not known: it is no known value."""
    assert of(facts) != of(FACTS)


def test_roles_and_other_changes_make_clusters_too() -> None:
    """A role is what people know that no fact says; other labels are not."""
    assert of(FACTS, host=replace(HOST, labels=("role=db",))) != of(FACTS)
    assert of(FACTS, host=replace(HOST, labels=("domain=a", "role=web"))) == of(FACTS)
    assert of(FACTS, name="web-2") != of(FACTS)


@pytest.mark.parametrize("facts", IRRELEVANT[4:])
def test_for_the_core_of_a_system_the_machine_counts(facts: Facts) -> None:
    """Kernel flavour, boot mode, root file system, cloud and drivers."""
    assert of(facts, CORE) != of(FACTS, CORE)


def test_for_what_sets_up_a_network_the_network_counts() -> None:
    """The driver does, the file system does not."""
    assert of(IRRELEVANT[6], NETWORK) != of(FACTS, NETWORK)
    assert of(IRRELEVANT[5], NETWORK) == of(FACTS, NETWORK)


def test_an_instance_that_a_login_began_is_no_difference() -> None:
    """`user@0.service` runs while somebody looks; a database that a generator began does not."""
    user = Service("user@0.service", "nginx", is_enabled=False, is_running=True)
    asked = replace(user, unit="ssh@3-192.0.2.1:22-192.0.2.2:50514.service")
    assert of(replace(FACTS, services=(RUNNING, user, asked))) == of(FACTS)
    assert of(replace(FACTS, services=(RUNNING, replace(user, is_enabled=True)))) != of(FACTS)
    database = replace(user, unit="postgresql@15-main.service")
    assert of(replace(FACTS, services=(RUNNING, database))) != of(FACTS)


def test_what_is_not_known_is_said_so() -> None:
    """A host that tells nothing of itself is not like one that has none of it."""
    silent = dict(of(replace(FACTS, environment=Environment(), services=None), CORE))
    asked = ("up", "runs on", "boot", "root file system", "network", "network drivers", "services")
    assert {feature: silent[feature] for feature in asked} == dict.fromkeys(asked, "not known")
    bare = dict(of(replace(FACTS, environment=replace(WHERE, network_managers=())), CORE))
    assert bare["network"] == "none"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "for less than a day"), (86_400, "for less than a month"),
     (30 * 86_400, "for less than half a year"), (180 * 86_400, "for half a year or more")],
)  # fmt: skip
def test_uptime_counts_by_its_class(seconds: int, words: str) -> None:
    """A minute more makes no other environment."""
    assert dict(of(replace(FACTS, environment=replace(WHERE, up_seconds=seconds))))["up"] == words


@pytest.mark.parametrize(
    ("kernel", "flavour"),
    [("6.1.0-50-amd64", "amd64"), ("6.1.0-50-cloud-amd64", "cloud-amd64"), ("", ""),
     ("5.15.0-97-generic", "generic"), ("6.1.0", ""), ("6.1.0-50-rt-686-pae", "rt-pae")],
)  # fmt: skip
def test_the_flavour_of_a_kernel_is_its_name_without_versions(kernel: str, flavour: str) -> None:
    """What was built otherwise, not when."""
    assert flavour_of(kernel) == flavour


FINGERPRINTS = st.dictionaries(
    st.text("abc", min_size=1, max_size=3).map(HostId),
    st.dictionaries(
        st.sampled_from(["changes", "role", "/etc/x", "x.service"]),
        st.sampled_from(["one", "two"]),
    ).map(lambda found: tuple(sorted(found.items()))),
    max_size=12,
)


@given(FINGERPRINTS)
def test_hosts_are_together_if_and_only_if_they_are_alike(
    known: Mapping[HostId, Fingerprint],
) -> None:
    """Every host is in one cluster; no cluster says that it differs where it does not."""
    clusters = clusters_of(known)
    assert sorted(h for c in clusters for h in c.hosts) == sorted(known)
    assert all(len({known[h] for h in c.hosts}) == 1 for c in clusters)
    assert len(clusters) == len(set(known.values()))
    assert [len(c.hosts) for c in clusters] == sorted(
        (len(c.hosts) for c in clusters), reverse=True
    )
    assert len({c.differs for c in clusters}) == len(clusters)
    for feature in {feature for c in clusters for feature, _ in c.differs}:
        assert len({dict(c.differs)[feature] for c in clusters}) > 1


def test_a_cluster_is_called_by_what_differs() -> None:
    """What all have is left out; what one has and another has not is said of both."""
    plain, changed = of(FACTS), of(RELEVANT[4])
    both = clusters_of({HostId("a"): plain, HostId("b"): plain, HostId("c"): changed})
    assert [(c.in_words(), c.hosts) for c in both] == [
        ("/etc/nginx/nginx.conf: as shipped", ("a", "b")),
        ("/etc/nginx/nginx.conf: changed by hand", ("c",)),
    ]
    (alone,) = clusters_of({HostId("a"): plain})
    assert alone.in_words() == "all alike"


def test_that_other_packages_change_is_named_where_nothing_else_differs() -> None:
    """Else it says nothing that its reasons do not say."""
    other = of(FACTS, name="web-2")
    (one, two) = clusters_of({HostId("a"): of(FACTS), HostId("b"): other})
    assert (one.in_words(), two.in_words()) == ("changes: web-1", "changes: web-2")
    role = of(FACTS, name="db-1", host=replace(HOST, labels=("role=db",)))
    (one, two) = clusters_of({HostId("a"): of(FACTS), HostId("b"): role})
    assert {one.in_words(), two.in_words()} == {"role: web", "role: db"}


def test_a_long_name_is_cut_and_says_so() -> None:
    """The plan's document has all of it."""
    (one, _) = clusters_of({HostId("a"): of(FACTS, CORE), HostId("b"): of(IRRELEVANT[5], CORE)})
    assert one.in_words(1) == "boot: UEFI; and 1 more"
    assert one.in_words() == "boot: UEFI; root file system: ext4"
