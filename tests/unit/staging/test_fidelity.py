from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from oakum.core.inventory.distribution import Distribution
from oakum.core.inventory.facts import Facts, RunningKernel
from oakum.core.inventory.package import InstalledPackage
from oakum.core.staging.fidelity import compare_packages

BASH = InstalledPackage("bash", "5.2-1", "amd64", "bash", "5.2-1")
NGINX = InstalledPackage("nginx", "1.22-1", "amd64", "nginx", "1.22-1")

packages = st.lists(
    st.builds(
        InstalledPackage,
        st.sampled_from(["bash", "nginx", "zlib1g"]),
        st.sampled_from(["1", "2"]),
        st.just("amd64"),
        st.just("s"),
        st.just("1"),
    ),
    unique_by=lambda package: package.key,
)


def facts(*installed: InstalledPackage) -> Facts:
    return Facts(
        datetime(2026, 11, 25, tzinfo=UTC), "web-1", "m", "b", "amd64",
        Distribution("debian", "12", "bookworm"), RunningKernel("", ""),
        has_systemd=True, is_container=False, packages=installed,
    )  # fmt: skip


def test_each_difference_is_named_and_lowers_the_share() -> None:
    """Another version, another mark and a missing package are three differences."""
    host = facts(BASH, NGINX, replace(BASH, name="dash"), replace(BASH, name="sed"))
    twin = facts(
        replace(BASH, version="5.2-2"), replace(NGINX, is_automatic=True), host.packages[2]
    )
    found = compare_packages(host, twin)
    assert found.ppm == 250_000
    assert found.differences == (
        "bash:amd64: 5.2-1 (manual) there, 5.2-2 (manual) here",
        "nginx:amd64: 1.22-1 (manual) there, 1.22-1 (automatic) here",
        "sed:amd64: 5.2-1 (manual) there, none here",
    )


@given(packages, packages)
def test_only_equals_are_whole_and_the_measure_is_fair(
    here: list[InstalledPackage], there: list[InstalledPackage]
) -> None:
    """A million exactly for the same packages, and the same both ways round."""
    found = compare_packages(facts(*here), facts(*there))
    assert found.ppm == compare_packages(facts(*there), facts(*here)).ppm
    is_same = {(p.key, p.version) for p in here} == {(p.key, p.version) for p in there}
    assert (found.differences == ()) is is_same
    assert (found.ppm == 1_000_000) is (is_same and bool(here))
