"""One prepared host a test, which asks two of three approvers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.verifier.machine import Machine, machine_of_its_own
from tests.integration.verifier.orders import Approver, approvers


@pytest.fixture
def people(tmp_path: Path) -> tuple[Approver, ...]:
    """Three approvers of the host, and a stranger."""
    return approvers(tmp_path, "ann", "bob", "eve", "stranger")


@pytest.fixture
def machine(people: tuple[Approver, ...]) -> Iterator[Machine]:
    """Give a host on which two of the three must sign."""
    with machine_of_its_own() as made:
        made.prepare(tuple(person.public for person in people[:3]), threshold=2)
        yield made
