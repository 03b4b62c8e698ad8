"""One prepared host a test, which asks two of three approvers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.verifier.machine import Machine, machine_of_its_own
from tests.integration.verifier.offer import INSTALLED, OFFERED
from tests.integration.verifier.orders import Approver, approvers
from tests.lab.transactions.small_archive import SmallArchive


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


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[SmallArchive]:
    """Serve a snapshot with the old versions and the new."""
    made = SmallArchive(tmp_path / "snapshot")
    made.add(*INSTALLED, *OFFERED)
    yield made
    made.close()
