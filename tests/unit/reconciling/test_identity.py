import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.reconciling.builders import host

from oakum.core.reconciling.identity import UNKNOWN, HostIndex
from oakum.core.reconciling.report import ReportedHost

FLEET = HostIndex.of(
    [
        host("web-1", "192.0.2.10"),
        host("web-2", "2001:db8::2"),
        host("db-1", "db-1.example.com"),
        host("lab-1", "127.0.0.1"),
        host("lab-2", "127.0.0.1"),
        host("mail.a.example.com", "192.0.2.41"),
        host("mail.b.example.com", "192.0.2.42"),
    ]
)


@pytest.mark.parametrize(
    ("name", "addresses", "expected"),
    [
        ("web-1", (), "web-1"),
        ("web-1", ("web-2",), "web-1"),
        ("192.0.2.10", (), "web-1"),
        ("192.0.2.10", ("web-2",), "web-2"),
        ("2001:0DB8:0:0::2", (), "web-2"),
        ("DB-1.Example.com.", (), "db-1"),
        ("WEB-1", (), "web-1"),
        ("web-1.example.com", (), "web-1"),
        ("ip-192-0-2-10.compute.internal", ("192.0.2.10",), "web-1"),
        ("lab-2.example.com", ("127.0.0.1",), "lab-2"),
        ("mail.b.example.com", (), "mail.b.example.com"),
        ("db-1.other.example", (), "db-1"),
    ],
)
def test_a_host_is_known_by_name_then_address_then_short_name(
    name: str, addresses: tuple[str, ...], expected: str
) -> None:
    """Exact names come first; names in DNS have no case, addresses no second spelling."""
    found, why = FLEET.find(ReportedHost(name, addresses))
    assert found is not None
    assert (found.name, why) == (expected, "")


@pytest.mark.parametrize(
    ("name", "addresses", "why"),
    [
        ("127.0.0.1", (), "its address fits several hosts: lab-1, lab-2"),
        ("mail", (), "fits several hosts: mail.a.example.com, mail.b.example.com"),
        ("scan", ("web-1", "web-2"), "its name fits several hosts: web-1, web-2"),
        ("web-2.example.com", ("192.0.2.10",), "its address is that of web-1, its name that of"),
        ("web-9", ("192.0.2.99",), UNKNOWN),
        ("192.0.2.1", (), UNKNOWN),
        ("", (), UNKNOWN),
        ("/mnt/web-1", (), UNKNOWN),
        ("nginx@web-1", (), UNKNOWN),
    ],
)
def test_what_is_ambiguous_or_unknown_is_no_host(
    name: str, addresses: tuple[str, ...], why: str
) -> None:
    """And the reason is said: the wrong host's findings would be taken for its own."""
    found, reason = FLEET.find(ReportedHost(name, addresses))
    assert found is None
    assert why in reason


@given(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=3))
def test_whatever_a_scanner_calls_a_host_is_answered(name: str, addresses: list[str]) -> None:
    """A host or a reason, never both."""
    found, why = FLEET.find(ReportedHost(name, tuple(addresses)))
    assert (found is None) is bool(why)
