import pytest

from oakum.core.errors import InputError
from oakum.entrypoints.cli.plans import _window


@pytest.mark.parametrize(
    ("opens", "closes", "said"),
    [
        ("0001-01-01T00:00+14:00", "", "beyond all calendars"),
        ("2026-11-25T10:00", "", "names no time zone"),
        ("soon", "", "is no moment"),
    ],
)
def test_a_window_that_makes_no_sense_is_an_error(opens: str, closes: str, said: str) -> None:
    """It is said with the option that holds it."""
    with pytest.raises(InputError, match=said):
        _window(opens, closes)
