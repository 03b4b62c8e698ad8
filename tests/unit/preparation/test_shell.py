import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oakum.adapters.preparation.shell import parse_present
from oakum.core.errors import HostError
from oakum.core.orders.preparation import HostFile
from oakum.ports.host_files import Account

CONTENT = "host web-1\nthreshold 2\n"
ANSWER = (
    "account\tours\nmissing\tsudo\nfile\t/etc/oakum/verifier.conf\t644\t"
    f"{base64.b64encode(CONTENT.encode()).decode()}\nend\tok\n"
)


def test_what_is_there_is_read() -> None:
    """The account, what is missing, and each file with its mode and content."""
    found = parse_present(ANSWER.encode())
    path = "/etc/oakum/verifier.conf"
    assert (found.account, found.missing) == (Account.OURS, ("sudo",))
    assert found.files == {path: HostFile(path, 0o644, CONTENT)}


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER.replace("end\tok\n", ""),
        ANSWER.replace("account\tours\n", ""),
        ANSWER.replace("account\tours", "account\tmine"),
        ANSWER.replace("\t644\t", "\tfour\t"),
        ANSWER.replace("\t644\t", "\t644\t!"),
        ANSWER.replace("missing\tsudo", "odd\t/etc/oakum/approvers"),
        "",
    ],
)
def test_what_is_no_answer_is_an_error(answer: str) -> None:
    """Cut off, of no file, or not to be read: nothing is installed over what was not seen."""
    with pytest.raises(HostError):
        parse_present(answer.encode())


@given(st.binary())
def test_garbage_is_an_error(garbage: bytes) -> None:
    """Whatever a host prints is read or refused, and raises nothing else."""
    with pytest.raises(HostError):
        parse_present(b"garbage" + garbage + b"\nend\tok\n")
