import json
from collections.abc import Iterator

import pytest

from oakum.entrypoints.cli.output import print_json_list


@pytest.mark.parametrize("parts", [[], [[]], [[1], [], [2, "ä"]]])
def test_a_list_in_parts_is_one_document(
    parts: list[list[object]], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """And has a line for each value."""
    values = [value for part in parts for value in part]
    assert print_json_list(parts) == len(values)
    written = capfdbinary.readouterr().out
    assert json.loads(written) == values
    assert written.count(b"\n") == len(values) + 2


def test_what_was_broken_off_is_no_document(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """A part of the findings must not be taken for all of them."""

    def parts() -> Iterator[list[int]]:
        yield [1]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        print_json_list(parts())
    with pytest.raises(json.JSONDecodeError):
        json.loads(capfdbinary.readouterr().out)
