from oakum.core.errors import HostError, UnreachableError
from oakum.services.drive_host import not_asked


def test_a_host_that_could_not_be_asked_says_what_to_do() -> None:
    """The next step reaches whoever reads the run, as the reason itself does."""
    full = HostError("cannot take it: No space left on device", hint="make room there")
    assert not_asked(full).reason == "cannot take it: No space left on device; make room there"
    assert not_asked(UnreachableError("no route")).reason == "no route"
