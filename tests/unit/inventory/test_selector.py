from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from tests.strategies import hostile_text

from oakum.core.errors import InputError
from oakum.core.ids import HostId
from oakum.core.inventory.host import Criticality, Exposure, Host
from oakum.core.inventory.selector import parse_selector

HOST = Host(
    HostId("web-1"), "web-1", "192.0.2.1", 22, "root", "", datetime(2026, 1, 1, tzinfo=UTC),
    labels=("frozen", "role=web"), exposure=Exposure.OPEN, criticality=Criticality.VERY_HIGH,
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("web-1", True),
        ("web-?", True),
        ("db*", False),
        ("db*,web*", True),
        ("role:web", True),
        ("role=web", True),
        ("role:db,web", True),
        ("role:db", False),
        ("label:frozen", True),
        ("label:role=web", True),
        ("not label:frozen", False),
        ("not role:db web-*", True),
        ("not not web-1", True),
        ("not not db", False),
        ("exposure:open", True),
        ("criticality:very-high", True),
        ("address:192.0.2.*", True),
        ("name:web-1 exposure:small", False),
    ],
)
def test_terms(text: str, expected: bool) -> None:  # noqa: FBT001 (a table's column)
    """Every term must hold; a comma means either; `not` turns round the next term."""
    assert parse_selector(text).matches(HOST) is expected


@pytest.mark.parametrize(
    ("text", "column"), [("web $x", 5), ("not", 4), ("web not", 8), ("role:,", 1), ("not ,", 5)]
)
def test_what_is_no_condition_is_refused_with_its_column(text: str, column: int) -> None:
    """A slip must not select every host, nor none without a word."""
    with pytest.raises(InputError, match=rf"^column {column} "):
        parse_selector(text)


@given(hostile_text)
def test_any_text_is_a_query_or_an_error(text: str) -> None:
    """Nothing but InputError is raised."""
    with suppress(InputError):
        parse_selector(text).matches(HOST)
